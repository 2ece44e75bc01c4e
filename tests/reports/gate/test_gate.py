"""The gate fails when a metric got worse, and only then: false alarms on equal methods, power on planted damage."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.records import SummaryRow
from reports import scores
from reports.gate.cell import differing
from reports.gate.gate import Thresholds, Verdict, compare
from reports.gate.text import plain
from reports.model import MetricFact, PooledStatistics, RunData, RunRow
from tests.synthetic_runs import SIGNATURES, make_run

pytestmark = pytest.mark.slow

FACTS = {
    "acc": MetricFact("acc", "Accuracy", "%", True),
    "lse_c": MetricFact("lse_c", "LSE-C", "", True),
    "lse_d": MetricFact("lse_d", "LSE-D", "", False),
    "csim": MetricFact("csim", "Identity", "", True),
}
QUICK = Thresholds(draws=2000)


def quick_run(seed: int, clips: int = 50, world: int = 7, shift: dict[str, float] | None = None) -> RunData:
    """A run of one stochastic method on fixed samples: clips differ in difficulty, seeds only in noise."""
    rng, hard = np.random.default_rng(seed), np.random.default_rng(world).normal(0, 1, clips)
    shift = shift or {}
    right = 100.0 * (rng.random(clips) < np.clip(0.75 + 0.1 * hard + shift.get("acc", 0.0) / 100, 0, 1))
    values = {
        "acc": right,
        "lse_c": 6 + 0.5 * hard + 0.4 * rng.normal(size=clips) + shift.get("lse_c", 0.0),
        "lse_d": 8 - 0.5 * hard + 0.4 * rng.normal(size=clips) + shift.get("lse_d", 0.0),
        "csim": 0.85 + 0.03 * hard + 0.01 * rng.standard_t(3, clips) + shift.get("csim", 0.0),
    }
    rows = tuple(
        RunRow("d", "m", f"s{k:03d}", "p", "happy", name, float(value), None, "", f"{name}|v:1")
        for name, found in values.items()
        for k, value in enumerate(found)
    )
    summary = tuple(_row(name, float(found.mean()), clips) for name, found in values.items())
    return RunData(f"r{seed}", "p", "speech", {}, summary, rows, FACTS)


def _row(name: str, value: float, clips: int) -> SummaryRow:
    fact = FACTS[name]
    n = (None, None, clips, clips)
    return SummaryRow("d", "m", name, value, fact.unit, fact.higher_is_better, *n, f"{name}|v:1")


def states(verdict: Verdict) -> dict[str, str]:
    return {cell.metric: cell.state for cell in verdict.cells}


# --- the promise -----------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_false_alarms_on_equal_methods_are_rare() -> None:
    """600 comparisons of runs that differ by seed alone: fewer than 1 % are meant to say worse, 12 is 2 %."""
    pairs = ((quick_run(2 * k, world=k), quick_run(2 * k + 1, world=k)) for k in range(600))
    assert sum(compare(*pair, QUICK).exit_code == 3 for pair in pairs) <= 12


@pytest.mark.parametrize(("metric", "damage"), [("acc", -45.0), ("lse_c", -0.45), ("lse_d", 0.45), ("csim", -0.02)])
def test_planted_damage_is_found(metric: str, damage: float) -> None:
    found = 0
    for k in range(40):
        verdict = compare(quick_run(2 * k), quick_run(2 * k + 1, shift={metric: damage}), QUICK)
        found += states(verdict)[metric] == "worse" and verdict.exit_code == 3
    assert found >= 36


def test_the_stated_detectable_change_is_found_8_times_in_10() -> None:
    told = []
    for k in range(20):
        cell = next(c for c in compare(quick_run(2 * k), quick_run(2 * k + 1), QUICK).cells if c.metric == "lse_c")
        assert cell.detectable is not None
        told.append(cell.detectable)
    damage, found = {"lse_c": -float(np.mean(told))}, 0
    for k in range(100):
        verdict = compare(quick_run(2 * k + 100), quick_run(2 * k + 101, shift=damage), QUICK)
        found += states(verdict)["lse_c"] == "worse"
    assert 68 <= found <= 94


def test_an_equal_run_is_the_same_and_passes() -> None:
    verdict = compare(make_run(), make_run())
    assert set(states(verdict).values()) == {"same"}
    assert verdict.exit_code == 0
    assert verdict.state == "same"


def test_a_better_run_is_better_and_passes() -> None:
    verdict = compare(make_run(), make_run(shift={"lse_c": 0.5}))
    assert states(verdict)["lse_c"] == "better"
    assert (verdict.state, verdict.exit_code) == ("better", 0)


def test_a_certain_but_tiny_change_does_not_matter() -> None:
    run = quick_run(0)
    rows = tuple(replace(r, value=r.value - 0.001) if r.metric == "lse_c" and r.value else r for r in run.rows)
    verdict = compare(run, replace(run, rows=rows))
    assert verdict.exit_code == 0
    cell = next(c for c in verdict.cells if c.metric == "lse_c")
    assert cell.p_value is not None
    assert cell.p_value < 0.001
    assert "smaller than an effect" in cell.reason
    strict = compare(run, replace(run, rows=rows), Thresholds(minimum_effect={"lse_c": 0.0005}))
    assert (states(strict)["lse_c"], strict.exit_code) == ("worse", 3)


def test_lower_is_better_is_respected() -> None:
    assert states(compare(quick_run(0), quick_run(1, shift={"lse_d": 1.0}), QUICK))["lse_d"] == "worse"
    assert states(compare(quick_run(0), quick_run(1, shift={"lse_d": -1.0}), QUICK))["lse_d"] == "better"


def test_the_verdict_does_not_change_its_mind() -> None:
    pair = quick_run(0), quick_run(1, shift={"lse_c": -0.2})
    assert compare(*pair) == compare(*pair)


# --- coverage --------------------------------------------------------------------------------------------------


def test_losing_numbers_is_worse_even_when_the_mean_gains() -> None:
    verdict = compare(make_run(), make_run(lose={"identity": 1}, shift={"identity": 0.05}))
    assert states(verdict)["identity"] == "worse"
    assert verdict.exit_code == 3
    assert "no face was found" in plain(verdict)
    assert compare(make_run(), make_run(lose={"identity": 1}), Thresholds(coverage_loss=0.1)).exit_code == 0


def test_gaining_numbers_is_not_worse() -> None:
    assert compare(make_run(lose={"identity": 3}), make_run()).exit_code == 0


def test_missing_samples_cannot_be_compared_unless_allowed() -> None:
    verdict = compare(make_run(), make_run(clips=40))
    assert (verdict.state, verdict.exit_code) == ("cannot compare", 4)
    assert "20 of the baseline's 60 samples" in plain(verdict)
    assert compare(make_run(), make_run(clips=40), Thresholds(missing_samples=0.5)).exit_code == 0
    assert compare(make_run(clips=40), make_run()).exit_code == 0


def test_too_little_measured_cannot_be_compared() -> None:
    verdict = compare(quick_run(0, clips=5), quick_run(1, clips=5))
    assert (verdict.state, verdict.exit_code) == ("cannot compare", 4)
    assert "5 shared clips, 8 are needed" in plain(verdict)


def test_a_method_that_vanished_cannot_be_compared() -> None:
    verdict = compare(make_run(methods=("cmet", "edtalk")), make_run(methods=("cmet",)))
    assert verdict.exit_code == 4
    assert {c.reason for c in verdict.cells if c.method == "edtalk"} == {"the run does not have it"}


def test_what_the_baseline_never_measured_is_only_remarked_on() -> None:
    verdict = compare(make_run(), make_run())
    assert "lpips" not in states(verdict)
    assert any("lpips" in remark for remark in verdict.remarks)
    fresh = compare(make_run(methods=("cmet",)), make_run(methods=("cmet", "edtalk")))
    assert fresh.exit_code == 0
    assert any("lse_c of edtalk" in remark for remark in fresh.remarks)


# --- signatures, lanes -----------------------------------------------------------------------------------------


def test_other_signatures_cannot_be_compared_and_the_field_is_named() -> None:
    run = make_run()
    new = SIGNATURES["lse_c"].replace("fps:25", "fps:src")
    other = replace(
        run,
        summary=tuple(replace(r, signature=new) if r.metric == "lse_c" else r for r in run.summary),
        rows=tuple(replace(r, signature=new) if r.metric == "lse_c" else r for r in run.rows),
    )
    verdict = compare(run, other)
    assert (states(verdict)["lse_c"], verdict.exit_code) == ("cannot compare", 4)
    assert "signatures differ: fps 25 → src" in plain(verdict)
    assert states(verdict)["identity"] == "same"


def test_a_regression_outweighs_what_cannot_be_compared() -> None:
    verdict = compare(make_run(methods=("cmet", "edtalk")), make_run(methods=("cmet",), shift={"lse_c": -1.0}))
    assert {"worse", "cannot compare"} <= {c.state for c in verdict.cells}
    assert (verdict.state, verdict.exit_code) == ("worse", 3)


def test_differing_names_every_field() -> None:
    assert differing("m|a:1|b:2|v:1", "m|a:1|b:3|c:4|v:1") == "b 2 → 3, c absent → 4"
    assert differing("m|v:1", "n|v:1") == "metric m → n"
    assert differing("", "m|v:1") == "'' against 'm|v:1'"
    assert "order" in differing("m|a:1|v:1", "m|v:1|a:1")


def test_lanes_are_never_compared() -> None:
    verdict = compare(make_run(), make_run(lane="label"))
    assert (verdict.state, verdict.exit_code, verdict.cells) == ("cannot compare", 4, ())
    assert "lane" in plain(verdict)


def test_an_empty_baseline_cannot_be_compared() -> None:
    empty = RunData("none", "demo", "speech", {}, (), (), {})
    assert compare(empty, make_run()).exit_code == 4
    assert compare(make_run(), empty).exit_code == 4


def test_descriptive_metrics_are_not_judged_even_between_bare_files(tmp_path: Path) -> None:
    path = tmp_path / "scores.json"
    path.write_text(scores.to_json([make_run()]), encoding="utf-8")
    assert "offset" not in states(compare(scores.read_scores(path), scores.read_scores(path)))


def test_ceiling_and_floors_are_remarked_on_not_judged() -> None:
    baseline, run = make_run(methods=("cmet", "no_edit")), make_run(methods=("cmet", "no_edit"))
    hit = [(r.method, r.metric) == ("no_edit", "lse_c") for r in run.rows]
    rows = tuple(replace(r, value=(r.value or 0) - 1) if h else r for r, h in zip(run.rows, hit, strict=True))
    verdict = compare(baseline, replace(run, rows=rows))
    assert verdict.exit_code == 0
    assert any("no_edit LSE-C (worse)" in remark for remark in verdict.remarks)
    alone = make_run(methods=("no_edit",))
    assert compare(alone, make_run(methods=("no_edit",), shift={"lse_c": -1.0})).exit_code == 3


# --- pooled metrics --------------------------------------------------------------------------------------------


def test_pooled_values_without_statistics_are_judged_by_their_intervals() -> None:
    assert states(compare(make_run(), make_run(shift={"fid": 2.0})))["fid"] == "same"
    assert states(compare(make_run(), make_run(shift={"fid": 4.0})))["fid"] == "worse"
    assert states(compare(make_run(), make_run(shift={"fid": -4.0})))["fid"] == "better"


def pooled_run(seed: int, spread: float = 1.0) -> RunData:
    """`fid` here is the spread of the clips' numbers: a score that only the pool has, seen through `pools`."""
    run = make_run(methods=("cmet",), seed=seed)
    hard = np.random.default_rng(5).normal(size=60)
    samples = [row.sample for row in run.rows if row.metric == "fid"]
    noise = np.random.default_rng(seed + 50).normal(size=60)
    items = {s: float(h * spread + 0.2 * e) for s, h, e in zip(samples, hard, noise, strict=True)}
    score: Callable[[object], float] = lambda xs: float(np.std(np.array(xs)))  # noqa: E731
    return replace(run, pools={fid_key(run): PooledStatistics(items, score)})


