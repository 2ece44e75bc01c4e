"""This module computes per-emotion means of per-clip values, with coverage and intervals."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from harness.emotions import BASIC_EMOTIONS
from harness.statistics import Scale, left_out_of_mean
from reports.model import MetricFact, RunData, RunRow
from reports.numbers import decimals


@dataclass(frozen=True)
class EmotionMean:
    """Holds one method's result on the clips of one emotion: mean of the scored clips' values, None where none was
    scored.
    """

    value: float | None
    low: float | None
    high: float | None
    n_scored: int
    n_expected: int


@dataclass(frozen=True)
class Breakdown:
    """Holds one metric under one signature, by method and emotion."""

    dataset: str
    fact: MetricFact
    signature: str
    methods: tuple[str, ...]
    emotions: tuple[str, ...]
    cells: Mapping[tuple[str, str], EmotionMean]
    places: int
    run: str

    @property
    def title(self) -> str:
        """Returns the heading: the metric, and the run it is of."""
        unit = f" ({self.fact.unit})" if self.fact.unit else ""
        return f"{self.fact.title}{unit} by emotion, {self.dataset}, run {self.run}"


def breakdowns(run: RunData) -> list[Breakdown]:
    """Returns one table for each (dataset, metric, signature) with per-clip values and more than one emotion."""
    groups: dict[tuple[str, str, str], list[RunRow]] = defaultdict(list)
    for row in run.rows:
        if row.expected:
            groups[row.dataset, row.metric, row.signature].append(row)
    order = list(dict.fromkeys((row.dataset, row.metric, row.signature) for row in run.summary))
    tables = [_breakdown(run, key, groups[key]) for key in order if key in groups]
    return [one for one in tables if one is not None]


def _breakdown(run: RunData, key: tuple[str, str, str], rows: Sequence[RunRow]) -> Breakdown | None:
    dataset, metric, signature = key
    fact = run.fact(metric, signature)
    emotions = emotion_order(row.emotion for row in rows)
    if fact.pooled or len(emotions) < 2 or all(row.value is None or not math.isfinite(row.value) for row in rows):
        return None
    cells: dict[tuple[str, str], list[RunRow]] = defaultdict(list)
    for row in rows:
        cells[row.method, row.emotion].append(row)
    here = {row.method for row in rows}
    methods = tuple(dict.fromkeys(row.method for row in run.summary if row.dataset == dataset and row.method in here))
    shares = {cell: _share(cell_rows, fact.unit) for cell, cell_rows in cells.items()}
    places = decimals(fact.unit, [share.value for share in shares.values()])
    return Breakdown(dataset, fact, signature, methods, emotions, shares, places, run.name)


def emotion_order(names: Iterable[str]) -> tuple[str, ...]:
    """Returns basic emotions in their order, then the extended ones by name; unnamed ones are left out."""
    present = set(names) - {""}
    return (*(name for name in BASIC_EMOTIONS if name in present), *sorted(present - set(BASIC_EMOTIONS)))


def _share(rows: Sequence[RunRow], unit: str) -> EmotionMean:
    in_order = sorted(rows, key=lambda row: row.sample)  # no digit depends on the order of the list
    found = [row for row in in_order if row.value is not None and math.isfinite(row.value)]
    if not found:
        return EmotionMean(None, None, None, 0, len(rows))
    scale: Scale = "share" if unit == "%" and all(row.value in (0.0, 100.0) for row in found) else "plain"
    mean = left_out_of_mean([row.value or 0.0 for row in found], [row.identity or row.sample for row in found])
    low, high = mean.by_person().interval(scale) or mean.by_clip().interval(scale) or (None, None)
    return EmotionMean(mean.value, low, high, len(found), len(rows))
