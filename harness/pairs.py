"""Scores of one cell without each person and clip, and two methods compared by them on the samples that both have."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from harness.cells import StoredCell
from harness.evaluator import Evaluator, Statistics
from harness.records import Comparison
from harness.statistics import Estimate, LeftOut, left_out_of_mean

GROUPS_OF_CLIPS = 50  # left out in turn where a score is no mean: more would cost more and say no more


class CellScores:
    """Scores a cell on any of its samples, and without each person and clip of these; each set of samples once."""

    def __init__(
        self, cell: StoredCell, evaluator: Evaluator, metric: str, items: Callable[[], Sequence[Statistics]]
    ) -> None:
        self.cell, self._evaluator, self._metric, self._items = cell, evaluator, metric, items
        self.samples = frozenset(row.sample for row in cell.scored)
        self._known: dict[frozenset[str], LeftOut] = {}

    def by_clips(self, samples: frozenset[str], groups: int) -> LeftOut:
        """Returns the score on these samples, and without each of so many groups of clips; it leaves out no person."""
        return self._of_set(samples, self._items(), groups, people=False)

    def on(self, samples: frozenset[str], items: Sequence[Statistics] | None = None) -> LeftOut:
        """Returns the score on these samples, and without each person and clip of them; items: the cell's, if read."""
        if samples not in self._known:
            mean = self._evaluator.facts(self._metric).aggregation == "mean"
            self._known[samples] = self._of_mean(samples) if mean else self._of_set(samples, items or self._items())
        return self._known[samples]

    def score(self, samples: frozenset[str]) -> float:
        """Returns the score on these samples alone."""
        rows = zip(self.cell.scored, self._items(), strict=True)
        return float(self._evaluator.combine(self._metric, [kept for row, kept in rows if row.sample in samples]))

    def _of_mean(self, samples: frozenset[str]) -> LeftOut:
        rows = [row for row in self.cell.scored if row.sample in samples]
        return left_out_of_mean([float(row.value or 0.0) for row in rows], [self.cell.identity[r.sample] for r in rows])

    def _of_set(
        self,
        samples: frozenset[str],
        every: Sequence[Statistics],
        groups: int = GROUPS_OF_CLIPS,
        people: bool = True,
    ) -> LeftOut:
        """Rows that only give their ground truth leave with their person, and are no clip that answers."""
        chosen = [place for place, row in enumerate(self.cell.scored) if row.sample in samples]
        rows = [self.cell.scored[place] for place in chosen]
        items = [every[place] for place in chosen]
        answering = ["reference_only" not in row.notes for row in rows]
        persons = _parts([self.cell.identity[row.sample] for row in rows]) if people else []
        clips = _parts(_dealt([row.sample for row in rows], answering, groups))
        value = float(self._evaluator.combine(self._metric, items))
        without = self._evaluator.without(self._metric, items, [*persons, *clips])
        scores = np.array(without, dtype=np.float64)
        counts = np.array([sum(answering[place] for place in part) for part in (*persons, *clips)], dtype=np.float64)
        first, rest = slice(len(persons)), slice(len(persons), None)
        return LeftOut(value, scores[first], counts[first], scores[rest], counts[rest])


def _dealt(samples: Sequence[str], answers: Sequence[bool], groups: int) -> list[int | None]:
    """Each answering clip's group: dealt out in the order of a hash of the names, so that only they decide."""
    names = sorted(
        (name for name, answer in zip(samples, answers, strict=True) if answer),
        key=lambda name: hashlib.sha256(name.encode()).digest(),
    )
    group = {name: place % groups for place, name in enumerate(names)}
    return [group.get(name) for name in samples]


def _parts(names: Sequence[str | int | None]) -> list[list[int]]:
    """The places of each name, in order of the names; those without one are in no part."""
    known = sorted({name for name in names if name is not None}, key=str)
    places: dict[str | int, list[int]] = {name: [] for name in known}
    for place, name in enumerate(names):
        if name is not None:
            places[name].append(place)
    return list(places.values())


def compared(a: CellScores, b: CellScores, metric: str, unit: str, signature: str) -> Comparison | None:
    """Compares two methods by person, or by clip where nobody knows who is in them; None with fewer than two clips."""
    shared = a.samples & b.samples
    pairs = sum(row.sample in shared and "reference_only" not in row.notes for row in a.cell.scored)
    if pairs < 2:
        return None
    change = a.on(shared) - b.on(shared)
    if not math.isfinite(change.value):
        return None
    estimate, known = change.by_person(), a.cell.identities_known
    low, high = _interval(estimate, unit) or _interval(change.by_clip(), unit) or (change.value, change.value)
    p, people = estimate.p_value, estimate.units if known else 0
    test = "t over people" if known else "t over clips"
    return Comparison(
        a.cell.dataset,
        metric,
        a.cell.method,
        b.cell.method,
        change.value,
        low,
        high,
        p,
        p,
        pairs,
        signature,
        test,
        people,
    )


def _interval(change: Estimate, unit: str) -> tuple[float, float] | None:
    """Where one method is right in every clip and the other in none, Wilson's: no person differs from another there."""
    if unit == "%" and change.variance == 0 and abs(change.value) == 100.0:
        low, high = replace(change, value=100.0).interval("share") or (0.0, 100.0)
        return (low, high) if change.value > 0 else (-high, -low)
    ends = change.interval()
    return ends if ends is None or unit != "%" else (max(-100.0, ends[0]), min(100.0, ends[1]))
