"""Judges one cell of the gate: the settings of its signature first, then coverage, then N, then the paired test."""

from __future__ import annotations

import math
import zlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from harness.errors import UsageError
from harness.reasons import sentence
from harness.records import SummaryRow
from harness.signature import MEASURED, Signature
from harness.statistics import Test, detectable_difference, paired_test, swap_test
from reports.gate.verdict import CellVerdict, State, Thresholds
from reports.model import MetricFact, PooledStatistics, RunData, RunRow

Key = tuple[str, str, str, str]  # dataset, method, metric, signature
Rows = Mapping[str, RunRow]  # sample → row
_COUNTS = ("n1", "n2")


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
    share: float  # of alpha, for this cell alone

    def judge(self) -> CellVerdict:
        """Returns the verdict: whether numbers were lost, whether both sides mean the same, and the test."""
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
        """The test that the numbers at hand allow."""
        both = [s for s, row in before.items() if row.scored and s in after and after[s].scored]
        pairs = [(_number(after[s]), _number(before[s])) for s in both]
        if pairs and self.fact.aggregation == "mean" and not np.isnan(pairs).any():
            return self._mean(np.array(pairs, dtype=np.float64))
        return self._pooled(*pools) if (pools := self._pools()) is not None else self._intervals(new)

    def _pools(self) -> tuple[PooledStatistics, PooledStatistics] | None:
        """The statistics of both sets, where they are here."""
        old, new = self.before.data.pools.get(self.key), self.after.data.pools.get(self.other)
        return (old, new) if old is not None and new is not None else None

    def _other_signature(self, new: SummaryRow) -> CellVerdict:
        return self.answer("cannot compare", f"signatures differ: {differing(self.old.signature, new.signature)}")

    def _comparable(self, old: str, new: str) -> bool:
        """Equal signatures; or equal but for N where both sets are here, since the test is on the clips they share."""
        return old == new or (self._pools() is not None and _without(_COUNTS, old) == _without(_COUNTS, new))

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
            return self.answer("worse", f"{len(lost)} of {len(scored)} clips lost their number: {why}{more}")
        if not before and new.n_scored < self.old.n_scored:
            return self.answer("worse", f"{self.old.n_scored} clips had a number, now {new.n_scored}")
        return None

    def _mean(self, pairs: npt.NDArray[np.float64]) -> CellVerdict:
        """Per-clip values (n, 2) of run and baseline: the sign-flip test of their mean difference."""
        if len(pairs) < self.limits.minimum_pairs:
            return self._too_few(len(pairs))
        change = pairs[:, 0] - pairs[:, 1]
        test = paired_test(pairs[:, 0], pairs[:, 1], self._rng(), draws=self.limits.draws)
        verdict = self._tested(float(pairs[:, 1].mean()), test, detectable_difference(change, self.share))
        # Clip for clip the same: no sign flip could ever show a change, so it is none of the corrected tests (Tarone).
        return verdict if change.any() else replace(verdict, p_value=None)

    def _pooled(self, old: PooledStatistics, new: PooledStatistics) -> CellVerdict:
        """A score that only a set has: the clip-swap test of the two sets."""
        both = [sample for sample in old.items if sample in new.items]
        if len(both) < self.limits.minimum_pairs:
            return self._too_few(len(both))
        first, second = [new.items[s] for s in both], [old.items[s] for s in both]
        if all(map(_alike, first, second)):  # no swap could ever show a change
            test = Test(0.0, 1.0, len(both))
        else:
            test = swap_test(first, second, old.score, self._rng(), draws=self.limits.pooled_draws)
        verdict = self._tested(old.score(second), test, None)
        return verdict if test.difference else replace(verdict, p_value=None)

    def _intervals(self, new: SummaryRow) -> CellVerdict:
        """Only two values with intervals are known: a change is one whose intervals lie apart."""
        old, few = self.old, min(self.old.n_scored, new.n_scored)
        if few < self.limits.minimum_pairs:
            return self._too_few(few)
        if old.value is None or new.value is None:
            return self.answer("cannot compare", "there is no value to compare")
        verdict = self._tested(old.value, Test(new.value - old.value, 1.0, few), None)
        verdict = replace(verdict, p_value=None, reason="by intervals")
        if not verdict.change:
            return verdict
        if old.low is None or old.high is None or new.low is None or new.high is None:
            return self.answer("cannot compare", "only the whole set has a value, and it has no interval")
        apart = old.high < new.low or new.high < old.low
        return replace(verdict, state=verdict.direction) if apart and abs(verdict.change) >= verdict.effect else verdict

    def _tested(self, baseline: float, test: Test, detectable: float | None) -> CellVerdict:
        return replace(
            self.answer("same", ""),
            baseline=baseline,
            run=baseline + test.difference,
            change=test.difference,
            p_value=test.p_value,
            pairs=test.n_pairs,
            detectable=detectable,
            effect=self.limits.effect(self.key[2], self.old.unit, baseline),
        )

    def _too_few(self, pairs: int) -> CellVerdict:
        what = f"too little was measured: {pairs} shared clips, {self.limits.minimum_pairs} are needed"
        return self.answer("cannot compare", what)

    def answer(self, state: State, reason: str) -> CellVerdict:
        """Returns a verdict without a test, with the values of the two tables."""
        value = self.new.value if self.new else None
        facts = (self.fact.title, self.old.unit, self.fact.higher_is_better)
        return CellVerdict(*self.key[:3], *facts, state, reason, self.old.value, value)

    @property
    def fact(self) -> MetricFact:
        """Returns facts of the metric; a bare scores.json does not know titles, so the run is asked first."""
        return self.after.data.fact(*self.other[2:]) if self.new else self.before.data.fact(*self.key[2:])

    def _rng(self) -> np.random.Generator:
        """Fixed by the cell's name: a repeated comparison cannot change its mind."""
        return np.random.default_rng(zlib.crc32("|".join(self.key).encode()))


def _alike(one: object, other: object) -> bool:
    """Whether two clips' statistics are the same to the bit."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_alike(one[name], other[name]) for name in one)
    return np.asarray(one).tobytes() == np.asarray(other).tobytes()


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
    share = limits.alpha / max(1, len(wanted))
    others = {key: _counterpart(key, before, after) for key in wanted}
    return [
        GateCell(key, other, before.summary[key], after.summary.get(other), before, after, limits, share).judge()
        for key, other in others.items()
    ]


def _counterpart(key: Key, before: Side, after: Side) -> Key:
    """The same cell of the run, or its nearest one under a signature that the baseline does not have."""
    if key in after.summary:
        return key
    free = [other for other in after.summary if other[:3] == key[:3] and other not in before.summary]
    own = set(key[3].split("|"))
    return min(free, key=lambda other: len(own ^ set(other[3].split("|"))), default=key)
