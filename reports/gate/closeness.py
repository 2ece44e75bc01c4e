"""Numbers without a better and a worse, as the AV offset, are judged by how far they are from their ideal.

A clip is worse the farther it is from there than the baseline's was: one that stays as it was, or comes nearer, is not.
Frame counts are judged by the number that the sample asks for; where only a bare scores.json or a folder of clips says
what the baseline had, by that.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import replace

from harness.records import SummaryRow
from reports.model import MetricFact, RunData, RunRow

ASKED = "asked"
_OWN = "folder"  # the dataset whose samples ask for what their clips have

Ideal = Callable[[RunRow], float]


def by_closeness(baseline: RunData, run: RunData) -> tuple[RunData, RunData]:
    """Returns both runs with the distance from its ideal in place of each number that has one, in the same unit."""
    facts = {name: fact for one in (baseline, run) for name, fact in one.metric_facts.items() if _judged(fact)}
    own = {(row.dataset, row.sample): row.value for row in baseline.rows if _is(facts.get(row.metric), ASKED)}
    asked = {key: frames for key, frames in run.frames_asked.items() if key[0] != _OWN} | dict(baseline.frames_asked)
    lengths = {key: float(asked.get(key) or value) for key, value in own.items() if value is not None}

    def ideal(row: RunRow) -> float:
        point = facts[row.metric].ideal
        return lengths.get((row.dataset, row.sample), math.nan) if point == ASKED else float(point or 0.0)

    return _distances(baseline, facts, ideal), _distances(run, facts, ideal)


def _judged(fact: MetricFact) -> bool:
    return not fact.ranked and fact.ideal is not None


def _is(fact: MetricFact | None, ideal: str) -> bool:
    return fact is not None and fact.ideal == ideal


def _distances(run: RunData, facts: Mapping[str, MetricFact], ideal: Ideal) -> RunData:
    rows = tuple(
        replace(row, value=abs(row.value - ideal(row))) if row.metric in facts and row.value is not None else row
        for row in run.rows
    )
    far: dict[tuple[str, ...], list[RunRow]] = defaultdict(list)
    for row in rows:
        if row.metric in facts:
            far[row.dataset, row.method, row.metric, row.signature].append(row)
    summary = tuple(_mean(row, far, facts[row.metric]) if row.metric in facts else row for row in run.summary)
    return replace(
        run,
        rows=rows,
        summary=summary,
        metric_facts={**run.metric_facts, **{name: _from_ideal(fact) for name, fact in facts.items()}},
        aggregations={line: how for line, how in run.aggregations.items() if line.partition("|")[0] not in facts},
    )


def _from_ideal(fact: MetricFact) -> MetricFact:
    point = "those asked for" if fact.ideal == ASKED else f"{fact.ideal:g}"
    return replace(fact, title=f"{fact.title}, from {point}", higher_is_better=False, ranked=True, aggregation="mean")


def _mean(row: SummaryRow, rows: Mapping[tuple[str, ...], list[RunRow]], fact: MetricFact) -> SummaryRow:
    """A row of the table with the clips' mean distance; of a table without clips, the distance of its number."""
    own = rows.get((row.dataset, row.method, row.metric, row.signature), [])
    far = [one.value for one in own if one.value is not None and math.isfinite(one.value)]
    if not own and row.value is not None and fact.ideal != ASKED:
        far = [abs(row.value - float(fact.ideal or 0.0))]
    return replace(row, value=sum(far) / len(far) if far else None, higher_is_better=False)
