"""Two more runs of a method say which of its clips flip by themselves: one that is wrong in this run alone is odd.

Where nothing changed, the baseline, the two runs and this one are four draws of the same method: of a clip that is
wrong in w of the four, this run is one of the wrong ones with probability w / 4, whatever the clip. The number of clips
that are wrong now is then a sum of independent such trials, and its distribution is exact (a conditional test, as
Cochran's Q is). A clip that is right or wrong in all four says nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from reports.gate.cell import counterpart, side
from reports.gate.verdict import Key
from reports.model import RunData

RUNS = 4
_DECISIONS = (0.0, 100.0)

Twice = Mapping[str, tuple[float, float]]  # sample → its value in each of the two runs


def decided_twice(first: RunData, second: RunData) -> dict[Key, Twice]:
    """Returns the clips' values in two runs of the same method, of every share whose clips are right or wrong."""
    one, other = side(first), side(second)
    found: dict[Key, Twice] = {}
    for key in one.summary:
        twin = other.rows.get(counterpart(key, one, other), {})
        values = {
            sample: (row.value, twin[sample].value) for sample, row in one.rows.get(key, {}).items() if sample in twin
        }
        both = {sample: (a, b) for sample, (a, b) in values.items() if a is not None and b is not None}
        if one.summary[key].unit == "%" and both and all(v in _DECISIONS for pair in both.values() for v in pair):
            found[key] = both
    return found


def wrong_by_chance(wrong: Sequence[tuple[int, bool]]) -> float:
    """Returns the chance that so many clips, or more, are wrong in this run if it is like the others; wrong: of each
    clip, in how many of the four runs it is wrong, and whether in this one.
    """
    spread = np.ones(1)
    for times, _ in wrong:
        share = times / RUNS
        spread = np.convolve(spread, [1 - share, share])
    return float(min(1.0, spread[sum(now for _, now in wrong) :].sum()))


def least_lost(wrong: Sequence[tuple[int, bool]], level: float) -> int:
    """Returns how many clips that are right in all of the four runs must be lost, beside what flips by itself, before
    the chance is at most `level`.
    """
    lost = 1
    while wrong_by_chance([*wrong, *[(1, True)] * lost]) > level:
        lost += 1
    return lost
