"""This module renders pages from their parts (page_parts/): whatever a template prints is escaped."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

_PARTS = Path(__file__).parent / "page_parts"


def template(name: str) -> Template:
    """Returns a template of page_parts. Rendering it raises UndefinedError for a name that it was not given."""
    environment = Environment(
        loader=FileSystemLoader(_PARTS),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name)


def part(name: str) -> str:
    """Returns the text of a style sheet or script of page_parts."""
    return (_PARTS / name).read_text(encoding="utf-8")
