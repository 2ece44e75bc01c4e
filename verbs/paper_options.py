"""This module holds the options of `report` that shape a paper's table; a table.toml says the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.errors import UsageError
from verbs.choices import F

if TYPE_CHECKING:
    from reports.paper.options import TableOptions

_FILE = "table.toml"
_OPTIONS = (
    click.option("--rows", default="", help="Methods in this order, with commas; others are left out."),
    click.option("--names", multiple=True, metavar="METHOD=NAME", help="What a method is called. Many."),
    click.option("--wide", is_flag=True, help="Over both columns of a page (table*)."),
    click.option("--pm", is_flag=True, help="Values ± half their 95 % interval."),
    click.option("--intervals", is_flag=True, help="95 % intervals below the values."),
    click.option("--decimals", multiple=True, metavar="N|METRIC=N", help="Digits behind the point. Many."),
    click.option("--label", default="", help="For \\ref. [default: tab:cmet-bench]"),
    click.option("--caption", default="", help="Instead of ours."),
    click.option("--with-reported", multiple=True, metavar="PAPER[:TABLE]", help="Published numbers. Many."),
    click.option("--table", type=click.Path(path_type=Path), help=f"A file. [default: {_FILE} in --out]"),
)
#: The names under which click gives these options.
PAPER = ("rows", "names", "wide", "pm", "intervals", "decimals", "label", "caption", "with_reported", "table")


def paper_options(function: F) -> F:
    """Returns the decorator of the options of table.tex."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def asked(folder: Path, columns: str, given: Mapping[str, Any]) -> TableOptions:
    """Returns what the file says (the one in `folder` where none is named), and over it what was typed."""
    from reports.paper.options import TableOptions, decimals, read, split

    kept = folder / _FILE
    path = given["table"] or (kept if kept.is_file() else None)
    base = read(path) if path is not None else TableOptions()
    if given["pm"] and given["intervals"]:
        raise UsageError("--pm and --intervals say the same in two ways.", "Leave one of them out.")
    typed = {
        "columns": () if columns == "headline" else split(columns),
        "rows": split(given["rows"]),
        "wide": given["wide"],
        "spread": "pm" if given["pm"] else "intervals" if given["intervals"] else "",
        "label": given["label"],
        "caption": given["caption"],
        "with_reported": given["with_reported"],
    }
    places = dict(_pair(text) if "=" in text else ("", text) for text in given["decimals"])
    return replace(
        base,
        **{key: value for key, value in typed.items() if value},
        names={**base.names, **dict(_pair(text) for text in given["names"])},
        decimals={**base.decimals, **{name: decimals(text) for name, text in places.items()}},
    )


def _pair(text: str) -> tuple[str, str]:
    left, equals, right = text.partition("=")
    if not (left and equals and right):
        raise UsageError(f"'{text}' is not NAME=TEXT.", 'Example: --names cmet="C-MET (ours)"')
    return left.strip(), right.strip()
