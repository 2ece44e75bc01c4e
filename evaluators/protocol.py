"""Protocols: small toml files that name their metrics and every setting (DESIGN §5)."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evaluators import EVALUATORS
from harness import registry
from harness.errors import UsageError, unknown_name

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FOLDER = Path(__file__).parent / "protocols"


@dataclass(frozen=True)
class Entry:
    """One judge of a protocol: its registry name and its settings."""

    evaluator: str
    settings: Mapping[str, str]


@dataclass(frozen=True)
class EvaluationProtocol:
    """A named list of judges with every setting."""

    name: str
    description: str
    entries: tuple[Entry, ...]


def names() -> list[str]:
    """The protocols that ship with the project."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def read(name: str) -> EvaluationProtocol:
    """The protocol of that name, or the one in the file `name` (path/to/mine.toml)."""
    path = Path(name) if name.endswith(".toml") else FOLDER / f"{name}.toml"
    if not name.endswith(".toml") and name not in names():
        raise unknown_name("protocol", name, names())
    if not path.is_file():
        raise UsageError(f"There is no protocol file '{path}'.", "Give --protocol NAME or a path to a .toml file.")
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"'{path}' is not valid toml: {error}.", "Mend the file.") from error
    entries = tuple(_entry(path, item) for item in data.get("metric", ()))
    if not entries:
        raise UsageError(f"'{path}' names no [[metric]].", "See evaluators/protocols/ for examples.")
    return EvaluationProtocol(str(data.get("name", path.stem)), str(data.get("description", "")), entries)


def _entry(path: Path, item: Mapping[str, Any]) -> Entry:
    name = str(item.get("evaluator", ""))
    if name not in EVALUATORS:
        raise unknown_name(f"evaluator (in '{path.name}')", name, EVALUATORS)
    return Entry(name, {key: str(value) for key, value in item.items() if key != "evaluator"})


def build(protocol: EvaluationProtocol, device: str) -> list[Any]:
    """The judges of a protocol, nothing loaded yet."""
    return [registry.load(EVALUATORS[entry.evaluator])(entry.settings, device) for entry in protocol.entries]
