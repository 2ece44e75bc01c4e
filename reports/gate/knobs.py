"""The gate's settings: as they were typed, and as they are kept in a gate.toml beside the baseline."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from harness import metric_names
from harness.errors import UsageError, unknown_name
from reports.gate.noise import measured
from reports.gate.repeats import decided_twice
from reports.gate.verdict import Thresholds
from reports.load import load_any
from reports.model import RunData

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FILE = "gate.toml"


@dataclass(frozen=True)
class Knobs:
    """Holds the settings of a comparison; empty ones are the gate's own. Metrics by any of their names."""

    alpha: float | None = None
    min_effect: Mapping[str, float] = field(default_factory=dict)
    only: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    noise: tuple[Path, ...] = ()  # two runs of the same method


def beside(baseline: Path) -> Knobs:
    """Returns the settings kept beside a baseline; none where there is no gate.toml. UsageError for a wrong one."""
    path = (baseline if baseline.is_dir() else baseline.parent) / FILE
    if not path.is_file():
        return Knobs()
    try:
        kept = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"'{path}' is not valid TOML: {error}.", "See docs/gate.md for its five keys.") from error
    for key in kept:
        if key not in {one.name for one in fields(Knobs)}:
            raise unknown_name(f"setting of {path}", key, [one.name for one in fields(Knobs)])
    return _of_file(path, kept)


def _of_file(path: Path, kept: Mapping[str, Any]) -> Knobs:
    alpha, effects, noise = kept.get("alpha"), kept.get("min_effect", {}), _names(path, kept, "noise")
    if alpha is not None and not (_is_number(alpha) and 0 < alpha <= 1):
        raise _wrong(path, "alpha", "a number above 0, at most 1: alpha = 0.02")
    if not isinstance(effects, dict) or not all(map(_is_number, effects.values())):
        raise _wrong(path, "min_effect", "a number for each metric: min_effect = {lse_c = 0.1}")
    if noise and len(noise) != 2:
        raise _wrong(path, "noise", 'two runs of the same method: noise = ["seed1.json", "seed2.json"]')
    only, ignore = (_names(path, kept, key) for key in ("only", "ignore"))
    return Knobs(alpha, effects, only, ignore, tuple(path.parent / name for name in noise))


def _names(path: Path, kept: Mapping[str, Any], key: str) -> tuple[str, ...]:
    names = kept.get(key, [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise _wrong(path, key, f'a list of texts: {key} = ["lse_c", "fid"]')
    return tuple(names)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _wrong(path: Path, key: str, wanted: str) -> UsageError:
    return UsageError(f"'{key}' of '{path}' is not what it should be.", f"Write {wanted}.")


def over(kept: Knobs, typed: Knobs) -> Knobs:
    """Returns the kept settings with those that were typed in their place; least effects metric by metric."""
    given = {one.name: value for one in fields(Knobs) if (value := getattr(typed, one.name))}
    return replace(kept, **{**given, "min_effect": {**kept.min_effect, **typed.min_effect}})


def thresholds(knobs: Knobs, runs: Iterable[RunData]) -> Thresholds:
    """Returns what a change must exceed, and the metrics to judge. UsageError for a name that none of the runs has."""
    known = list(dict.fromkeys(row.metric for run in runs for row in run.summary))
    effects = {metric_names.metric(name, known): float(least) for name, least in knobs.min_effect.items()}
    only, ignore = (
        frozenset(metric_names.metric(name, known) for name in names) for names in (knobs.only, knobs.ignore)
    )
    again = [load_any(path) for path in knobs.noise]
    noise, twice = (measured(*again), decided_twice(*again)) if again else ({}, {})
    limits = Thresholds(minimum_effect=effects, noise=noise, twice=twice, only=only, ignore=ignore)
    return replace(limits, alpha=knobs.alpha) if knobs.alpha else limits
