"""The gate where clips, weights or many methods come and go: lost numbers, other judges, hundreds of cells."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from reports.gate import Thresholds, Verdict, compare
from reports.gate_text import plain
from reports.gate_verdict import CellVerdict
from reports.model import RunData, RunRow
from tests.synthetic_runs import SIGNATURES, make_run
from tests.test_gate import quick_run


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


def many(run: RunData, methods: int) -> RunData:
    """The run's method under many names."""
    names = [f"m{k:02d}" for k in range(methods)]
    rows = tuple(replace(row, method=name) for name in names for row in run.rows)
    return replace(run, rows=rows, summary=tuple(replace(r, method=name) for name in names for r in run.summary))


def test_plain_damage_is_found_among_hundreds_of_cells() -> None:
    limits = Thresholds(draws=500)
    baseline, damaged = many(quick_run(0), 70), many(quick_run(1, shift={"lse_c": -1.0}), 70)
    verdict = compare(baseline, damaged, limits)
    assert len(verdict.cells) == 280
    assert {cell.state for cell in verdict.cells if cell.metric == "lse_c"} == {"worse"}
    assert {cell.state for cell in verdict.cells if cell.metric != "lse_c"} == {"same"}
