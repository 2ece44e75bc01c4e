"""Says which methods compete, with which weights, and which of them have what they need on this machine."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from baselines import ANCHORS, METHODS
from harness import registry
from harness.errors import MissingError
from harness.method import Missing


def contestants(names: Collection[str]) -> list[str]:
    """Returns the methods that compete; all where only anchors were asked for."""
    return [name for name in names if name not in ANCHORS] or list(names)


def with_demo_weights(specs: Mapping[str, str], given: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
    """Returns the options of a run on puppets: every method that ships small networks uses them, unless its options say
    otherwise.
    """
    options = {name: dict(values) for name, values in given.items()}
    for name, spec in specs.items():
        if getattr(registry.load(spec), "demo_weights", False):
            options.setdefault(name, {}).setdefault("weights", "demo")
    return options


def missing_of(spec: str, options: Mapping[str, str], device: str) -> list[Missing]:
    """Returns what a method lacks on this machine."""
    method = registry.load(spec)(options, device)
    return list(method.missing()) if hasattr(method, "missing") else []


def all_here(dataset: str, options: Mapping[str, Mapping[str, str]], device: str) -> tuple[str, ...]:
    """Returns the contestants that have what they need here, in table order. Raises MissingError where there is none,
    UsageError for an option that one of them does not take.
    """
    specs = {name: METHODS[name] for name in contestants(METHODS)}
    given = with_demo_weights(specs, options) if dataset == "puppets" else options
    here = tuple(name for name, spec in specs.items() if not missing_of(spec, given.get(name, {}), device))
    if not here:
        raise MissingError("No contestant has what it needs on this machine.", "Type `python bench.py weights list`.")
    return here
