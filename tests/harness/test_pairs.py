"""Comparisons of a run: what is tested is the table's own score, and no interval is a point."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evaluators.packing import pack
from harness.evaluator import ClipContext, Evaluator, Fields, MetricFacts, Refusal
from harness.records import Comparison, Emotion, Sample, SummaryRow
from harness.store import RunStore
from harness.summary import summarise


class Judge(Evaluator):
    """Means over clips (`acc`, `level`), or over the frames of all clips (`frames`)."""

    metrics: tuple[MetricFacts, ...] = (
        MetricFacts("acc", "Accuracy", "%", True, 0.0, 100.0),
        MetricFacts("level", "Level", "", True, 0.0, 9.0),
        MetricFacts("frames", "Of frames", "", True, 0.0, 9.0, aggregation="weighted"),
    )

    def fields(self, metric: str) -> Fields:
        return ()

    def start(self, context: ClipContext) -> Refusal:
        return Refusal("not_implemented_here")

    def combine(self, metric: str, rows: Any) -> float:
        sums, counts = np.array([[float(row["sum"]), float(row["count"])] for row in rows]).T
        return float(sums.sum() / counts.sum()) if metric == "frames" else float(np.mean(sums / counts))


def summed(folder: Path, values: dict[str, list[float]], metric: str, counts: list[int]) -> Any:
    """The summary and comparisons of clips with these values and lengths, two of each person."""
    judge = Judge({}, "cpu")
    columns = [(judge, facts.name, str(judge.signature(facts.name))) for facts in judge.metrics]
    with RunStore(folder) as store:
        store.set_meta("asked", {"methods": list(values)})
        store.add_samples(
            Sample(str(k), "set", f"p{k // 2}", Emotion("happy"), folder, folder, n) for k, n in enumerate(counts)
        )
        for method, found in values.items():
            for k, (value, n) in enumerate(zip(found, counts, strict=True)):
                kept = pack(sum=value * n, count=float(n))
                store.put_rows("set", method, str(k), [judge.scored(metric, value, kept)])
        return summarise(store, columns, 0)


def only(found: tuple[list[SummaryRow], list[Comparison]]) -> tuple[dict[str, SummaryRow], Comparison]:
    return {row.method: row for row in found[0]}, found[1][0]


def test_a_score_over_frames_is_compared_as_the_table_has_it(tmp_path: Path) -> None:
    """In the mean over clips `a` is above, over their frames it is below: one long clip decides."""
    first, second = [2.0] * 11 + [0.0], [1.0] * 11 + [9.0]
    rows, pair = only(summed(tmp_path, {"a": first, "b": second}, "frames", [10] * 11 + [1000]))
    assert pair.difference == pytest.approx((rows["a"].value or 0) - (rows["b"].value or 0))
    assert pair.difference < 0 < np.mean(first) - np.mean(second)
    assert pair.low <= pair.difference <= pair.high
    assert (pair.test, pair.n_pairs) == ("clip-swap permutation", 12)


def test_a_mean_over_clips_is_compared_by_sign_flips(tmp_path: Path) -> None:
    first, second = np.random.default_rng(0).normal(5, 1, (2, 20)).tolist()
    rows, pair = only(summed(tmp_path, {"a": first, "b": second}, "level", [10] * 20))
    assert pair.test == "sign-flip permutation"
    assert pair.difference == pytest.approx((rows["a"].value or 0) - (rows["b"].value or 0))


def test_all_right_against_all_wrong_is_no_interval_without_width(tmp_path: Path) -> None:
    rows, pair = only(summed(tmp_path, {"a": [100.0] * 8, "b": [0.0] * 8}, "acc", [10] * 8))
    right = rows["a"]
    assert right.low is not None
    assert right.cluster_low is not None
    assert right.cluster_low < right.low < right.high == right.cluster_high == 100.0  # 4 people say less than 8 clips
    assert rows["b"].cluster_high is not None
    assert rows["b"].cluster_high > 40.0
    assert (pair.difference, pair.high) == (100.0, 100.0)
    assert 60.0 < pair.low < 75.0
    turned = only(summed(tmp_path / "turned", {"b": [0.0] * 8, "a": [100.0] * 8}, "acc", [10] * 8))[1]
    assert (turned.low, turned.high) == (-pair.high, -pair.low)


class Hits(Judge):
    """A pooled accuracy: rows hold no value, and every third clip only lends what the others are compared with."""

    metrics = (MetricFacts("hits", "Hits", "%", True, 0.0, 100.0, aggregation="pooled"),)

    def combine(self, metric: str, rows: Any) -> float:
        return float(np.mean([part for part in self.outcomes(metric, rows) if part is not None]))

    def outcomes(self, metric: str, rows: Any) -> list[float | None]:
        return [None if float(row["hit"]) < 0 else 100.0 * float(row["hit"]) for row in rows]


def test_a_pooled_accuracy_is_compared_clip_by_clip(tmp_path: Path) -> None:
    judge = Hits({}, "cpu")
    line = str(judge.signature("hits"))
    found = {"a": [1, 1, -1] * 8, "b": [0, 1, -1] * 8}
    with RunStore(tmp_path) as store:
        store.set_meta("asked", {"methods": list(found)})
        store.add_samples(Sample(str(k), "set", f"p{k}", Emotion("x"), tmp_path, tmp_path, 9) for k in range(24))
        for method, hits in found.items():
            for k, hit in enumerate(hits):
                notes = ("reference_only",) if hit < 0 else ()
                store.put_rows("set", method, str(k), [judge.scored("hits", None, pack(hit=float(hit)), notes)])
        rows, pair = only(summarise(store, [(judge, "hits", line)], 0))
    assert (rows["a"].value, rows["b"].value, pair.difference) == (100.0, 50.0, 50.0)
    assert (rows["a"].low, rows["a"].cluster_low) == pytest.approx((80.64, 80.64), abs=0.01)  # Wilson's of 16, not 24
    assert (pair.test, pair.n_pairs) == ("sign-flip permutation", 16)
    assert 0.001 < pair.p_value < 0.02  # eight clips changed, all the same way: 2 of 2^8
