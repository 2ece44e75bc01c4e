"""Krippendorff's alpha for names says how far raters agree beyond chance: 1 is full agreement, 0 that of chance.

Observed over expected disagreement, from the coincidences of values within units; raters may miss units, and a unit
that one rater alone judged says nothing. Source: Krippendorff 2011, 'Computing Krippendorff's Alpha-Reliability'.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence

import numpy as np

from harness.statistics import LeftOut

Unit = Mapping[Hashable, Hashable]  # rater → the name that the rater gave


def alpha(units: Sequence[Unit]) -> float:
    """Returns the nominal alpha of units; nan where no unit has two raters, or all gave one name."""
    return _alpha(_counts(units, sorted({name for unit in units for name in unit.values()}, key=str)))


def _counts(units: Sequence[Unit], names: Sequence[Hashable]) -> np.ndarray:
    """How many raters gave each name to each unit: (units, names)."""
    place = {name: index for index, name in enumerate(names)}
    counts = np.zeros((len(units), max(1, len(names))))
    for row, unit in zip(counts, units, strict=True):
        for name in unit.values():
            row[place[name]] += 1
    return counts


def _alpha(counts: np.ndarray) -> float:
    sizes = counts.sum(axis=1)
    paired, sizes = counts[sizes >= 2], sizes[sizes >= 2]
    total, by_name = sizes.sum(), paired.sum(axis=0)
    expected = total**2 - (by_name**2).sum()
    if not expected > 0:
        return float("nan")
    observed = ((sizes**2 - (paired**2).sum(axis=1)) / (sizes - 1)).sum()
    return float(1.0 - (total - 1) * observed / expected)


def left_out_alpha(units: Sequence[Unit]) -> LeftOut:
    """Returns alpha with what it is without each rater, and without each unit."""
    names = sorted({name for unit in units for name in unit.values()}, key=str)
    raters = list(dict.fromkeys(rater for unit in units for rater in unit))
    counts = _counts(units, names)
    without = [_alpha(_counts([{r: n for r, n in u.items() if r != rater} for u in units], names)) for rater in raters]
    answers = [sum(rater in unit for unit in units) for rater in raters]
    fewer = [_alpha(np.delete(counts, row, axis=0)) for row in range(len(units))]
    return LeftOut(
        _alpha(counts),
        np.array(without, dtype=np.float64),
        np.array(answers, dtype=np.float64),
        np.array(fewer, dtype=np.float64),
        counts.sum(axis=1),
    )
