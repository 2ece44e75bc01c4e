"""The arrows of the house hold for names inside strings too; import-linter (pyproject.toml) holds those of imports."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import grimp
import pytest

from tests.places import ROOT

#: From the top floor down; arrows point down. Wings of one floor stand side by side.
FLOORS = (
    "bench",
    "verbs cmet_bench",
    "baselines",
    "recipes",
    "cmet evaluators",
    "datasets",
    "reports",
    "networks",
    "harness",
)
FLOOR = {wing: floor for floor, wings in enumerate(FLOORS) for wing in wings.split()}
NEVER = {("evaluators", "datasets"), ("evaluators", "reports"), ("datasets", "reports")}
#: Whoever combines rows, or makes and judges clips, gets a class by name through harness.registry.
BY_NAME = {("reports/load.py", "evaluators"), ("reports/pools.py", "evaluators")}
SPEC = re.compile(rf"^((?:{'|'.join(FLOOR)})(?:\.\w+)+)(?::(\w+))?$")


def _named() -> Iterator[tuple[Path, str, str | None]]:
    """(file, module, attribute) of every string in the product that names one of its modules."""
    for path in sorted([ROOT / "bench.py", *(path for wing in FLOOR for path in (ROOT / wing).rglob("*.py"))]):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and (found := SPEC.match(node.value)):
                yield path.relative_to(ROOT), found[1], found[2]


def _is_module(name: str) -> bool:
    place = ROOT.joinpath(*name.split("."))
    return place.with_suffix(".py").is_file() or place.is_dir()


#: Names with an attribute are addresses and must resolve; plain dotted ones may also be words of another kind.
NAMED = [(path, module, name) for path, module, name in _named() if name or _is_module(module)]


def test_there_are_names_to_look_at() -> None:
    assert len(NAMED) > 50


@pytest.mark.parametrize(("path", "module", "name"), NAMED, ids=[f"{p}-{m}" for p, m, _ in NAMED])
def test_a_name_in_a_string_exists_and_points_down(path: Path, module: str, name: str | None) -> None:
    if name is not None:
        assert hasattr(importlib.import_module(module), name)
    here, there = path.parts[0].removesuffix(".py"), module.split(".")[0]
    if here == there or (str(path), there) in BY_NAME:
        return
    assert FLOOR[here] < FLOOR[there], f"{path} names {module}, which lies above it"
    assert (here, there) not in NEVER


#: The packages in the README's order.
PACKAGES = (
    "verbs",
    "cmet_bench",
    "baselines",
    "recipes",
    "cmet",
    "evaluators",
    "datasets",
    "reports",
    "networks",
    "harness",
)


def drawn() -> str:
    """One line a package: whom it imports, lazily or at once."""
    graph = grimp.build_graph(*PACKAGES, exclude_type_checking_imports=True, cache_dir=None)
    lines = []
    for package in PACKAGES:
        modules = [name for name in graph.modules if name.split(".")[0] == package]
        reached = {found.split(".")[0] for name in modules for found in graph.find_modules_directly_imported_by(name)}
        lines.append(
            f"    {package:<11}→ {' '.join(other for other in PACKAGES if other in reached - {package})}".rstrip()
        )
    return "\n".join(lines)


def test_the_readme_draws_the_imports_as_they_are() -> None:
    """If this fails: put what `drawn()` returns between the two marks in README.md."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert text.partition("<!-- imports -->\n")[2].partition("\n<!-- /imports -->")[0] == drawn()
