"""Rows become the table here: a score is a pure function of the clips' statistics, with intervals and paired tests."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import combinations

import numpy as np

from harness import agreement, pairs, statistics
from harness.cells import Key, StoredCell, gathered
from harness.evaluator import Column, Evaluator, Interval, Statistics
from harness.records import Comparison, SummaryRow
from harness.seeds import seed_for
from harness.store import RunStore, StoredRow


def unpack(row: StoredRow) -> Statistics:
    """Returns a row's sufficient statistics; its value alone where it stored none."""
    if not row.statistics:
        return {"value": np.array([row.value], dtype=np.float64)}
    with np.load(io.BytesIO(row.statistics), allow_pickle=False) as arrays:  # a name or a number: as a plain scalar
        return {key: array[()] for key in arrays.files for array in (arrays[key],)}


def summarise(
    store: RunStore, columns: Sequence[Column], seed: int, tell: Callable[[str], None] | None = None
) -> tuple[list[SummaryRow], list[Comparison]]:
    """Returns the summary of everything in the store under these columns, and all pairs of methods compared.

    tell: called with the metric of each column of each dataset when it is done.
    """
    cells = gathered(store)
    order = list(dict.fromkeys(_methods_in_order(store)))
    rows: list[SummaryRow] = []
    comparisons: list[Comparison] = []
    for dataset in dict.fromkeys(dataset for dataset, *_ in store.samples()):
        first = len(rows)
        for evaluator, metric, signature in columns:
            column = [cell for m in order if (cell := cells.get((dataset, m, metric, signature))) is not None]
            summaries = _together([_summary(store, cell, evaluator, metric, signature, seed) for cell in column])
            rows.extend(summaries)
            comparisons.extend(_compare(store, column, summaries, evaluator, metric, signature, seed))
            if tell is not None:
                tell(metric)
        rows[first:] = agreement.noted(rows[first:], columns, partial(_answers, store, cells, dataset))
    corrected = statistics.holm([c.p_value for c in comparisons])
    return rows, [replace(c, p_holm=p) for c, p in zip(comparisons, corrected, strict=True)]


def _together(column: Sequence[SummaryRow]) -> list[SummaryRow]:
    """One column's rows; a method without a number (it has no picture sizes, no N) is signed as those that have one."""
    signed = next((row.signature for row in column if row.value is not None), None)
    return [row if row.value is not None or signed is None else replace(row, signature=signed) for row in column]


def _answers(
    store: RunStore,
    cells: Mapping[Key, StoredCell],
    dataset: str,
    method: str,
    evaluator: Evaluator,
    metric: str,
    line: str,
) -> dict[str, str]:
    """Sample → the emotion that a judge took the method's clip for."""
    cell = cells.get((dataset, method, metric, line))
    if cell is None:
        return {}
    names = evaluator.answers(metric, _items(store, cell, evaluator, metric, line)) or ()
    return {row.sample: name for row, name in zip(cell.scored, names, strict=True)}


def _methods_in_order(store: RunStore) -> list[str]:
    asked = store.meta("asked") or {}
    return [*asked.get("methods", ()), *sorted({method for _, method, _ in store.clips()})]


def _summary(
    store: RunStore, cell: StoredCell, evaluator: Evaluator, metric: str, signature: str, seed: int
) -> SummaryRow:
    facts, items = evaluator.facts(metric), _items(store, cell, evaluator, metric, signature)
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
        _why(cell.rows) if not items else _note(items, evaluator, metric, cell) or ("too_few" if value is None else ""),
        clustered[0] if clustered else None,
        clustered[1] if clustered else None,
    )


def _items(store: RunStore, cell: StoredCell, evaluator: Evaluator, metric: str, signature: str) -> list[Statistics]:
    """Statistics of the scored rows of a cell, in their order: one cell at a time is in memory.

    A metric that is made from another one's statistics finds them in that one's rows.
    """
    source = evaluator.facts(metric).of
    line = str(evaluator.signature(source)) if source else signature
    rows = store.rows(cell=(cell.dataset, cell.method, source or metric, line))
    return [unpack(row) for row in rows if row.scored]


def _signed(items: Sequence[Statistics], evaluator: Evaluator, metric: str, line: str) -> str:
    """The signature of the number: with the fields that only a measured set has (picture sizes, N), where the judge
    says so.
    """
    return str(evaluator.measured(metric, items)) if items else line


