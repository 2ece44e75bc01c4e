"""Comparisons of a run: what is tested is the table's own score, and no interval is a point."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from dataclasses import asdict
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
        return summarise(store, columns)


def only(found: tuple[list[SummaryRow], list[Comparison]]) -> tuple[dict[str, SummaryRow], Comparison]:
    return {row.method: row for row in found[0]}, found[1][0]


def test_a_score_over_frames_is_compared_as_the_table_has_it(tmp_path: Path) -> None:
    """In the mean over clips `a` is above, over their frames it is below: one long clip decides."""
    first, second = [2.0] * 11 + [0.0], [1.0] * 11 + [9.0]
    rows, pair = only(summed(tmp_path, {"a": first, "b": second}, "frames", [10] * 11 + [1000]))
    assert pair.difference == pytest.approx((rows["a"].value or 0) - (rows["b"].value or 0))
    assert pair.difference < 0 < np.mean(first) - np.mean(second)
    assert pair.low <= pair.difference <= pair.high
    assert (pair.test, pair.n_pairs, pair.n_people) == ("t over people", 12, 6)


def test_a_mean_over_clips_is_compared_over_people(tmp_path: Path) -> None:
    first, second = np.random.default_rng(0).normal(5, 1, (2, 20)).tolist()
    rows, pair = only(summed(tmp_path, {"a": first, "b": second}, "level", [10] * 20))
    assert (pair.test, pair.n_pairs, pair.n_people) == ("t over people", 20, 10)
    assert pair.difference == pytest.approx((rows["a"].value or 0) - (rows["b"].value or 0))


def test_all_right_against_all_wrong_is_no_interval_without_width(tmp_path: Path) -> None:
    rows, pair = only(summed(tmp_path, {"a": [100.0] * 8, "b": [0.0] * 8}, "acc", [10] * 8))
    right = rows["a"]
    assert right.low is not None
    assert right.clip_low is not None
    assert right.low < right.clip_low < right.clip_high == right.high == 100.0  # 4 people say less than 8 clips
    assert rows["b"].high is not None
    assert rows["b"].high > 40.0
    assert pair.p_value == 2.0**-3
    assert (pair.difference, pair.high) == (100.0, 100.0)
    assert 45.0 < pair.low < 60.0
    turned = only(summed(tmp_path / "turned", {"b": [0.0] * 8, "a": [100.0] * 8}, "acc", [10] * 8))[1]
    assert (turned.low, turned.high) == (-pair.high, -pair.low)


class Hits(Judge):
    """A pooled accuracy: rows hold no value, and every third clip only lends what the others are compared with."""

    metrics = (MetricFacts("hits", "Hits", "%", True, 0.0, 100.0, aggregation="pooled"),)

    def combine(self, metric: str, rows: Any) -> float:
        hits = [100.0 * float(row["hit"]) for row in rows if float(row["hit"]) >= 0]
        return sum(hits) / len(hits) if hits else float("nan")


def pooled(folder: Path, found: dict[str, list[int]], who: Callable[[int], str], order: list[int]) -> Any:
    """The summary and comparisons of these hits, clips listed in this order; below 0: the clip gives no answer."""
    judge = Hits({}, "cpu")
    line = str(judge.signature("hits"))
    with RunStore(folder) as store:
        store.set_meta("asked", {"methods": list(found)})
        store.add_samples(Sample(f"c{k}", "set", who(k), Emotion("x"), folder, folder, 9) for k in order)
        for method, hits in found.items():
            for k in order:
                notes = ("reference_only",) if hits[k] < 0 else ()
                kept = pack(hit=float(hits[k]))
                store.put_rows("set", method, f"c{k}", [judge.scored("hits", None, kept, notes)])
        return summarise(store, [(judge, "hits", line)])


FOUND = {"a": [1, 1, -1] * 8, "b": [0, 1, -1] * 8}


def test_a_pooled_accuracy_is_compared_by_who_answers(tmp_path: Path) -> None:
    rows, pair = only(pooled(tmp_path, FOUND, lambda k: f"p{k}", list(range(24))))
    assert (rows["a"].value, rows["b"].value, pair.difference) == (100.0, 50.0, 50.0)
    assert (rows["a"].low, rows["a"].clip_low) == pytest.approx((80.64, 80.64), abs=0.01)  # Wilson's of 16, not 24
    assert (pair.test, pair.n_pairs, pair.n_people) == ("t over people", 16, 16)
    assert 0.0001 < pair.p_value < 0.02


def test_two_people_prove_nothing_whatever_their_clips_say(tmp_path: Path) -> None:
    _, pair = only(pooled(tmp_path, FOUND, lambda k: f"p{k % 2}", list(range(24))))
    assert (pair.n_people, pair.n_pairs) == (2, 16)
    assert pair.p_value >= 0.5


def test_clips_of_nobody_known_are_their_own_people_and_the_record_says_so(tmp_path: Path) -> None:
    rows, pair = only(pooled(tmp_path, FOUND, lambda k: f"c{k}", list(range(24))))
    assert (pair.test, pair.n_people, rows["a"].n_people) == ("t over clips", 0, 0)
    assert (rows["b"].low, rows["b"].high) == (rows["b"].clip_low, rows["b"].clip_high)


def test_one_person_has_an_interval_over_clips_and_no_p_value(tmp_path: Path) -> None:
    rows, pair = only(pooled(tmp_path, FOUND, lambda k: "anna", list(range(24))))
    assert rows["b"].low == rows["b"].clip_low is not None
    assert (rows["b"].n_people, pair.n_people, pair.p_value) == (1, 1, 1.0)


def test_nothing_but_the_data_moves_a_number(tmp_path: Path) -> None:
    """Not the order of the rows, nor the folder's name."""
    who = lambda k: f"p{k % 7}"  # noqa: E731
    forward = pooled(tmp_path / "forward", FOUND, who, list(range(24)))
    assert pooled(tmp_path / "other", FOUND, who, list(range(23, -1, -1))) == forward
    values = {m: np.random.default_rng(k).normal(5, 1, 20).tolist() for k, m in enumerate("ab")}
    backward = {method: found[::-1] for method, found in values.items()}
    one, other = (summed(tmp_path / name, v, "level", [10] * 20) for name, v in (("x", values), ("y", backward)))
    assert [row.value for row in one[0]] == pytest.approx([row.value for row in other[0]])


def test_a_run_of_before_has_its_interval_over_people_where_it_is_looked_for(tmp_path: Path) -> None:
    """Suite v:1 had the one over clips in `low` and `high`."""
    (row, _), _ = summed(tmp_path, {"a": [1.0, 2.0] * 4, "b": [2.0, 2.5] * 4}, "level", [10] * 8)
    kept = {key: value for key, value in asdict(row).items() if key not in ("clip_low", "clip_high", "n_people")}
    old = kept | {"low": 1.2, "high": 1.8, "cluster_low": 1.0, "cluster_high": 2.0}
    with sqlite3.connect(tmp_path / "run.sqlite") as db:
        db.execute("INSERT INTO summary VALUES (0, ?)", (json.dumps(old),))
        db.execute("INSERT INTO summary VALUES (1, ?)", (json.dumps(old | {"cluster_low": None}),))
    with RunStore(tmp_path, create=False) as store:
        one, alone = store.summary()
    assert (one.low, one.high, one.clip_low, one.clip_high) == (1.0, 2.0, 1.2, 1.8)
    assert (alone.low, alone.high, alone.clip_low) == (1.2, 1.8, 1.2)
