"""Judges one cell of the gate: the settings of its signature first, then coverage, then N, then the change."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from harness.errors import UsageError
from harness.reasons import sentence
from harness.records import SummaryRow
from harness.signature import MEASURED, Signature
from harness.statistics import Estimate, left_out_of_mean
from reports.gate.verdict import CellVerdict, Key, MovedClip, State, Thresholds
from reports.model import MetricFact, PooledScores, RunData, RunRow

Rows = Mapping[str, RunRow]  # sample → row
_COUNTS = ("n1", "n2")
GROUPS = 20  # of clips, left out in turn from a score of a whole set


@dataclass(frozen=True)
class Side:
    """Holds one of the two runs, indexed by cell."""

    data: RunData
    summary: Mapping[Key, SummaryRow]
    rows: Mapping[Key, Rows]


def side(run: RunData) -> Side:
    """Returns a run indexed by cell."""
    rows: dict[Key, dict[str, RunRow]] = defaultdict(dict)
    for row in run.rows:
        if row.expected:
            rows[row.dataset, row.method, row.metric, row.signature][row.sample] = row
    return Side(run, {(row.dataset, row.method, row.metric, row.signature): row for row in run.summary}, rows)


def differing(old: str, new: str) -> str:
    """Says which fields of two signatures differ, in words."""
    try:
        first, second = Signature.parse(old), Signature.parse(new)
    except UsageError:
        return f"'{old}' against '{new}'"
    a, b = dict(first.fields), dict(second.fields)
    keys = [key for key in dict.fromkeys([*a, *b]) if a.get(key) != b.get(key)]
    differences = [f"{key} {a.get(key, 'absent')} → {b.get(key, 'absent')}" for key in keys]
    if first.metric != second.metric:
        differences.insert(0, f"metric {first.metric} → {second.metric}")
    return ", ".join(differences) or "the order of their fields"


@dataclass(frozen=True)
class GateCell:
    """Holds one metric of one method on its way to a verdict; a raw p-value in the answer waits for its correction."""

    key: Key  # in the baseline
    other: Key  # in the run; another signature where the baseline's is not there
    old: SummaryRow
    new: SummaryRow | None
    before: Side
    after: Side
    limits: Thresholds

    def judge(self) -> CellVerdict:
        """Returns the verdict: whether numbers were lost, whether both sides mean the same, and the change."""
        if self.new is None:
            return self.answer("cannot compare", "the run does not have it")
        if _without(MEASURED, self.old.signature) != _without(MEASURED, self.new.signature):
            return self._other_signature(self.new)  # a judge without weights here loses numbers, and no method did
        before, after = self.before.rows.get(self.key, {}), self.after.rows.get(self.other, {})
        verdict = self._lost(self.new, before, after)
        if verdict is None and not self._comparable(self.old.signature, self.new.signature):
            verdict = self._other_signature(self.new)
        return verdict or replace(self._test(self.new, before, after), exchanged=_exchanged(before, after))

    def _test(self, new: SummaryRow, before: Rows, after: Rows) -> CellVerdict:
        """The change on the clips that both have, and the test that a stochastic method's change must pass."""
        both = sorted(s for s, row in before.items() if row.scored and s in after and after[s].scored)
        few = len(both) if before else min(self.old.n_scored, new.n_scored)
        if few < self.limits.minimum_pairs:
            return self._too_few(few)
        pairs = np.array([(_number(after[s]), _number(before[s])) for s in both], dtype=np.float64).reshape(-1, 2)
        if before and self.fact.aggregation == "mean" and not np.isnan(pairs).any():
            now, then = pairs.T
            tested = left_out_of_mean(now - then, both).by_clip() if self.stochastic else None
            return self._changed(float(then.mean()), float(now.mean()), few, tested)
        return self._of_sets(new, before, after, few)

    def _of_sets(self, new: SummaryRow, before: Rows, after: Rows, pairs: int) -> CellVerdict:
        """A score that clips have together: the table's where both sides have the same clips, else that of the shared
        ones.
        """
        alike = {s for s, row in before.items() if row.scored} == {s for s, row in after.items() if row.scored}
        if alike and self.old.signature == new.signature and not self.stochastic:
            if self.old.value is None or new.value is None:
                return self.answer("cannot compare", "there is no value to compare")
            return self._changed(self.old.value, new.value, pairs, None)
        old, now = self._pools() or (None, None)
        if old is None or now is None:
            return self.answer("cannot compare", "only whole sets have a value, and what theirs is made of is not here")
        shared = old.samples & now.samples
        if not self.stochastic:
            return self._changed(old.score(shared), now.score(shared), pairs, None)
        then, later = (one.by_clips(shared, GROUPS) for one in (old, now))
        return self._changed(then.value, later.value, pairs, (later - then).by_clip())

    def _pools(self) -> tuple[PooledScores, PooledScores] | None:
        """The statistics of both sets, where they are here."""
        old, new = self.before.data.pool(self.key), self.after.data.pool(self.other)
        return (old, new) if old is not None and new is not None else None

    def _other_signature(self, new: SummaryRow) -> CellVerdict:
        return self.answer("cannot compare", f"signatures differ: {differing(self.old.signature, new.signature)}")

    def _comparable(self, old: str, new: str) -> bool:
        """Equal signatures; or equal but for N where both sets are here, since the test is on the clips they share."""
        return old == new or (_without(_COUNTS, old) == _without(_COUNTS, new) and self._pools() is not None)

    def _lost(self, new: SummaryRow, before: Rows, after: Rows) -> CellVerdict | None:
        """A verdict if the run lacks samples or numbers that the baseline has."""
        missing = sum(sample not in after for sample in before)
        if missing > self.limits.missing_samples * len(before):
            what = f"the run lacks {missing} of the baseline's {len(before)} samples (was it made with --limit?)"
            return self.answer("cannot compare", what)
        scored = [sample for sample, row in before.items() if row.scored and sample in after]
        lost = [sample for sample in scored if not after[sample].scored]
        gained = sum(not row.scored and s in after and after[s].scored for s, row in before.items())
        if len(lost) - gained > self.limits.coverage_loss * len(scored):
            why = ", ".join(sorted({sentence(after[sample].reason or "") for sample in lost}))
            more = f"; {gained} gained one" if gained else ""
            gone = tuple(MovedClip(sample, before[sample].value, None, math.inf) for sample in sorted(lost))
            what = f"{len(lost)} of {len(scored)} clips lost their number: {why}{more}"
            return replace(self.answer("worse", what), clips=gone)
        if not before and new.n_scored < self.old.n_scored:
            return self.answer("worse", f"{self.old.n_scored} clips had a number, now {new.n_scored}")
        return None

    def _changed(self, baseline: float, run: float, pairs: int, tested: Estimate | None) -> CellVerdict:
        """The verdict on a change: beyond the limit or not; a p-value waits for its correction."""
        ideal = self.fact.ideal
        whole = float(ideal) if isinstance(ideal, (int, float)) else baseline
        limit = self.limits.limit(self.key, self.old.unit, whole, devices_differ(self.before, self.after))
        verdict = replace(self.answer("same", ""), baseline=baseline, run=run, change=run - baseline, pairs=pairs)
        verdict = replace(verdict, limit=limit)
        if run == baseline:  # no test, whatever the noise, could have shown a change: it is none of the corrected ones
            return verdict
        if tested is not None:
            error = math.sqrt(tested.variance) if math.isfinite(tested.variance) else None
            verdict = replace(verdict, p_value=tested.p_value, error=error)
        beyond = abs(run - baseline) > limit.value
        return replace(verdict, state=verdict.direction) if beyond else replace(verdict, reason=f"within {limit.what}")

    def _too_few(self, pairs: int) -> CellVerdict:
        what = f"too little was measured: {pairs} shared clips, {self.limits.minimum_pairs} are needed"
        return self.answer("cannot compare", what)

    def answer(self, state: State, reason: str) -> CellVerdict:
        """Returns a verdict without a test, with the values of the two tables."""
        value = self.new.value if self.new else None
        facts = (self.fact.title, self.old.unit, self.fact.higher_is_better)
        empty = CellVerdict(*self.key[:3], *facts, state, reason, self.old.value, value)
        return replace(empty, signature=self.key[3], from_ideal=self.fact.ideal is not None)

    @property
    def fact(self) -> MetricFact:
        """Returns facts of the metric; a bare scores.json does not know titles, so the run is asked first."""
        return self.after.data.fact(*self.other[2:]) if self.new else self.before.data.fact(*self.key[2:])

    @property
    def stochastic(self) -> bool:
        """Says whether the method draws noise of its own, by the word of either run."""
        return self.key[1] in self.before.data.stochastic | self.after.data.stochastic


