"""The intervals and tests hold what they say: cells of the tables of docs/statistics.md, simulated anew in seconds."""

from __future__ import annotations

import pytest

from benchmarks.simulate_intervals import (
    Draw,
    Score,
    coverage,
    false_alarms,
    family_alarms,
    fid_coverage,
    hits,
    mean,
    normal,
    shares,
    skewed,
    weighted,
)
from harness.statistics import Scale

RUNS = 400  # a rate of 95 % has a standard error of 1.1
_SLACK = 2.0  # beyond what is promised, for the runs being so few


@pytest.mark.parametrize("score", [mean, weighted])
@pytest.mark.parametrize(
    "cell",
    [(6, "10", 0.3), (8, "1", 0.0), (12, "4", 0.7), (30, "4", 0.1), (6, "unequal", 0.3), (12, "tied", 0.7)],
)
def test_intervals_of_means_hold_the_truth_as_often_as_they_say(score: Score, cell: tuple[int, str, float]) -> None:
    assert 92 - _SLACK <= coverage(normal, score, "plain", cell, RUNS) <= 98 + _SLACK


@pytest.mark.parametrize(
    ("share", "cell"),
    [(0.5, (6, "10", 0.3)), (0.8, (12, "4", 0.3)), (0.95, (30, "10", 0.1)), (0.2, (12, "unequal", 0.1))],
)
def test_intervals_of_shares_hold_the_truth(share: float, cell: tuple[int, str, float]) -> None:
    assert 92 - _SLACK <= coverage(shares(share), mean, "share", cell, RUNS) <= 98 + _SLACK


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_share_that_never_varies_is_always_held(share: float) -> None:
    assert coverage(shares(share), mean, "share", (6, "4", 0.3), 20) == 100


@pytest.mark.parametrize(("draw", "scale"), [(normal, "plain"), (shares(0.8), "share")])
def test_these_cells_would_tell_an_interval_over_clips(draw: Draw, scale: Scale) -> None:
    """The test of this file's tests: clips counted as people hold the truth far too seldom."""

    def over_clips(world, rng):  # type: ignore[no-untyped-def]
        return mean(world._replace(people=world.people * 0 + range(len(world.people))), rng)

    assert coverage(draw, over_clips, scale, (12, "10", 0.3), 200) < 80


@pytest.mark.parametrize(
    ("draw", "cell"),
    [
        *((normal, cell) for cell in ((6, "10", 0.3), (12, "1", 0.0), (30, "unequal", 0.7))),
        *((hits, cell) for cell in ((12, "4", 0.3), (20, "4", 0.7))),
        (skewed(0.5), (12, "4", 0.7)),
    ],
)
def test_false_alarms_of_the_paired_test_are_as_rare_as_it_says(draw: Draw, cell: tuple[int, str, float]) -> None:
    assert 3 - _SLACK <= false_alarms(draw, cell, RUNS) <= 7 + _SLACK


def test_a_family_of_forty_comparisons_raises_one_false_alarm_in_twenty() -> None:
    assert family_alarms(20, 40, 60) <= 5 + 5.6  # two standard errors of 60 families


@pytest.mark.slow
def test_intervals_of_fid_hold_its_expectation() -> None:
    assert 88 <= fid_coverage(12, "4", 0.3, 60) <= 100
