"""A metric's rank correlation with people: over methods, where few methods show little, and over single comparisons.

Over methods it is Spearman's, its interval that of Fisher's transformation with the variance of Bonett & Wright (2000).
Over comparisons it is Goodman & Kruskal's gamma: how much more often people chose the clip that the metric prefers than
the other; its interval is by rater or by sample, whichever is wider.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from harness.statistics import LEVEL, left_out_of_mean

FEWEST = 4  # methods from which on an interval of a rank correlation says anything at all


@dataclass(frozen=True)
class Correlation:
    """Holds a rank correlation in [−1, 1] with its interval, and of how many methods or comparisons it is."""

    value: float
    low: float
    high: float
    n: int


def over_methods(people: Sequence[float], metric: Sequence[float]) -> Correlation | None:
    """Returns Spearman's correlation of two scores of the same methods (n,); None for fewer than two, or where a score
    is the same for all.

    The interval is [−1, 1] for fewer than `FEWEST` methods. Where the orders agree wholly, its far end is that of the
    next best order: the transformation knows no end for 1.
    """
    n = len(people)
    ranks = _ranks(people), _ranks(metric)
    if n < 2 or any(np.ptp(one) == 0 for one in ranks):
        return None
    value = float(np.corrcoef(*ranks)[0, 1])
    if n < FEWEST:
        return Correlation(value, -1.0, 1.0, n)
    most = 1 - 12 / (n * (n * n - 1))  # two neighbours have changed places
    inner = max(-most, min(most, value))
    reach = NormalDist().inv_cdf((1 + LEVEL) / 2) * math.sqrt((1 + inner**2 / 2) / (n - 3))
    low, high = (math.tanh(math.atanh(inner) + end) for end in (-reach, reach))
    return Correlation(value, -1.0 if value < -most else low, 1.0 if value > most else high, n)


def _ranks(values: Sequence[float]) -> npt.NDArray[np.float64]:
    """Ranks from 1; equal values share the mean of theirs."""
    numbers = np.asarray(values, dtype=np.float64)
    below = (numbers[None, :] < numbers[:, None]).sum(axis=1)
    alike = (numbers[None, :] == numbers[:, None]).sum(axis=1)
    return np.asarray(below + (alike + 1) / 2, dtype=np.float64)


def over_comparisons(
    agrees: Sequence[bool], raters: Sequence[Hashable], samples: Sequence[Hashable]
) -> Correlation | None:
    """Returns gamma by whether people's choice is the metric's (n,), who chose, and on whose clips; None for none.

    The interval is [−1, 1] where neither raters nor samples can be left out.
    """
    if not agrees:
        return None
    share = [100.0 if one else 0.0 for one in agrees]
    ends = [left_out_of_mean(share, parts).by_person().interval("share") for parts in (raters, samples)]
    found = [one for one in ends if one is not None]
    low, high = min((one[0] for one in found), default=0.0), max((one[1] for one in found), default=100.0)
    return Correlation(float(np.mean(share)) / 50 - 1, low / 50 - 1, high / 50 - 1, len(share))