def fid_key(run: RunData) -> tuple[str, str, str, str]:
    """Under which the run's FID statistics lie."""
    row = next(row for row in run.summary if row.metric == "fid")
    return row.dataset, row.method, row.metric, row.signature


def test_pooled_statistics_are_compared_by_clip_swaps() -> None:
    baseline = pooled_run(0)
    same = compare(baseline, pooled_run(1))
    worse = compare(baseline, pooled_run(1, spread=1.6))
    assert states(same)["fid"] == "same"
    assert states(worse)["fid"] == "worse"
    cell = next(c for c in worse.cells if c.metric == "fid")
    assert cell.p_value is not None
    assert cell.change == pytest.approx((cell.run or 0) - (cell.baseline or 0))


def test_pools_that_are_the_same_need_no_swaps() -> None:
    """Their answer is known: hundreds of scores would cost seconds of a comparison and say nothing."""
    asked: list[int] = []
    run = pooled_run(0)
    ((key, pool),) = run.pools.items()

    def score(items: Sequence[Any]) -> float:
        asked.append(len(items))
        return pool.score(items)

    same = replace(run, pools={key: PooledStatistics(pool.items, score)})
    (cell,) = [one for one in compare(same, same).cells if one.metric == "fid"]
    assert (cell.state, cell.change, cell.p_value) == ("same", 0.0, None)
    assert asked == [60]


