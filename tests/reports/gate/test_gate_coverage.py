"""The gate where clips, weights or many methods come and go: lost numbers, other judges, hundreds of cells."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.records import SummaryRow
from reports import scores
from reports.gate.gate import Verdict, compare
from reports.gate.text import plain
from reports.gate.verdict import CellVerdict
from reports.model import RunData, RunRow
from reports.scores_file import read_scores
from tests.reports.gate.test_gate import quick_run
from tests.synthetic_runs import SIGNATURES, make_run


def cell_of(verdict: Verdict, metric: str) -> CellVerdict:
    return next(cell for cell in verdict.cells if cell.metric == metric)


def without(run: RunData, metric: str, lost: Callable[[str], bool], reason: str = "no_face") -> RunData:
    """`run` with no number of a metric where `lost(sample)`; the table follows its rows."""

    def changed(row: RunRow) -> RunRow:
        return replace(row, value=None, reason=reason) if row.metric == metric and lost(row.sample) else row

    rows = tuple(map(changed, run.rows))
    left = [row.value for row in rows if row.metric == metric and row.value is not None]
    mean = sum(left) / len(left) if left else None
    summary = tuple(replace(r, value=mean, n_scored=len(left)) if r.metric == metric else r for r in run.summary)
    return replace(run, rows=rows, summary=summary)


def signed(run: RunData, metric: str, line: str) -> RunData:
    """`run` with one metric under another signature."""
    return replace(
        run,
        rows=tuple(replace(r, signature=line) if r.metric == metric else r for r in run.rows),
        summary=tuple(replace(r, signature=line) if r.metric == metric else r for r in run.summary),
    )


def test_a_judge_without_its_weights_is_no_regression_of_the_method() -> None:
    run = make_run(methods=("cmet",))
    absent = SIGNATURES["identity"].replace("small@sha1a2b", "absent")
    blind = signed(without(run, "identity", lambda sample: True, "weights_missing"), "identity", absent)
    verdict = compare(run, blind)
    assert cell_of(verdict, "identity").state == "cannot compare"
    assert verdict.exit_code == 4
    assert "net small@sha1a2b → absent" in plain(verdict)


def test_all_clips_lost_is_worse_though_a_set_without_numbers_has_no_sizes() -> None:
    run = make_run(methods=("cmet",))
    sized, bare = "identity|net:small|res:256x256/256x256|v:1", "identity|net:small|v:1"
    blind = without(run, "identity", lambda sample: True)
    verdict = compare(signed(run, "identity", sized), signed(blind, "identity", bare))
    assert cell_of(verdict, "identity").state == "worse"
    assert "60 of 60 clips lost their number" in plain(verdict)


def _with(row: SummaryRow, fields: dict[str, Any]) -> SummaryRow:
    return replace(row, **fields)


def test_data_drawn_anew_cannot_be_compared(tmp_path: Path) -> None:
    old, new = (replace(make_run(methods=("cmet",)), facts={"dataset_version": v}) for v in ("1a2b3c4d", "5e6f7a8b"))
    verdict = compare(old, new)
    assert (verdict.state, verdict.exit_code) == ("cannot compare", 4)
    assert "1a2b3c4d, now 5e6f7a8b" in plain(verdict)
    assert compare(old, make_run(methods=("cmet",))).exit_code == 0  # of before: not known
    path = tmp_path / "scores.json"
    path.write_text(scores.to_json([old]), encoding="utf-8")
    assert compare(read_scores(path), new).exit_code == 4
    assert compare(read_scores(path), old).exit_code == 0


def test_a_baseline_of_another_list_says_which() -> None:
    run = make_run(methods=("cmet",))
    other = replace(run, rows=tuple(replace(row, sample=f"x{row.sample}") for row in run.rows))
    verdict = compare(other, run)
    assert (verdict.state, verdict.exit_code) == ("cannot compare", 4)
    assert "no sample of puppets" in plain(verdict)
    assert "--list puppets_test_v1" in plain(verdict)


def test_clips_that_change_places_are_told() -> None:
    run = make_run(methods=("cmet",))
    before = without(run, "identity", lambda sample: sample.endswith(("_000", "_001")))
    after = without(run, "identity", lambda sample: sample.endswith(("_002", "_003")))
    verdict = compare(before, after)
    assert (cell_of(verdict, "identity").state, verdict.exit_code) == ("same", 0)
    assert "on 56 shared clips" in plain(verdict)
    assert "2 clips lost their number, 2 gained one" in plain(verdict)
    assert "0 clips lost their number, 2 gained one" in plain(compare(before, run))
    worse = compare(before, without(run, "identity", lambda sample: sample.endswith(("_002", "_003", "_004"))))
    assert cell_of(worse, "identity").state == "worse"
    assert "3 of 58 clips lost their number: no face was found; 2 gained one" in plain(worse)


def test_clips_too_few_for_so_many_numbers_are_no_pass() -> None:
    """Eight clips have no p-value below 2 of 2^8: corrected for four numbers, a collapse would be called the same."""
    verdict = compare(quick_run(0, clips=8), quick_run(1, clips=8, shift={"lse_c": -5.0}))
    assert (verdict.state, verdict.exit_code) == ("cannot compare", 4)
    assert "8 shared clips, 9 are needed to tell a change from the method's own noise" in plain(verdict)
    assert compare(quick_run(0, clips=9), quick_run(1, clips=9, shift={"lse_c": -5.0})).exit_code == 3
    assert compare(quick_run(0, clips=8), quick_run(0, clips=8)).exit_code == 0  # clip for clip the same


def of_eight_clips(run: RunData) -> RunData:
    """`run` with LSE-C asked of its first eight clips alone."""
    few = {f"s{k:03d}" for k in range(8)}
    rows = tuple(
        replace(r, reason="not_applicable") if r.metric == "lse_c" and r.sample not in few else r for r in run.rows
    )
    mean = sum(r.value or 0.0 for r in rows if r.metric == "lse_c" and r.sample in few) / 8
    counts = {"value": mean, "n_scored": 8, "n_expected": 8}
    return replace(run, rows=rows, summary=tuple(_with(r, counts) if r.metric == "lse_c" else r for r in run.summary))


def test_one_number_of_few_clips_says_so_and_stops_nobody() -> None:
    damaged = quick_run(1, shift={"lse_c": -5.0})
    verdict = compare(of_eight_clips(quick_run(0)), of_eight_clips(damaged))
    assert (cell_of(verdict, "lse_c").state, verdict.exit_code) == ("same", 0)
    assert (
        "on 8 shared clips, p = 0.031, too few clips: 9 are needed to tell a change from the method's own noise"
        in plain(verdict)
    )


def test_few_clips_are_enough_where_other_numbers_fell_before_them() -> None:
    """Holm asks less of the third smallest p-value of four than of the smallest."""
    damaged = quick_run(1, shift={"lse_c": -5.0, "lse_d": 5.0, "csim": -0.5})
    verdict = compare(of_eight_clips(quick_run(0)), of_eight_clips(damaged))
    assert cell_of(verdict, "lse_c").state == "worse"
    assert cell_of(verdict, "lse_c").p_value == pytest.approx(2 * 2 / 2**8)


def many(run: RunData, methods: int) -> RunData:
    """The run's method under many names."""
    names = [f"m{k:02d}" for k in range(methods)]
    rows = tuple(replace(row, method=name) for name in names for row in run.rows)
    return replace(run, rows=rows, summary=tuple(replace(r, method=name) for name in names for r in run.summary))


@pytest.mark.slow
def test_plain_damage_is_found_among_hundreds_of_cells() -> None:
    baseline, damaged = many(quick_run(0), 70), many(quick_run(1, shift={"lse_c": -1.0}), 70)
    verdict = compare(baseline, damaged)
    assert len(verdict.cells) == 280
    assert {cell.state for cell in verdict.cells if cell.metric == "lse_c"} == {"worse"}
    assert {cell.state for cell in verdict.cells if cell.metric != "lse_c"} <= {"same", "better"}
