"""Rules for single clips see what a mean hides, name the clips, and leave a method's own noise alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from harness.records import SummaryRow
from reports.gate.clip_rules import shared_level, sign_test
from reports.gate.gate import Thresholds, Verdict, compare
from reports.gate.text import plain
from reports.model import MetricFact, RunData, RunRow

FACTS = {
    "acc": MetricFact("acc", "Accuracy", "%", True),
    "psnr": MetricFact("psnr", "PSNR", "dB", True),
    "identity_sim": MetricFact("identity_sim", "Identity", "", True),
    "sync_offset": MetricFact("sync_offset", "AV offset", "frames", False, ranked=False, ideal=0.0),
}


def run_of(metric: str, values: Sequence[float] | np.ndarray, people: int = 0, noisy: bool = False) -> RunData:
    """A run of one method with these values of its clips; person k has the clips k, k + people, …"""
    who = [f"p{k % people}" if people else f"c{k}" for k in range(len(values))]
    rows = tuple(
        RunRow("d", "m", f"s{k:04d}", who[k], "happy", metric, float(value), None, "", f"{metric}|v:1")
        for k, value in enumerate(values)
    )
    fact, n = FACTS[metric], len(values)
    mean = SummaryRow(
        "d", "m", metric, float(np.mean(values)), fact.unit, fact.higher_is_better, None, None, n, n, f"{metric}|v:1"
    )
    noise = frozenset({"m"}) if noisy else frozenset[str]()
    return RunData("r", "p", "speech", {}, (mean,), rows, {metric: fact}, stochastic=noise)


def clips_of(verdict: Verdict) -> list[str]:
    return [clip.sample for clip in verdict.cells[0].clips]


def changed(values: np.ndarray, places: Sequence[int], to: Sequence[float] | float) -> np.ndarray:
    other = values.copy()
    other[list(places)] = to
    return other


def test_clips_that_turned_wrong_are_counted_against_those_that_turned_right() -> None:
    """8 of 1143 are 0.7 points, less than matters in a mean; nobody turned right meanwhile, so it is no accident."""
    right = np.full(1143, 100.0)
    wrong = changed(right, range(8), 0.0)
    verdict = compare(run_of("acc", right), run_of("acc", wrong))
    assert (verdict.state, verdict.exit_code) == ("worse", 3)
    assert clips_of(verdict) == [f"s{k:04d}" for k in range(8)]
    assert "8 clips were right and are wrong now: s0000 (100.0 → 0.0)" in plain(verdict)
    both = run_of("acc", changed(right, range(8, 16), 0.0))
    assert compare(run_of("acc", wrong), both).exit_code == 0
    assert sign_test(8, 0) == 1 / 256
    assert sign_test(3, 3) == pytest.approx(1 - (1 + 6 + 15) / 64)


def test_one_clip_of_another_scene_is_found_where_the_mean_hardly_moves() -> None:
    values = np.random.default_rng(1).normal(29.0, 1.2, 200)
    verdict = compare(run_of("psnr", values), run_of("psnr", changed(values, [5], 15.0)))
    assert (verdict.exit_code, clips_of(verdict)) == (3, ["s0005"])
    assert abs(verdict.cells[0].change or 0.0) < 0.29
    assert "1 clip is out of the spread of the baseline's clips: s0005" in plain(verdict)
    assert compare(run_of("psnr", values), run_of("psnr", changed(values, [5], 50.0))).exit_code == 0


def test_identity_has_a_threshold_for_each_person() -> None:
    """Of people with other levels: a fall that is nothing among all clips is much for one whose clips are alike."""
    level = np.tile(np.linspace(0.70, 0.97, 24), 8)
    values = level + np.random.default_rng(2).normal(0, 0.005, 192)
    lost = compare(run_of("identity_sim", values, 24), run_of("identity_sim", changed(values, [23], 0.80), 24))
    assert (lost.exit_code, clips_of(lost)) == (3, ["s0023"])
    assert "under what is usual for its own person: s0023" in plain(lost)
    nobody = compare(run_of("identity_sim", values), run_of("identity_sim", changed(values, [23], 0.80)))
    assert nobody.exit_code == 0  # 0.80 is within the spread of all people


@pytest.mark.parametrize("tails", ["normal", "laplace"])
def test_noise_of_a_method_falls_as_far_as_it_rises(tails: str) -> None:
    def drawn(seed: int) -> RunData:
        rng, hard = np.random.default_rng(seed), np.random.default_rng(seed // 2).normal(29, 1.0, 96)
        return run_of("psnr", hard + 0.7 * getattr(rng, tails)(size=96), noisy=True)

    alarms = sum(compare(drawn(2 * seed), drawn(2 * seed + 1)).exit_code == 3 for seed in range(100))
    assert alarms <= 2
    verdict = compare(drawn(0), run_of("psnr", changed(np.array([r.value for r in drawn(1).rows]), [7], 8.0), 0, True))
    assert (verdict.exit_code, clips_of(verdict)) == (3, ["s0007"])


def test_noise_that_jumps_is_counted_and_not_measured() -> None:
    """Three clips found another offset by chance, of a method that draws: no size tells that from damage, ten do."""
    values = np.zeros(96)
    few, many = (run_of("sync_offset", changed(values, range(n), 6.0), noisy=True) for n in (3, 10))
    assert compare(run_of("sync_offset", values, noisy=True), few).exit_code == 0
    assert compare(run_of("sync_offset", values, noisy=True), many).exit_code == 3
    moved = changed(values, [4], 3.0)
    one = compare(run_of("sync_offset", values), run_of("sync_offset", moved))
    assert (one.exit_code, clips_of(one)) == (3, ["s0004"])  # a method without noise: one clip is no accident
    devices = [replace(run_of("sync_offset", v), facts={"device": d}) for v, d in ((values, "cpu"), (moved, "cuda"))]
    assert compare(*devices).exit_code == 0  # but another device may turn one


def test_a_mean_that_fell_names_the_clips_that_fell_most() -> None:
    values = np.linspace(25.0, 35.0, 40)
    falls = np.linspace(0.5, 1.5, 40)
    verdict = compare(run_of("psnr", values), run_of("psnr", values - falls))
    assert clips_of(verdict) == ["s0039", "s0038", "s0037"]
    assert not verdict.cells[0].fired
    assert "most in s0039 (35.00 → 33.50)" in plain(verdict)


def test_lost_clips_are_named_and_noise_run_twice_is_noise() -> None:
    values = np.random.default_rng(3).normal(29.0, 1.0, 40)
    baseline, run = run_of("psnr", values), run_of("psnr", values)
    rows = tuple(r if k != 6 else RunRow(*("d", "m", "s0006", "c6", "happy", "psnr"), None, "no_face", "", "psnr|v:1")
                 for k, r in enumerate(run.rows))  # fmt: skip
    gone = compare(baseline, RunData("r", "p", "speech", {}, run.summary, rows, run.metric_facts))
    assert (gone.exit_code, clips_of(gone)) == (3, ["s0006"])
    assert "no face was found: s0006" in plain(gone)
    twice = Thresholds(noise={("d", "m", "psnr", "psnr|v:1"): 0.2})
    moved = changed(values, [5, 6], [values[5] - 4.0, values[6] + 3.0])
    assert compare(baseline, run_of("psnr", moved)).exit_code == 3
    assert compare(baseline, run_of("psnr", moved), twice).exit_code == 0


def test_tests_that_cannot_alarm_take_nothing_from_the_others() -> None:
    assert shared_level([], 0.02) == 0.02
    assert shared_level([0.001, 1.0, 1.0, 0.5], 0.02) == 0.02
    assert shared_level([0.001, 0.002, 1.0], 0.02) == 0.01
    assert shared_level([0.001, 0.015], 0.02) == 0.01
    assert shared_level([0.001, 0.015, 0.001, 0.008], 0.02) == 0.02 / 3