def counted(run: RunData, line: str) -> RunData:
    """The run with another signature for its FID."""
    summary = tuple(replace(r, signature=line) if r.metric == "fid" else r for r in run.summary)
    rows = tuple(replace(r, signature=line) if r.metric == "fid" else r for r in run.rows)
    return replace(run, summary=summary, rows=rows, pools={(*key[:3], line): p for key, p in run.pools.items()})


def test_fids_of_other_n_are_compared_on_the_clips_they_share_and_never_by_their_values() -> None:
    """N is in the signature: with the statistics at hand both sides are cut to one N, without them nothing is said."""
    one, two = (counted(pooled_run(seed), f"fid|net:x|n1:{n}|n2:{n}|v:1") for seed, n in ((0, 300), (1, 290)))
    assert states(compare(one, two))["fid"] == "same"
    verdict = compare(replace(one, pools={}), replace(two, pools={}))
    assert states(verdict)["fid"] == "cannot compare"
    assert any("n1 300 → 290" in cell.reason for cell in verdict.cells)
    smaller = counted(pooled_run(1), "fid|net:x|res:64x64/64x64|n1:300|n2:300|v:1")
    assert states(compare(one, smaller))["fid"] == "cannot compare"


def test_pooled_false_alarms_are_rare_too() -> None:
    run = pooled_run(0)
    pools, alarms = run.pools[fid_key(run)], 0
    for seed in range(80):
        rng = np.random.default_rng(seed)
        sides = [{s: v + float(0.3 * rng.normal()) for s, v in pools.items.items()} for _ in range(2)]
        pair = [replace(run, pools={fid_key(run): PooledStatistics(side, pools.score)}) for side in sides]
        only = [replace(r, summary=tuple(x for x in r.summary if x.metric == "fid")) for r in pair]
        alarms += compare(*only).state == "worse"
    assert alarms <= 4  # meant: fewer than 1


def test_a_table_value_that_is_no_mean_is_not_tested_as_one() -> None:
    run = quick_run(0)
    summary = tuple(replace(r, value=1.0, low=0.9, high=1.1) if r.metric == "lse_c" else r for r in run.summary)
    other = replace(run, summary=summary, aggregations={"lse_c|v:1": "weighted"})
    cell = next(c for c in compare(other, other).cells if c.metric == "lse_c")
    assert "intervals" in cell.reason
