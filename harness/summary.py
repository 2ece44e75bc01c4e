"""From rows to the table: a score is a pure function of the clips' statistics, with intervals and paired tests."""

from __future__ import annotations

import io
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np

from harness import statistics
from harness.records import Comparison, SummaryRow
from harness.seeds import seed_for
from harness.store import RunStore, StoredRow

Statistics = Mapping[str, Any]
Column = tuple[Any, str, str]  # evaluator, metric name, signature line

#: A set of clips whose mean misses the judge's own score by more than this is not a plain mean.
_SAME = 1e-9
_POOLED_DRAWS = 200


@dataclass(frozen=True)
class Cell:
    """The clips of one method under one metric; their statistics stay in the store until the cell's turn."""

    dataset: str
    method: str
    rows: tuple[StoredRow, ...]
    expected: int
    identity: Mapping[str, str]  # sample → identity

    @property
    def scored(self) -> tuple[StoredRow, ...]:
        """The rows that count."""
        return tuple(row for row in self.rows if row.scored)

    @property
    def answers(self) -> int:
        """How many scored rows answer for themselves (the others only lend their ground truth to the pool)."""
        return sum("reference_only" not in row.notes for row in self.scored)

    @property
    def clusters(self) -> list[str]:
        """The identity of each scored row."""
        return [self.identity[row.sample] for row in self.scored]


def unpack(row: StoredRow) -> Statistics:
    """A row's sufficient statistics; its value alone where it stored none."""
    if not row.statistics:
        return {"value": np.array([row.value], dtype=np.float64)}
    with np.load(io.BytesIO(row.statistics), allow_pickle=False) as arrays:  # a name or a number: as a plain scalar
        return {key: array[()] for key in arrays.files for array in (arrays[key],)}


def summarise(store: RunStore, columns: Iterable[Column], seed: int) -> tuple[list[SummaryRow], list[Comparison]]:
    """The summary of everything in the store under these columns, and all pairs of methods compared."""
    samples = store.samples()
    identity = {(dataset, sample): who for dataset, sample, who, _ in samples}
    cells = _cells(store, identity)
    order = list(dict.fromkeys(_methods_in_order(store)))
    rows: list[SummaryRow] = []
    comparisons: list[Comparison] = []
    for dataset in dict.fromkeys(dataset for dataset, *_ in samples):
        for evaluator, metric, signature in columns:
            column = [cell for m in order if (cell := cells.get((dataset, m, metric, signature))) is not None]
            rows.extend(_summary(store, cell, evaluator, metric, signature, seed) for cell in column)
            comparisons.extend(_compare(column, evaluator, metric, signature, seed))
    corrected = statistics.holm([c.p_value for c in comparisons])
    return rows, [replace(c, p_holm=p) for c, p in zip(comparisons, corrected, strict=True)]


def _methods_in_order(store: RunStore) -> list[str]:
    asked = store.meta("asked") or {}
    return [*asked.get("methods", ()), *sorted({method for _, method, _ in store.clips()})]


def _cells(store: RunStore, identity: Mapping[tuple[str, str], str]) -> dict[tuple[str, str, str, str], Cell]:
    grouped: dict[tuple[str, str, str, str], list[StoredRow]] = defaultdict(list)
    for row in store.rows(statistics=False):
        if row.reason != "not_applicable":
            grouped[row.dataset, row.method, row.metric, row.signature].append(row)
    cells = {}
    for key, rows in grouped.items():
        who = {row.sample: identity.get((row.dataset, row.sample), row.sample) for row in rows}
        expected = sum("reference_only" not in row.notes for row in rows)
        if expected:
            cells[key] = Cell(key[0], key[1], tuple(rows), expected, who)
    return cells


def facts_of(evaluator: Any, metric: str) -> Any:
    """The MetricFacts of one metric of a judge."""
    return next(facts for facts in evaluator.metrics if facts.name == metric)


def _summary(store: RunStore, cell: Cell, evaluator: Any, metric: str, signature: str, seed: int) -> SummaryRow:
    facts, items = facts_of(evaluator, metric), _items(store, cell, evaluator, metric, signature)
    value, interval, clustered = _score(cell, items, evaluator, metric, seed)
    return SummaryRow(
        cell.dataset,
        cell.method,
        metric,
        value,
        facts.unit,
        facts.higher_is_better,
        interval[0] if interval else None,
        interval[1] if interval else None,
        cell.answers,
        cell.expected,
        _signed(items, evaluator, metric, signature),
        _why(cell.rows) if not items else _note(items, evaluator, metric) or ("too_few" if value is None else ""),
        clustered[0] if clustered else None,
        clustered[1] if clustered else None,
    )


