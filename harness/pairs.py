"""Two methods are compared on the samples that both have scored: a test, an interval of the difference, one record."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from harness import statistics
from harness.cells import StoredCell
from harness.records import Comparison
from harness.seeds import seed_for

_SET_DRAWS = 200  # each costs two whole scores

Score = Callable[[Sequence[Any]], float]


def by_clip(a: StoredCell, b: StoredCell, metric: str, unit: str, signature: str, seed: int) -> Comparison | None:
    """Compares by a metric that is a mean over clips; None with fewer than two clips, or where one has no value of its
    own.
    """
    both = _both(a, b)
    if len(both) < 2:
        return None
    left, right = np.array(both, dtype=np.float64).T
    rng = _rng(a, b, metric, seed)
    test = statistics.paired_test(left, right, rng)
    interval = _difference_interval(left - right, unit, rng)
    return _record(a, b, metric, signature, test, interval, "sign-flip permutation")


def by_set(
    a: StoredCell,
    b: StoredCell,
    items: Callable[[StoredCell], Sequence[Any]],
    score: Score,
    metric: str,
    signature: str,
    seed: int,
) -> Comparison | None:
    """Compares by a metric that weighs its clips (by frames, by tracks); `items` gives the statistics of a cell's
    scored rows.

    None as in `by_clip`: a metric without values of clips (FID) is too dear for the draws of all pairs.
    """
    if len(_both(a, b)) < 2:
        return None
    first, second = (dict(zip((row.sample for row in cell.scored), items(cell), strict=True)) for cell in (a, b))
    pairs = [(first[sample], second[sample]) for sample in first if sample in second]
    rng = _rng(a, b, metric, seed)
    test = statistics.swap_test([x for x, _ in pairs], [y for _, y in pairs], score, rng, _SET_DRAWS)
    change: Score = lambda chosen: score([x for x, _ in chosen]) - score([y for _, y in chosen])  # noqa: E731
    interval = statistics.pooled_interval(pairs, change, rng, None, "percentile", _SET_DRAWS)
    return _record(a, b, metric, signature, test, interval, "clip-swap permutation")


def _both(a: StoredCell, b: StoredCell) -> list[tuple[float, float]]:
    """The values of the clips that both have; none at all where a clip has no value of its own."""
    first, second = ({row.sample: row.value for row in cell.scored} for cell in (a, b))
    both = [(first[sample], second[sample]) for sample in first if sample in second]
    values = [(x, y) for x, y in both if x is not None and y is not None and math.isfinite(x - y)]
    return values if len(values) == len(both) else []


def _rng(a: StoredCell, b: StoredCell, metric: str, seed: int) -> np.random.Generator:
    return np.random.default_rng(seed_for(seed, "pair", a.dataset, a.method, b.method, metric))


def _difference_interval(change: Any, unit: str, rng: np.random.Generator) -> tuple[float, float] | None:
    """Bootstrap; where one method is right in every clip and the other in none, Wilson's: a bootstrap has no width."""
    if unit == "%" and set(change.tolist()) in ({100.0}, {-100.0}):
        low, high = (100.0 * end for end in statistics.wilson(len(change), len(change)))
        return (low, high) if change[0] > 0 else (-high, -low)
    return statistics.mean_interval(change, rng)


def _record(
    a: StoredCell,
    b: StoredCell,
    metric: str,
    signature: str,
    test: statistics.Test,
    interval: tuple[float, float] | None,
    name: str,
) -> Comparison:
    low, high = interval or (test.difference, test.difference)
    numbers = (test.difference, low, high, test.p_value, test.p_value, test.n_pairs)
    return Comparison(a.dataset, metric, a.method, b.method, *numbers, signature, name)
