"""`list`: what there is; `--check`: the contract test on a method of yours."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import click

from baselines import ANCHORS, METHODS
from datasets import DATASETS
from evaluators import EVALUATORS
from harness import registry
from harness.provenance import ROOT


@click.command("list")
@click.option("--check", default=None, metavar="FILE.py:Class", help="Run the contract test on a method.")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
def command(check: str | None, as_json: bool) -> int:
    """Methods, datasets, protocols and evaluators. Nothing heavy is imported."""
    if check is not None:
        from baselines.conformance import check_method

        return check_method(check, click.echo)
    protocols = sorted(path.stem for path in (ROOT / "evaluators" / "protocols").glob("*.toml"))
    found = {
        "methods": {name: summary(spec) for name, spec in METHODS.items()},
        "datasets": {name: f"{summary(spec)}{_choices(spec)}" for name, spec in DATASETS.items()},
        "protocols": {name: _described(name) for name in protocols},
        "evaluators": {name: summary(spec) for name, spec in EVALUATORS.items()},
    }
    if as_json:
        click.echo(json.dumps(found, indent=1))
        return 0
    for kind, entries in found.items():
        click.echo(kind)
        for name, text in entries.items():
            mark = " (anchor)" if kind == "methods" and name in ANCHORS else ""
            click.echo(f"  {name:<16} {text}{mark}")
    return 0


def summary(spec: str) -> str:
    """First line of the docstring of what a spec names, read from its source without importing it."""
    module, _, name = spec.partition(":")
    path = ROOT / Path(*module.split(".")).with_suffix(".py")
    if not path.is_file():
        return "(not in this checkout)"
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name == name:
            return (ast.get_docstring(node) or "").partition("\n")[0]
    return (ast.get_docstring(tree) or "").partition("\n")[0]


def _choices(spec: str) -> str:
    """The lists and options of a dataset, in words; "" where it has none."""
    kind = registry.load(spec)
    lists, options = tuple(getattr(kind, "lists", ())), tuple(getattr(kind, "options", ()))
    words = f" --list {', '.join(lists)} (NAME@part: what is there of it)." if lists else ""
    return words + (f" --set {kind.name}.KEY=VALUE: {', '.join(options)}." if options else "")


def _described(protocol: str) -> str:
    text = (ROOT / "evaluators" / "protocols" / f"{protocol}.toml").read_text(encoding="utf-8")
    line = next((line for line in text.splitlines() if line.startswith("description")), "")
    return line.partition("=")[2].strip().strip('"')
