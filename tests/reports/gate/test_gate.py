"""The gate fails when a metric got worse, and only then: false alarms on equal methods, power on planted damage."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.records import SummaryRow
from harness.statistics import LeftOut
from reports import scores
from reports.gate.cell import differing
from reports.gate.gate import Thresholds, Verdict, compare
from reports.gate.noise import measured
from reports.gate.text import plain
from reports.model import MetricFact, RunData, RunRow, no_pool
from reports.scores_file import read_scores
from tests.synthetic_runs import SIGNATURES, TRUTH, make_run

pytestmark = pytest.mark.slow

FACTS = {
    "acc": MetricFact("acc", "Accuracy", "%", True),
    "lse_c": MetricFact("lse_c", "LSE-C", "", True),
    "lse_d": MetricFact("lse_d", "LSE-D", "", False),
    "csim": MetricFact("csim", "Identity", "", True),
}


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
    return RunData(f"r{seed}", "p", "speech", {}, summary, rows, FACTS, stochastic=frozenset({"m"}))


def _row(name: str, value: float, clips: int) -> SummaryRow:
    fact = FACTS[name]
    n = (None, None, clips, clips)
    return SummaryRow("d", "m", name, value, fact.unit, fact.higher_is_better, *n, f"{name}|v:1")


def states(verdict: Verdict) -> dict[str, str]:
    return {cell.metric: cell.state for cell in verdict.cells}


# --- the promise -----------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_false_alarms_on_equal_methods_are_rare() -> None:
    """300 comparisons of runs that differ by seed alone, one of the noises long-tailed: 5 % may say worse (11 do)."""
    pairs = ((quick_run(2 * k, world=k), quick_run(2 * k + 1, world=k)) for k in range(300))
    assert sum(compare(*pair).exit_code == 3 for pair in pairs) <= 15


@pytest.mark.parametrize(("metric", "damage"), [("acc", -45.0), ("lse_c", -0.45), ("lse_d", 0.45), ("csim", -0.02)])
def test_planted_damage_is_found(metric: str, damage: float) -> None:
    found = 0
    for k in range(40):
        verdict = compare(quick_run(2 * k), quick_run(2 * k + 1, shift={metric: damage}))
        found += states(verdict)[metric] == "worse" and verdict.exit_code == 3
    assert found >= 36


def test_an_equal_run_is_the_same_and_passes() -> None:
    verdict = compare(make_run(), make_run())
    assert set(states(verdict).values()) == {"same"}
    assert verdict.exit_code == 0
    assert verdict.state == "same"


def test_a_better_run_is_better_and_passes() -> None:
    verdict = compare(make_run(), make_run(shift={"lse_c": 0.5}))
    assert states(verdict)["lse_c"] == "better"
    assert (verdict.state, verdict.exit_code) == ("better", 0)


def moved(run: RunData, by: float, metric: str = "lse_c", of: float = 1.0) -> RunData:
    """The run with one metric moved in a share `of` its clips; its table follows."""
    count = round(of * sum(row.metric == metric for row in run.rows))
    hit = {row.sample for row in [row for row in run.rows if row.metric == metric][:count]}
    rows = tuple(
        replace(r, value=(r.value or 0.0) + by) if r.metric == metric and r.sample in hit else r for r in run.rows
    )
    return replace(run, rows=rows)


def certain(run: RunData) -> RunData:
    """The run as one of a method that draws no noise."""
    return replace(run, stochastic=frozenset())


def test_a_change_below_the_least_that_matters_is_the_same_however_certain() -> None:
    run = quick_run(0)
    verdict = compare(run, moved(run, -0.001))
    assert verdict.exit_code == 0
    cell = next(c for c in verdict.cells if c.metric == "lse_c")
    assert cell.p_value is not None
    assert cell.p_value < 0.001
    assert "within the least change that matters" in cell.reason
    strict = compare(run, moved(run, -0.001), Thresholds(minimum_effect={"lse_c": 0.0005}))
    assert (states(strict)["lse_c"], strict.exit_code) == ("worse", 3)


def test_a_method_without_noise_is_held_to_its_mean_and_to_no_p_value() -> None:
    """2 of 50 clips lost: no test of means over 50 clips sees it, and yet these clips are worse."""
    run = certain(quick_run(0))
    verdict = compare(run, moved(run, -3.0, of=0.04))
    cell = next(c for c in verdict.cells if c.metric == "lse_c")
    assert (cell.state, cell.p_value, verdict.exit_code) == ("worse", None, 3)
    assert cell.change == pytest.approx(-0.12)
    assert "beyond the least change that matters" in plain(verdict)
    noisy = compare(quick_run(0), moved(quick_run(0), -3.0, of=0.04))
    assert (states(noisy)["lse_c"], noisy.exit_code) == ("same", 0)
    assert "not beyond the method's own noise" in plain(noisy)


def test_the_same_method_twice_measures_how_far_it_may_move() -> None:
    """Runs that differ as the measured pair does pass; damage beyond it does not."""
    runs = [certain(quick_run(seed)) for seed in range(24)]
    noise = Thresholds(noise=measured(runs[0], runs[1]))
    assert set(noise.noise) == {("d", "m", name, f"{name}|v:1") for name in FACTS}
    plainly = sum(compare(runs[k], runs[k + 1]).exit_code == 3 for k in range(2, 24, 2))
    measured_too = sum(compare(runs[k], runs[k + 1], noise).exit_code == 3 for k in range(2, 24, 2))
    assert plainly >= 5
    assert measured_too == 0
    worse = compare(runs[2], certain(quick_run(3, shift={"lse_c": -0.6})), noise)
    assert (states(worse)["lse_c"], worse.exit_code) == ("worse", 3)
    assert "noise of the same method run twice" in plain(worse)


def test_runs_of_a_cpu_and_a_gpu_may_differ_by_the_stated_tolerance() -> None:
    run = replace(certain(quick_run(0)), facts={"device": "cpu"})
    limits = Thresholds(minimum_effect={"lse_c": 0.0}, device_share=0.005)
    other = moved(run, -0.02)
    assert states(compare(run, other, limits))["lse_c"] == "worse"
    assert states(compare(run, replace(other, facts={"device": "cuda:0"}), limits))["lse_c"] == "same"
    assert states(compare(run, replace(moved(run, -0.2), facts={"device": "cuda"}), limits))["lse_c"] == "worse"


def test_lower_is_better_is_respected() -> None:
    assert states(compare(quick_run(0), quick_run(1, shift={"lse_d": 1.0})))["lse_d"] == "worse"
    assert states(compare(quick_run(0), quick_run(1, shift={"lse_d": -1.0})))["lse_d"] == "better"


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
    noisy, fewer = (replace(make_run(clips=n), stochastic=frozenset(TRUTH)) for n in (60, 40))
    verdict = compare(noisy, fewer)
    assert (verdict.state, verdict.exit_code) == ("cannot compare", 4)
    assert "20 of the baseline's 60 samples" in plain(verdict)
    judged = [r for r in noisy.summary if r.metric != "fid"]  # the sets of pooled scores differ, and are not here
    noisy = replace(noisy, summary=tuple(judged))
    assert compare(noisy, fewer, Thresholds(missing_samples=0.5)).exit_code == 0
    assert compare(replace(fewer, summary=noisy.summary), noisy).exit_code == 0


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
    assert "offset" not in states(compare(read_scores(path), read_scores(path)))


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


def test_pooled_values_without_statistics_are_compared_as_they_are() -> None:
    assert states(compare(make_run(), make_run(shift={"fid": 0.2})))["fid"] == "same"
    assert states(compare(make_run(), make_run(shift={"fid": 0.3})))["fid"] == "worse"
    assert states(compare(make_run(), make_run(shift={"fid": -0.3})))["fid"] == "better"


class Pool:
    """`fid` here is the spread of the clips' numbers: a score that only sets have."""

    def __init__(self, items: dict[str, float]) -> None:
        self.items, self.samples = items, frozenset(items)

    def score(self, samples: frozenset[str]) -> float:
        return float(np.std([self.items[name] for name in sorted(samples)]))

    def by_clips(self, samples: frozenset[str], groups: int) -> LeftOut:
        without = np.array([self.score(samples - {name}) for name in sorted(samples)])
        ones = np.ones(len(samples))
        return LeftOut(self.score(samples), without, ones, without, ones)


