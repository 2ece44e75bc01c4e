"""Rows become the table here: a score is a pure function of the clips' statistics, with intervals and paired tests."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import combinations

import numpy as np

from harness import agreement, npz, statistics
from harness.cells import Key, StoredCell, gathered
from harness.evaluator import Column, Evaluator, MetricFacts, Statistics
from harness.pairs import CellScores, compared
from harness.records import Comparison, SummaryRow
from harness.store import RunStore, StoredRow


def unpack(row: StoredRow) -> Statistics:
    """Returns a row's sufficient statistics; its value alone where it stored none."""
    if not row.statistics:
        return {"value": np.array([row.value], dtype=np.float64)}
    return {key: array[()] for key, array in npz.arrays(row.statistics).items()}  # a name or a number: a plain scalar


def summarise(
    store: RunStore, columns: Sequence[Column], tell: Callable[[str], None] | None = None
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
            found = [cell for m in order if (cell := cells.get((dataset, m, metric, signature))) is not None]
            read = [partial(items_of, store, cell, evaluator, metric, signature) for cell in found]
            column = [CellScores(cell, evaluator, metric, items) for cell, items in zip(found, read, strict=True)]
            summaries = [
                _summary(one, items(), evaluator, metric, signature) for one, items in zip(column, read, strict=True)
            ]
            rows.extend(summaries := _together(summaries))
            comparisons.extend(_compare(column, summaries, evaluator, metric))
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
    names = evaluator.answers(metric, items_of(store, cell, evaluator, metric, line)) or ()
    return {row.sample: name for row, name in zip(cell.scored, names, strict=True)}


def _methods_in_order(store: RunStore) -> list[str]:
    asked = store.meta("asked") or {}
    return [*asked.get("methods", ()), *sorted({method for _, method, _ in store.clips()})]


def _summary(
    scores: CellScores, items: Sequence[Statistics], evaluator: Evaluator, metric: str, signature: str
) -> SummaryRow:
    """One number with both intervals; no number when nothing was scored, or the set cannot answer."""
    facts, cell = evaluator.facts(metric), scores.cell
    value = float(evaluator.combine(metric, items)) if items else math.nan
    found = scores.on(scores.samples, items) if math.isfinite(value) else None
    by_clip = _within(facts, found.by_clip().interval(facts.scale)) if found else None
    person = found.by_person() if found else None
    low, high = (_within(facts, person.interval(facts.scale)) if person else None) or by_clip or (None, None)
    return SummaryRow(
        cell.dataset,
        cell.method,
        metric,
        value if found else None,
        facts.unit,
        facts.higher_is_better,
        low,
        high,
        cell.answers,
        cell.expected,
        _signed(items, evaluator, metric, signature),
        (_note(items, evaluator, metric, cell) or ("" if found else "too_few")) if items else _why(cell.rows),
        by_clip[0] if by_clip else None,
        by_clip[1] if by_clip else None,
        person.units if person and cell.identities_known else 0,
    )


def _within(facts: MetricFacts, ends: tuple[float, float] | None) -> tuple[float, float] | None:
    """The interval within the metric's range."""
    return ends and (max(ends[0], facts.low), min(ends[1], facts.high))


def items_of(store: RunStore, cell: StoredCell, evaluator: Evaluator, metric: str, signature: str) -> list[Statistics]:
    """Statistics of the scored rows of a cell, in order of their samples: one cell at a time is in memory.

    A metric that is made from another one's statistics finds them in that one's rows.
    """
    source = evaluator.facts(metric).of
    line = str(evaluator.signature(source)) if source else signature
    rows = store.rows(cell=(cell.dataset, cell.method, source or metric, line))
    return [unpack(row) for row in sorted(rows, key=lambda row: row.sample) if row.scored]


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


def _compare(
    column: Sequence[CellScores], rows: Sequence[SummaryRow], evaluator: Evaluator, metric: str
) -> list[Comparison]:
    """All pairs of methods whose numbers have one signature, on the samples that both have."""
    facts = evaluator.facts(metric)
    if not facts.ranked:
        return []
    found = [
        compared(a, b, metric, facts.unit, one.signature)
        for (a, one), (b, two) in combinations(zip(column, rows, strict=True), 2)
        if one.signature == two.signature and one.value is not None and two.value is not None
    ]
    return [comparison for comparison in found if comparison is not None]
