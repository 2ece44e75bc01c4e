"""This module measures a method's noise from two runs of it that differ in nothing that should matter.

The two may differ in seed, machine or device. The noise of a mean over n clips is that of the clips' own differences,
s / √n, which n clips measure better than the one difference of the means does; a change counts from three of these on,
or more where so many numbers are looked at that three would be passed too often by noise. Of a score that only sets
have it is the spread of the difference when clips are left out.
"""

from __future__ import annotations

import math

import numpy as np

from harness import student
from reports.gate.cell import GROUPS, Rows, Side, counterpart, side
from reports.gate.closeness import by_closeness
from reports.gate.verdict import Key
from reports.model import RunData

SPREADS = 3.0  # standard errors at least
LEVEL = 0.02  # at most so many of equal runs differ in any of the method's numbers by more, in either direction


def measured(first: RunData, second: RunData) -> dict[Key, float]:
    """Returns the noise of every contestant's number that both runs have, in its unit."""
    one, other = map(side, by_closeness(first, second))
    first = one.data
    judged = [key for key in one.summary if key[1] not in first.anchors and first.fact(key[2]).ranked]
    pairs = ((key, counterpart(key, one, other)) for key in judged)
    share = 1 - LEVEL / 2 / max(1, len(judged))
    noises = {key: _noise(one, other, key, twin, share) for key, twin in pairs if twin in other.summary}
    return {key: noise for key, noise in noises.items() if math.isfinite(noise)}


def _noise(one: Side, other: Side, key: Key, twin: Key, share: float) -> float:
    own, theirs = one.summary[key].value, other.summary[twin].value
    if own is None or theirs is None:
        return math.nan
    clips = min(one.summary[key].n_scored, other.summary[twin].n_scored)
    spreads = max(SPREADS, student.quantile(max(1, clips - 1), share))
    return max(abs(own - theirs), spreads * _spread(one, other, key, twin))


def _spread(one: Side, other: Side, key: Key, twin: Key) -> float:
    """The standard error of the difference of both scores; 0 where only their values are known."""
    if one.data.fact(key[2], key[3]).aggregation == "mean":
        changes = _changes(one.rows.get(key, {}), other.rows.get(twin, {}))
        return float(np.sqrt(np.mean(changes**2) / len(changes))) if len(changes) else 0.0
    first, second = one.data.pool(key), other.data.pool(twin)
    if first is None or second is None:
        return 0.0
    shared = first.samples & second.samples
    variance = (first.by_clips(shared, GROUPS) - second.by_clips(shared, GROUPS)).by_clip().variance
    return math.sqrt(variance) if math.isfinite(variance) else 0.0


def _changes(before: Rows, after: Rows) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """The differences of the clips that have a value in both."""
    pairs = [(row.value, after[sample].value) for sample, row in before.items() if sample in after]
    return np.array([a - b for a, b in pairs if a is not None and b is not None], dtype=np.float64)