def _items(store: RunStore, cell: Cell, evaluator: Any, metric: str, signature: str) -> list[Statistics]:
    """Statistics of the scored rows of a cell, in their order: one cell at a time is in memory.

    A metric that is made from another one's statistics finds them in that one's rows.
    """
    source = getattr(facts_of(evaluator, metric), "of", "")
    line = str(evaluator.signature(source)) if source else signature
    rows = store.rows(cell=(cell.dataset, cell.method, source or metric, line))
    return [unpack(row) for row in rows if row.scored]


def _signed(items: Sequence[Statistics], evaluator: Any, metric: str, line: str) -> str:
    """The signature of the number: with what only a measured set has (picture sizes, N), where the judge says so."""
    return str(evaluator.measured(metric, items)) if items and hasattr(evaluator, "measured") else line


def _note(items: Sequence[Statistics], evaluator: Any, metric: str) -> str:
    """What a judge wants read beside its number (chance, ceiling), if it has something to say."""
    return str(evaluator.note(metric, items)) if hasattr(evaluator, "note") else ""


def _why(rows: Sequence[StoredRow]) -> str:
    reasons = [row.reason or "" for row in rows]
    return max(set(reasons), key=reasons.count) if reasons else ""


Interval = tuple[float, float] | None


def _score(
    cell: Cell, items: Sequence[Statistics], evaluator: Any, metric: str, seed: int
) -> tuple[float | None, Interval, Interval]:
    """(value, interval over clips, interval over identities); no number when nothing was scored."""
    if not items:
        return None, None, None
    value = float(evaluator.combine(metric, items))
    if not math.isfinite(value):
        return None, None, None
    rng = np.random.default_rng(seed_for(seed, "interval", cell.dataset, cell.method, metric))
    if _is_mean(cell, value):
        values = [float(row.value or 0.0) for row in cell.scored]
        by_clip = _share_interval(facts_of(evaluator, metric).unit, values) or statistics.mean_interval(values, rng)
        return value, by_clip, statistics.mean_interval(values, rng, cell.clusters)
    if hasattr(evaluator, "interval"):
        singles = [str(k) for k in range(len(items))]
        by_clip = evaluator.interval(metric, items, singles, _POOLED_DRAWS, rng)
        return value, by_clip, evaluator.interval(metric, items, cell.clusters, _POOLED_DRAWS, rng)
    score = lambda chosen: float(evaluator.combine(metric, chosen))  # noqa: E731
    by_clip = statistics.pooled_interval(items, score, rng, None, "percentile", _POOLED_DRAWS)
    clustered = statistics.pooled_interval(items, score, rng, cell.clusters, "percentile", _POOLED_DRAWS)
    return value, by_clip, clustered


def _share_interval(unit: str, values: Sequence[float]) -> Interval:
    """Wilson's interval where every clip says 0 or every clip says 100 %: the bootstrap has no width there."""
    if unit != "%" or set(values) not in ({0.0}, {100.0}):
        return None
    low, high = statistics.wilson(sum(values) / 100.0, len(values))
    return 100.0 * low, 100.0 * high


def _is_mean(cell: Cell, value: float) -> bool:
    values = [row.value for row in cell.scored]
    if any(v is None or not math.isfinite(v) for v in values):
        return False
    return abs(float(np.mean(np.array(values, dtype=np.float64))) - value) <= _SAME * max(1.0, abs(value))


def _compare(column: Sequence[Cell], evaluator: Any, metric: str, signature: str, seed: int) -> list[Comparison]:
    if not facts_of(evaluator, metric).ranked:
        return []
    found = (_pair(a, b, evaluator, metric, signature, seed) for a, b in combinations(column, 2))
    return [comparison for comparison in found if comparison is not None]


def _pair(a: Cell, b: Cell, evaluator: Any, metric: str, signature: str, seed: int) -> Comparison | None:
    """Two methods on the samples that both have scored; None with fewer than two of them."""
    first = {row.sample: row for row in a.scored}
    second = {row.sample: row for row in b.scored}
    both = [sample for sample in first if sample in second]
    values = [(first[s].value, second[s].value) for s in both]
    if len(both) < 2 or any(x is None or y is None for x, y in values):
        return None  # pooled metrics are compared by reports.gate, where it is asked for
    rng = np.random.default_rng(seed_for(seed, "pair", a.dataset, a.method, b.method, metric))
    left, right = np.array(values, dtype=np.float64).T
    test = statistics.paired_test(left, right, rng)
    interval = statistics.mean_interval(left - right, rng) or (test.difference, test.difference)
    return Comparison(
        a.dataset,
        metric,
        a.method,
        b.method,
        test.difference,
        *interval,
        test.p_value,
        test.p_value,
        len(both),
        signature,
    )
