"""The gate asks of numbers that are not ranked how far they are from their ideal, and a table never marks them best."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from evaluators.faces.presence import FacePresence
from evaluators.sync.lse import LipSync
from reports import layout, scores
from reports.gate.gate import compare
from reports.gate.text import plain
from reports.model import MetricFact, RunData
from reports.scores_file import read_scores
from tests.reports.gate.test_gate import states
from tests.synthetic_runs import make_run

KINDS = {"offset": 0.0, "frames": "asked", "ratio": 1.0, "faces": 100.0}


def described(name: str, unit: str, values: Callable[[int], float], asked: int = 0) -> RunData:
    """A run whose `offset` is a metric that is not ranked, with these values of its clips."""
    run = make_run(methods=("cmet", "edtalk"))
    fact = MetricFact("offset", "Number", unit, False, ranked=False, ideal=KINDS[name])  # type: ignore[arg-type]
    samples = list(dict.fromkeys(row.sample for row in run.rows))
    of = {sample: float(values(k)) for k, sample in enumerate(samples)}
    rows = tuple(replace(row, value=of[row.sample]) if row.metric == "offset" else row for row in run.rows)
    mean = sum(of.values()) / len(of)
    summary = tuple(replace(r, value=mean, unit=unit) if r.metric == "offset" else r for r in run.summary)
    lengths = dict.fromkeys((("puppets", sample) for sample in samples), asked) if asked else {}
    facts = {**run.metric_facts, "offset": fact}
    return replace(run, rows=rows, summary=summary, metric_facts=facts, frames_asked=lengths)


def test_the_four_numbers_are_never_ranked_and_have_an_ideal() -> None:
    facts = {fact.name: fact for judge in (LipSync, FacePresence) for fact in judge.metrics}
    ideals = {"sync_offset": 0.0, "av_length_ratio": 1.0, "frames": "asked", "face_rate": 100.0}
    assert {name: (facts[name].ranked, facts[name].ideal) for name in ideals} == {
        n: (False, i) for n, i in ideals.items()
    }


def test_a_delay_of_three_frames_is_found_and_named() -> None:
    verdict = compare(described("offset", "frames", lambda k: 0), described("offset", "frames", lambda k: 3))
    assert (states(verdict)["offset"], verdict.exit_code) == ("worse", 3)
    assert "cmet Number, from 0 " in plain(verdict)
    assert "0.00 → 3.00 (+3.00 frames) on 60 shared clips" in plain(verdict)


@pytest.mark.parametrize(("before", "now", "state"), [(-2, 2, "same"), (-2, -1, "better"), (-1, -2, "worse")])
def test_what_counts_is_how_far_from_the_ideal_and_not_which_way(before: int, now: int, state: str) -> None:
    runs = [described("offset", "frames", lambda k, value=value: value) for value in (before, now)]
    assert states(compare(*runs))["offset"] == state


def test_frames_are_counted_against_those_that_the_sample_asks_for() -> None:
    whole, cut = described("frames", "", lambda k: 50, 50), described("frames", "", lambda k: 50 - (k == 7), 50)
    assert states(compare(whole, cut))["offset"] == "worse"
    assert states(compare(cut, whole))["offset"] == "better"
    bare = replace(cut, frames_asked={})
    assert states(compare(bare, replace(whole, frames_asked={})))["offset"] == "worse"  # the baseline is all there is


def test_lengths_and_faces_have_their_own_measure() -> None:
    good = described("ratio", "", lambda k: 1.01)
    assert states(compare(good, described("ratio", "", lambda k: 1.015)))["offset"] == "same"
    assert states(compare(good, described("ratio", "", lambda k: 0.90)))["offset"] == "worse"
    seen = described("faces", "%", lambda k: 100)
    assert states(compare(seen, described("faces", "%", lambda k: 100 if k % 2 else 90)))["offset"] == "worse"


def test_bare_files_know_the_ideal(tmp_path: Path) -> None:
    paths = [tmp_path / "a.json", tmp_path / "b.json"]
    for path, value in zip(paths, (0, 3), strict=True):
        path.write_text(scores.to_json([described("offset", "frames", lambda k, v=value: v)]), encoding="utf-8")
    verdict = compare(*map(read_scores, paths))
    assert (states(verdict)["offset"], verdict.exit_code) == ("worse", 3)


def test_no_table_marks_them() -> None:
    run = described("offset", "frames", lambda k: k)
    section = layout.sections([run])[0]
    place = next(k for k, column in enumerate(section.columns) if column.fact.name == "offset")
    assert {line.cells[place].rank for line in section.lines if line.cells[place]} == {""}
