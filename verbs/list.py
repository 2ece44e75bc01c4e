"""`list` prints methods, datasets and metrics; `--check` runs the contract test on one of your own."""

from __future__ import annotations

import ast
import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

import click

from baselines import ANCHORS, METHODS
from datasets import DATASETS
from evaluators import EVALUATORS
from harness.provenance import ROOT
from verbs.help import Verb


@click.command(
    "list",
    cls=Verb,
    examples=(
        "list",
        "list --check my.py:Mine",
    ),
)
@click.option("--check", default=None, metavar="FILE.py:Class", help="Test a method, metric or dataset of yours.")
@click.option("--root", type=click.Path(path_type=Path), default=None, help="With --check: where the dataset lies.")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
def command(check: str | None, root: Path | None, as_json: bool) -> int:
    """List methods, datasets, protocols and evaluators. Nothing heavy is imported."""
    if check is not None:
        from verbs.checking import check as run_check

        return run_check(check, click.echo, root)
    protocols = sorted(path.stem for path in (ROOT / "evaluators" / "protocols").glob("*.toml"))
    catalogue = {
        "methods": {name: summary(spec) for name, spec in METHODS.items()},
        "datasets": {name: f"{summary(spec)}{_choices(spec)}" for name, spec in DATASETS.items()},
        "protocols": {name: _described(name) for name in protocols},
        "evaluators": {name: summary(spec) for name, spec in EVALUATORS.items()},
    }
    if as_json:
        click.echo(json.dumps(catalogue, indent=1))
        return 0
    for kind, entries in catalogue.items():
        click.echo(kind)
        for name, text in entries.items():
            mark = " (anchor)" if kind == "methods" and name in ANCHORS else ""
            click.echo(f"  {name:<16} {text}{mark}")
    return 0


def summary(spec: str) -> str:
    """Returns the first line of the docstring of the class that a spec names, or of its module."""
    source = _source(spec)
    if source is None:
        return "(not in this checkout)"
    return (ast.get_docstring(source) or "").partition("\n")[0]


def literals(spec: str, names: Collection[str]) -> dict[str, Any]:
    """Returns the class attributes called `names` that the class named by a spec assigns itself, as literals."""
    assigned: dict[str, Any] = {}
    for line in getattr(_source(spec), "body", ()):
        targets = line.targets if isinstance(line, ast.Assign) else [getattr(line, "target", None)]
        name = getattr(targets[0], "id", "")
        if name in names and line.value is not None:
            assigned[name] = ast.literal_eval(line.value)
    return assigned


def _source(spec: str) -> ast.ClassDef | ast.Module | None:
    """The class that a spec names (else its module) as written: importing it would take numpy, or torch."""
    module, _, name = spec.partition(":")
    path = ROOT / Path(*module.split(".")).with_suffix(".py")
    if not path.is_file():
        return None
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return next((node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name), tree)


def _choices(spec: str) -> str:
    """The lists and options of a dataset, in words; "" where it has none."""
    facts = literals(spec, ("name", "lists", "options"))
    lists, options = tuple(facts.get("lists", ())), tuple(facts.get("options", ()))
    words = f" --list {', '.join(lists)} (NAME@part: what is there of it)." if lists else ""
    return words + (f" --set {facts['name']}.KEY=VALUE: {', '.join(options)}." if options else "")


def _described(protocol: str) -> str:
    text = (ROOT / "evaluators" / "protocols" / f"{protocol}.toml").read_text(encoding="utf-8")
    line = next((line for line in text.splitlines() if line.startswith("description")), "")
    return line.partition("=")[2].strip().strip('"')
