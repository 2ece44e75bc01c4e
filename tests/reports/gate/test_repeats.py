"""Two more runs of a method tell clips that flip by themselves from clips that were lost."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from reports.gate.gate import Thresholds, compare
from reports.gate.noise import measured
from reports.gate.repeats import decided_twice, least_lost, wrong_by_chance
from reports.gate.text import plain
from reports.gate.verdict import Verdict
from reports.model import RunData
from tests.reports.gate.test_clip_rules import changed, clips_of, run_of

KEY = ("d", "m", "acc", "acc|v:1")
RIGHT = np.full(48, 100.0)


def flipping(seed: int, clips: int = 48, hard: float = 0.1) -> np.ndarray:
    """The clips of a method that is wrong in a tenth of them by chance, in some more often than in others."""
    share = np.random.default_rng(99).beta(hard, 1 - hard, clips)
    return np.where(np.random.default_rng(seed).random(clips) < share, 0.0, 100.0)


def judged(before: np.ndarray, now: np.ndarray, *again: np.ndarray) -> Verdict:
    one, other = (run_of("acc", values) for values in again)
    limits = Thresholds(noise=measured(one, other), twice=decided_twice(one, other))
    return compare(run_of("acc", before), run_of("acc", now), limits)


def test_the_chance_is_that_of_every_order_of_the_four_runs() -> None:
    """Counted out: each clip's wrong answers lie in any of the four runs alike."""
    times = (1, 2, 1, 3)
    orders = [[k < n for k in range(4)] for n in times]
    sums = [
        sum(order[place] for order, place in zip(orders, places, strict=True)) for places in product(range(4), repeat=4)
    ]
    for least in range(5):
        wrong = [(n, k < least) for k, n in enumerate(times)]
        assert wrong_by_chance(wrong) == pytest.approx(np.mean([total >= least for total in sums]))
    assert wrong_by_chance([]) == 1.0
    assert wrong_by_chance([(0, False), (4, True)]) == 1.0  # alike in all four: they say nothing


def test_one_clip_that_only_this_run_lost_is_one_in_four() -> None:
    assert [wrong_by_chance([(1, True)] * lost) for lost in (1, 2, 3)] == [1 / 4, 1 / 16, 1 / 64]


def test_clips_that_flip_by_themselves_are_noise() -> None:
    places = range(4)
    flips = [changed(RIGHT, places, [100.0 * bool(k >> run & 1) for k in range(4)]) for run in range(2)]
    assert judged(RIGHT, changed(RIGHT, places, 0.0), *flips).exit_code == 0


def test_false_alarms_are_as_rare_as_the_level_says() -> None:
    """200 times four runs of one method: 2 % may alarm (4), and 3 standard errors more."""
    alarms = sum(judged(*(flipping(4 * world + run) for run in range(4))).exit_code == 3 for world in range(200))
    assert alarms <= 10


def test_a_tenth_of_the_clips_is_seen_in_most_runs_and_more_often_than_by_the_mean() -> None:
    found = mean = 0
    for world in range(60):
        before, now, *again = (flipping(4 * world + run) for run in range(4))
        lost = np.random.default_rng(world).permutation(np.flatnonzero(now))[:6]
        hit = changed(now, lost, 0.0)
        verdict = judged(before, hit, *again)
        found += verdict.exit_code == 3
        if verdict.exit_code == 3:
            assert {f"s{k:04d}" for k in lost if before[k]} <= set(clips_of(verdict))
            assert "were right and are wrong now" in plain(verdict)
        noise = Thresholds(noise=measured(*(run_of("acc", values) for values in again)))
        mean += compare(run_of("acc", before), run_of("acc", hit), noise).exit_code == 3
    assert found >= 36
    assert mean <= found - 8


def test_what_it_could_not_have_seen_is_told_and_true() -> None:
    before, now, *again = (flipping(run) for run in range(8, 12))
    verdict = judged(before, now, *again)
    assert verdict.exit_code == 0
    (cell,) = verdict.cells
    assert cell.least is not None
    clips = round(cell.least / 100 * len(before))
    steady = np.flatnonzero((before == 100) & (now == 100) & (again[0] == 100) & (again[1] == 100))
    assert judged(before, changed(now, steady[:clips], 0.0), *again).exit_code == 3
    assert judged(before, changed(now, steady[: clips - 1], 0.0), *again).exit_code == 0
    assert least_lost([], 0.02) == 3


def test_numbers_that_are_no_decisions_have_no_clips_that_flip() -> None:
    pair = [run_of("psnr", RIGHT + seed) for seed in range(2)]
    assert decided_twice(*pair) == {}
    assert set(decided_twice(run_of("acc", RIGHT), run_of("acc", RIGHT))) == {KEY}
    bare: RunData = replace(run_of("acc", RIGHT), rows=())
    assert decided_twice(bare, bare) == {}


def test_one_clip_that_jumps_is_no_loss_where_noise_moves_other_numbers() -> None:
    """A jump that two runs did not show is none that the method does not make; many clips at once are."""

    def both(offsets: np.ndarray, seed: int) -> RunData:
        one, other = run_of("sync_offset", offsets), run_of("psnr", np.random.default_rng(seed).normal(29, 1, 48))
        return replace(
            one,
            rows=(*one.rows, *other.rows),
            summary=(*one.summary, *other.summary),
            metric_facts={**one.metric_facts, **other.metric_facts},
        )

    still = np.zeros(48)
    limits = Thresholds(noise=measured(both(still, 1), both(still, 2)))
    for clips, code in ((2, 0), (12, 3)):
        hit = changed(still, range(clips), 14.0)
        assert compare(both(still, 3), both(hit, 4), limits).exit_code == code
    calm = Thresholds(noise=measured(run_of("sync_offset", still), run_of("sync_offset", still)))
    hit = run_of("sync_offset", changed(still, range(2), 14.0))
    assert compare(run_of("sync_offset", still), hit, calm).exit_code == 3  # a method without noise makes no jumps