def devices_differ(before: Side, after: Side) -> bool:
    """Says whether one run was made on a CPU and the other on a GPU; False where a device is not known."""
    kinds = {str(one.data.facts.get("device") or "").partition(":")[0] for one in (before, after)} - {""}
    return len(kinds) > 1


def _without(keys: Sequence[str], line: str) -> str:
    """A signature line without some of its fields."""
    return "|".join(field for field in line.split("|") if field.partition(":")[0] not in keys)


def _exchanged(before: Rows, after: Rows) -> str:
    """How many clips have a number in one of the runs only; nothing where these are none."""
    both = [(row.scored, after[sample].scored) for sample, row in before.items() if sample in after]
    lost, gained = both.count((True, False)), both.count((False, True))
    return f"{lost} clips lost their number, {gained} gained one" if lost or gained else ""


def _number(row: RunRow) -> float:
    return row.value if row.value is not None and math.isfinite(row.value) else math.nan


def cells(before: Side, after: Side, wanted: Sequence[Key], limits: Thresholds) -> list[CellVerdict]:
    """Returns the verdict of every wanted cell, p-values still raw."""
    others = {key: counterpart(key, before, after) for key in wanted}
    return [
        GateCell(key, other, before.summary[key], after.summary.get(other), before, after, limits).judge()
        for key, other in others.items()
    ]


def counterpart(key: Key, before: Side, after: Side) -> Key:
    """The same cell of the run, or its nearest one under a signature that the baseline does not have."""
    if key in after.summary:
        return key
    free = [other for other in after.summary if other[:3] == key[:3] and other not in before.summary]
    own = set(key[3].split("|"))
    return min(free, key=lambda other: len(own ^ set(other[3].split("|"))), default=key)