def pooled_run(seed: int, spread: float = 1.0) -> RunData:
    """A run whose FID has statistics of clips."""
    run = make_run(methods=("cmet",), seed=seed)
    hard = np.random.default_rng(5).normal(size=60)
    samples = [row.sample for row in run.rows if row.metric == "fid"]
    noise = np.random.default_rng(seed + 50).normal(size=60)
    items = {s: float(h * spread + 0.2 * e) for s, h, e in zip(samples, hard, noise, strict=True)}
    return replace(run, pool=lambda key: Pool(items) if key[2] == "fid" else None, stochastic=frozenset({"cmet"}))


def test_pooled_scores_of_a_method_with_noise_are_tested_by_leaving_clips_out() -> None:
    baseline = pooled_run(0)
    same = compare(baseline, pooled_run(1))
    worse = compare(baseline, pooled_run(1, spread=1.6))
    assert states(same)["fid"] == "same"
    assert states(worse)["fid"] == "worse"
    cell = next(c for c in worse.cells if c.metric == "fid")
    assert cell.p_value is not None
    assert cell.change == pytest.approx((cell.run or 0) - (cell.baseline or 0))


def test_the_statistics_of_equal_sets_are_never_read() -> None:
    """Their scores are in both tables: a comparison of run folders reads no features."""
    run = certain(pooled_run(0))

    def unread(key: object) -> None:
        raise AssertionError(f"{key} was read")

    shut = replace(run, pool=unread)
    assert states(compare(shut, shut))["fid"] == "same"
    assert (
        states(compare(shut, replace(certain(make_run(methods=("cmet",), shift={"fid": 3.0})), pool=unread)))["fid"]
        == "worse"
    )


