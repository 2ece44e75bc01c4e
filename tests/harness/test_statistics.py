"""Laws of harness.statistics: known cases, references, what an order of rows or a scale may not change."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from harness.statistics import Estimate, LeftOut, holm, least_p, left_out_of_mean, units_needed, wilson

UNEQUAL = (1, 2, 3, 38, 6, 10)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def symmetric(people: int, clips: int, seed: int = 0) -> tuple[npt.NDArray[np.float64], list[int]]:
    """Values that lie evenly about 3, so that there is no skewness to correct, and whose they are."""
    half = rng(seed).normal(size=(people // 2, clips))
    return 3.0 + np.concatenate([half, -half]).reshape(-1), np.repeat(np.arange(people), clips).tolist()


def unequal(seed: int = 0) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.intp]]:
    who = np.repeat(np.arange(len(UNEQUAL)), UNEQUAL)
    return rng(seed).normal(size=len(who)) + rng(seed + 1).normal(size=len(UNEQUAL))[who], who


def test_equal_people_have_the_t_test_of_their_means() -> None:
    values, people = symmetric(8, 5)
    one = left_out_of_mean(values, people).by_person()
    wanted = stats.ttest_1samp(values.reshape(8, 5).mean(axis=1), 0.0)
    assert (one.freedom, one.units) == (pytest.approx(7), 8)
    assert one.interval() == pytest.approx(tuple(wanted.confidence_interval()))
    assert replace(one, differing=99).p_value == pytest.approx(wanted.pvalue)


def test_clips_are_people_of_one_clip() -> None:
    values, _ = symmetric(30, 1)
    mean = left_out_of_mean(values, range(30))
    assert mean.by_clip() == mean.by_person()
    assert mean.by_clip().interval() == pytest.approx(tuple(stats.ttest_1samp(values, 0.0).confidence_interval()))


def test_variance_and_freedom_are_those_of_bell_and_mccaffrey() -> None:
    """From their definition in matrices: residual maker, (I - H)^-1/2 of each person, tr(G)² / tr(G²)."""
    values, who = unequal()
    n, people = len(who), len(UNEQUAL)
    one = left_out_of_mean(values, who.tolist())
    ones = np.ones((n, 1))
    maker, weights = np.eye(n) - ones @ ones.T / n, []
    for person in range(people):
        own = np.flatnonzero(who == person)
        values_of, vectors = np.linalg.eigh(maker[np.ix_(own, own)])
        root = vectors @ np.diag(values_of**-0.5) @ vectors.T
        weights.append(maker[:, own] @ root @ ones[own, 0] / n)
    g = np.array(weights)  # (people, n): the adjusted residual total of each person is g · values
    variance = float(((g @ values) ** 2).sum())
    assert one.by_person().variance == pytest.approx(variance)
    excess = sum(size**2 for size in UNEQUAL) / n - 1
    alike = min(1.0, max(0.0, (variance / one.by_clip().variance - 1) / excess))
    assert 0 < alike < 1
    errors = np.eye(n) * (1 - alike) + alike * (who[:, None] == who[None, :])
    spread = g @ errors @ g.T
    assert one.by_person().freedom == pytest.approx(np.trace(spread) ** 2 / np.trace(spread @ spread))


def test_skewed_errors_move_the_interval_into_the_long_tail() -> None:
    values = np.exp(rng(3).normal(size=20))
    low, high = left_out_of_mean(values, range(20)).by_person().interval() or (0.0, 0.0)
    mean, (even_low, even_high) = values.mean(), stats.ttest_1samp(values, 0.0).confidence_interval()
    assert even_low < low < mean
    assert high > even_high
    turned = left_out_of_mean(-values, range(20)).by_person().interval()
    assert turned == pytest.approx((-high, -low))


@pytest.mark.parametrize("seed", range(8))
def test_the_test_says_what_the_interval_says(seed: int) -> None:
    values, who = unequal(seed)
    one = replace(left_out_of_mean(values, who.tolist()).by_person(), differing=99)
    low, high = one.interval() or (0.0, 0.0)
    for end in (low, high):
        assert replace(one, value=one.value - end).p_value == pytest.approx(0.05)
    assert replace(one, value=one.value - low - 0.01).p_value > 0.05


def test_people_who_resemble_themselves_count_more_than_their_clips() -> None:
    who = np.repeat(np.arange(12), 20)
    mean = left_out_of_mean(np.repeat(rng(1).normal(size=12), 20) + 0.1 * rng(2).normal(size=240), who.tolist())
    assert mean.by_person().variance > 15 * mean.by_clip().variance


def test_a_mean_and_its_parts_do_not_depend_on_the_order_of_rows() -> None:
    values, who = unequal()
    order = rng(5).permutation(len(who))
    one, other = left_out_of_mean(values, who.tolist()), left_out_of_mean(values[order], who[order].tolist())
    assert one.by_person().interval() == pytest.approx(other.by_person().interval(), rel=1e-12)


def test_a_difference_is_what_both_differ_by_and_turns_with_them() -> None:
    (first, who), (second, _) = unequal(1), unequal(5)
    a, b = (left_out_of_mean(values, who.tolist()) for values in (first, second))
    direct = left_out_of_mean(first - second, who.tolist()).by_person()
    assert (a - b).by_person().interval() == pytest.approx(direct.interval())
    assert (a - b).by_person().p_value == pytest.approx((b - a).by_person().p_value)
    assert (a - a).by_person().p_value == 1.0


@pytest.mark.parametrize("people", [2, 6, 11])
def test_no_p_value_is_below_that_of_all_people_agreeing(people: int) -> None:
    certain = left_out_of_mean([5.0] * 3 * people, [k // 3 for k in range(3 * people)]).by_person()
    assert certain.p_value == least_p(people) == 2.0 ** (1 - people)
    nearly = left_out_of_mean(5.0 + 1e-6 * rng().normal(size=people), range(people)).by_person()
    assert nearly.p_value >= least_p(people)


@pytest.mark.parametrize("seed", range(12))
def test_below_one_per_cent_no_skewness_makes_a_p_value_smaller_than_students(seed: int) -> None:
    values = np.exp(rng(seed).normal(size=14))
    one = replace(left_out_of_mean(values, range(14)).by_person(), differing=99)
    for t in (1.5, 2.5, 4.0, 7.0, -2.5, -4.0):
        moved = replace(one, value=t * one.variance**0.5)
        student = 2 * stats.t.sf(abs(t), one.freedom)
        assert moved.p_value >= min(student, 0.01) * (1 - 1e-9)


def test_nearly_all_agreeing_is_no_skewness_to_be_afraid_of() -> None:
    """Eleven of thirteen one way and none the other: the flat place of the expansion would call it nothing."""
    one = left_out_of_mean([100.0] * 11 + [0.0] * 2, range(13)).by_person()
    assert one.p_value < 0.005
    assert (one.interval() or (0.0, 0.0))[0] > 25


def test_people_in_whom_two_methods_are_equal_prove_nothing() -> None:
    """Three clips decide, all one way: 2 of 8 sign patterns, whatever the ninety-seven equal ones add."""
    one = left_out_of_mean([100.0] * 3 + [0.0] * 97, range(100)).by_person()
    assert (one.units, one.differing, one.p_value) == (100, 3, 0.25)
    assert left_out_of_mean([0.3, -0.3, 0.0] * 4, [k // 3 for k in range(12)]).by_person().differing == 0


def test_so_many_people_are_needed_for_a_p_value_below_the_level() -> None:
    for tests in (1, 10, 168):
        needed = units_needed(tests, 0.05)
        assert tests * least_p(needed) <= 0.05 < tests * least_p(needed - 1)


def test_one_person_says_nothing_about_others() -> None:
    mean = left_out_of_mean(rng().normal(size=9), ["anna"] * 9)
    assert mean.by_person().interval() is None
    assert mean.by_person().p_value == 1.0
    assert mean.by_clip().interval() is not None
    assert left_out_of_mean([1.0], ["anna"]).by_clip().interval() is None


def test_a_score_that_a_part_cannot_do_without_has_no_interval() -> None:
    without, ones = np.array([1.0, math.nan, 1.2]), np.ones(3)
    assert LeftOut(1.1, without, ones, without, ones).by_person().interval() is None


def test_shares_stay_within_their_scale_and_have_a_width() -> None:
    people = [k // 4 for k in range(40)]
    for right in (1, 20, 39):
        low, high = left_out_of_mean([100.0] * right + [0.0] * (40 - right), people).by_person().interval("share") or (
            0,
            0,
        )
        assert 0 < low < 100 * right / 40 < high < 100
    every = left_out_of_mean([100.0] * 40, people).by_person().interval("share")
    assert every == pytest.approx(tuple(100 * end for end in wilson(10, 10)))  # ten people, not forty clips
    half = left_out_of_mean([100.0, 100.0, 0.0, 0.0] * 10, people).by_person().interval("share")
    assert half == pytest.approx(tuple(100 * end for end in wilson(5, 10)))  # nobody differs from anybody


def test_distances_stay_above_zero() -> None:
    far = Estimate(0.2, 0.04, 0.0, 5.0, 6, 6)
    low, high = far.interval("positive") or (0.0, 0.0)
    assert 0 < low < 0.2 < high
    assert low * high == pytest.approx(0.04)
    assert Estimate(0.0, 0.0, 0.0, 5.0, 6, 6).interval("positive") == (0.0, 0.0)


def test_values_without_people_are_refused() -> None:
    for values, people in (([], []), ([1.0, 2.0], ["a"])):
        with pytest.raises(ValueError, match="people's clips"):
            left_out_of_mean(values, people)


def test_wilson_known_values() -> None:
    assert wilson(0, 10) == pytest.approx((0.0, 0.2775), abs=1e-4)
    assert wilson(10, 10) == pytest.approx((0.7225, 1.0), abs=1e-4)
    assert wilson(5, 10) == pytest.approx((0.2366, 0.7634), abs=1e-4)
    assert all(wilson(0, n)[0] == 0.0 and wilson(n, n)[1] == 1.0 for n in range(1, 100))
    with pytest.raises(ValueError, match="successes"):
        wilson(3, 2)


def test_holm_known_case_and_order() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([]) == []
    assert holm([0.9, 0.8]) == pytest.approx([1.0, 1.0])
