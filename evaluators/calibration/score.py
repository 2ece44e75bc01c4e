"""This module scores one metric on a set of clips, with bootstrap draws, as the response curves need them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from evaluators.packing import unpack
from harness.evaluator import Evaluator
from harness.records import Scored
from harness.seeds import seed_for

_DRAWS = 1000
_POOLED_DRAWS = 100

Floats = npt.NDArray[np.float64]


class Score:
    """Scores a set of scored rows, with bootstrap draws, by their mean or by the judge's `combine`.

    The same clips are always drawn in the same way, so that the draws of uncorrupted clips are made once for all
    corruptions, and clips that a corruption did not touch are not drawn again.
    """

    def __init__(self, evaluator: Evaluator, metric: str, seed: int) -> None:
        self._evaluator, self._metric, self._seed = evaluator, metric, seed
        self.facts = evaluator.facts(metric)
        self.pooled = self.facts.pooled
        self._uncorrupted: dict[tuple[str, ...], tuple[list[Any], Floats]] = {}  # items and draws by clips

    def items(self, rows: Sequence[Scored]) -> list[Any]:
        """Returns the items that the score is made from: each clip's value, or its statistics."""
        return [unpack(row.statistics) if self.pooled else float(row.value or 0.0) for row in rows]

    def of(self, items: Sequence[Any]) -> float:
        """Returns the score of these items."""
        return float(self._evaluator.combine(self._metric, items)) if self.pooled else float(np.mean(items))

    def both(self, pairs: Mapping[str, tuple[Scored, Scored]]) -> tuple[float, float, Floats]:
        """Returns score, uncorrupted score, and draws (n, 2) of score and change, of clips with (corrupted,
        uncorrupted) rows.

        Clips are drawn together with their uncorrupted selves; draws without a finite score are left out.
        """
        names = tuple(sorted(pairs))  # draws are seeded by them, not by the order in which clips came
        now, before = ([pairs[name][side] for name in names] for side in (0, 1))
        if names not in self._uncorrupted:
            items = self.items(before)
            self._uncorrupted[names] = items, self._drawn(items, names)
        uncorrupted, first = self._uncorrupted[names]
        untouched = all(
            one.value == other.value and one.statistics == other.statistics
            for one, other in zip(now, before, strict=True)
        )
        items = uncorrupted if untouched else self.items(now)
        drawn = first if untouched else self._drawn(items, names)
        table = np.stack([drawn, drawn - first], axis=1)
        return self.of(items), self.of(uncorrupted), table[np.isfinite(table).all(axis=1)]

    def _drawn(self, items: Sequence[Any], names: tuple[str, ...]) -> Floats:
        rng = np.random.default_rng(seed_for(self._seed, *names))
        draws = _POOLED_DRAWS if self.pooled else _DRAWS
        index = rng.integers(0, len(items), size=(draws, len(items)))
        if not self.pooled:
            means: Floats = np.array(items)[index].mean(axis=1)
            return means
        return np.array([self.of([items[k] for k in chosen]) for chosen in index], dtype=np.float64)