def counted(run: RunData, line: str) -> RunData:
    """The run with another signature for its FID."""
    summary = tuple(replace(r, signature=line) if r.metric == "fid" else r for r in run.summary)
    rows = tuple(replace(r, signature=line) if r.metric == "fid" else r for r in run.rows)
    return replace(run, summary=summary, rows=rows)


def test_fids_of_other_n_are_compared_on_the_clips_they_share_and_never_by_their_values() -> None:
    """N is in the signature: with the statistics at hand both sides are cut to one N, without them nothing is said."""
    one, two = (counted(pooled_run(seed), f"fid|net:x|n1:{n}|n2:{n}|v:1") for seed, n in ((0, 300), (1, 290)))
    assert states(compare(one, two))["fid"] == "same"
    verdict = compare(replace(one, pool=no_pool), replace(two, pool=no_pool))
    assert states(verdict)["fid"] == "cannot compare"
    assert any("n1 300 → 290" in cell.reason for cell in verdict.cells)
    smaller = counted(pooled_run(1), "fid|net:x|res:64x64/64x64|n1:300|n2:300|v:1")
    assert states(compare(one, smaller))["fid"] == "cannot compare"


def test_pooled_false_alarms_are_rare_too() -> None:
    alarms = 0
    for seed in range(40):
        pair = [pooled_run(2 * seed + side) for side in (0, 1)]
        only = [replace(r, summary=tuple(x for x in r.summary if x.metric == "fid")) for r in pair]
        alarms += compare(*only).state == "worse"
    assert alarms <= 2  # meant: fewer than 1


def test_a_table_value_that_is_no_mean_is_not_compared_as_one() -> None:
    run = certain(quick_run(0))
    summary = tuple(replace(r, value=1.0) if r.metric == "lse_c" else r for r in run.summary)
    other = replace(run, summary=summary, aggregations={"lse_c|v:1": "weighted"})
    cell = next(c for c in compare(other, other).cells if c.metric == "lse_c")
    assert (cell.baseline, cell.run) == (1.0, 1.0)