def _note(items: Sequence[Statistics], evaluator: Evaluator, metric: str, cell: StoredCell) -> str:
    """The note that a judge gives with its number (chance, ceiling), and the number if lost clips counted as wrong."""
    notes = [evaluator.note(metric, items)]
    if cell.lost:
        value = evaluator.with_wrong(metric, items, cell.lost)
        clips = f"{len(cell.lost)} lost clip{'' if len(cell.lost) == 1 else 's'}"
        notes += [] if value is None or not math.isfinite(value) else [f"{value:.1f} % with {clips} as wrong"]
    return "; ".join(filter(None, notes))


def _why(rows: Sequence[StoredRow]) -> str:
    reasons = [row.reason or "" for row in rows]
    return max(set(reasons), key=reasons.count) if reasons else ""


def _score(
    cell: StoredCell, items: Sequence[Statistics], evaluator: Evaluator, metric: str, seed: int
) -> tuple[float | None, Interval, Interval]:
    """(value, interval over clips, interval over identities); no number when nothing was scored."""
    if not items:
        return None, None, None
    value = float(evaluator.combine(metric, items))
    if not math.isfinite(value):
        return None, None, None
    rng = np.random.default_rng(seed_for(seed, "interval", cell.dataset, cell.method, metric))
    facts = evaluator.facts(metric)
    unit = facts.unit
    if facts.aggregation == "mean":
        values, people = [float(row.value or 0.0) for row in cell.scored], len(set(cell.clusters))
        by_clip = _share_interval(unit, values, len(values)) or statistics.mean_interval(values, rng)
        clustered = statistics.mean_interval(values, rng, cell.clusters)
        return value, by_clip, (clustered and _share_interval(unit, values, people)) or clustered
    groups = [str(k) for k in range(len(items))], cell.clusters
    by_clip, clustered = (evaluator.interval(metric, items, one, evaluator.draws, rng) for one in groups)
    people = len(set(cell.answering))
    return value, _with_width(by_clip, unit, value, cell.answers), _with_width(clustered, unit, value, people)


def _share_interval(unit: str, values: Sequence[float], n: int) -> Interval:
    """Wilson's interval of n clips or people where every clip says 0 or 100 %: the bootstrap has no width there."""
    if unit != "%" or set(values) not in ({0.0}, {100.0}):
        return None
    low, high = statistics.wilson(n * values[0] / 100.0, n)
    return 100.0 * low, 100.0 * high


def _with_width(interval: Interval, unit: str, value: float, n: int) -> Interval:
    """The interval; Wilson's of n clips or people where no resample moved a pooled share from 0 or 100 %."""
    if interval is None or interval[0] != interval[1]:
        return interval
    return _share_interval(unit, [value], n) or interval


def _with_outcomes(store: RunStore, cell: StoredCell, evaluator: Evaluator, metric: str, line: str) -> StoredCell:
    """The cell with each clip's part of a pooled score that is a mean of such parts."""
    parts = evaluator.outcomes(metric, _items(store, cell, evaluator, metric, line)) or ()
    counted = zip(cell.scored, parts, strict=True)
    return replace(cell, rows=tuple(replace(row, value=part) for row, part in counted if part is not None))


def _compare(
    store: RunStore,
    column: Sequence[StoredCell],
    rows: Sequence[SummaryRow],
    evaluator: Evaluator,
    metric: str,
    line: str,
    seed: int,
) -> list[Comparison]:
    """All pairs of methods whose numbers have one signature: by clip where the score is a mean over clips."""
    facts = evaluator.facts(metric)
    if not facts.ranked:
        return []
    in_parts = evaluator.outcomes(metric, []) is not None
    if in_parts:
        column = [_with_outcomes(store, cell, evaluator, metric, line) for cell in column]
    comparisons = []
    for (a, one), (b, two) in combinations(zip(column, rows, strict=True), 2):
        if one.signature != two.signature or one.value is None or two.value is None:
            continue
        if in_parts or facts.aggregation == "mean":
            comparisons.append(pairs.by_clip(a, b, metric, facts.unit, one.signature, seed))
        else:
            items = lambda cell: _items(store, cell, evaluator, metric, line)  # noqa: E731
            score = partial(evaluator.combine, metric)
            comparisons.append(pairs.by_set(a, b, items, score, metric, one.signature, seed))
    return [comparison for comparison in comparisons if comparison is not None]
