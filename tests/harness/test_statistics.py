"""Laws of harness.statistics: known cases, coverage of intervals, size and power of tests."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest

from harness.statistics import (
    detectable_difference,
    holm,
    mean_interval,
    paired_test,
    pooled_interval,
    swap_test,
    wilson,
)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_mean_interval_matches_the_normal_one_for_many_clips() -> None:
    values = rng(1).normal(5.0, 2.0, 400)
    interval = mean_interval(values, rng())
    assert interval is not None
    error = values.std() / math.sqrt(400)
    assert interval == pytest.approx((values.mean() - 1.96 * error, values.mean() + 1.96 * error), abs=0.03)


def test_mean_interval_is_a_function_of_the_generator_alone() -> None:
    values = rng(2).normal(size=30)
    assert mean_interval(values, rng(3)) == mean_interval(values, rng(3))
    assert mean_interval(values, rng(3)) != mean_interval(values, rng(4))


@pytest.mark.parametrize(("values", "clusters"), [([], None), ([1.0], None), ([1.0, 2.0, 3.0], ["a", "a", "a"])])
def test_nothing_to_resample_has_no_interval(values: list[float], clusters: list[str] | None) -> None:
    assert mean_interval(values, rng(), clusters) is None


def test_cluster_bootstrap_is_wider_when_people_differ() -> None:
    people = np.repeat(np.arange(12), 20)
    values = rng(2).normal(0, 1, 12)[people] + rng(3).normal(0, 0.1, 240)
    by_clip, by_person = mean_interval(values, rng()), mean_interval(values, rng(), people.tolist())
    assert by_clip is not None
    assert by_person is not None
    assert by_person[1] - by_person[0] > 3 * (by_clip[1] - by_clip[0])


def test_cluster_bootstrap_with_singletons_is_the_plain_one() -> None:
    values = rng(5).normal(size=30)
    assert mean_interval(values, rng(), list(range(30))) == mean_interval(values, rng())


def test_interval_coverage_is_about_nominal() -> None:
    hits = 0
    for seed in range(300):
        interval = mean_interval(rng(seed).normal(1.0, 1.0, 40), rng(seed + 1000), draws=600)
        assert interval is not None
        hits += interval[0] <= 1.0 <= interval[1]
    assert 0.90 <= hits / 300 <= 0.98


def test_few_identities_make_the_interval_as_short_as_the_docstring_says() -> None:
    for people, low, high in ((4, 0.72, 0.87), (12, 0.87, 0.97)):
        hits, who = 0, np.repeat(np.arange(people), 8)
        for seed in range(200):
            values = rng(seed).normal(0, 1, people)[who] + rng(seed + 500).normal(0, 0.5, len(who))
            interval = mean_interval(values, rng(seed + 1000), who.tolist(), draws=400)
            assert interval is not None
            hits += interval[0] <= 0.0 <= interval[1]
        assert low <= hits / 200 <= high


def test_chunked_draws_equal_one_block(monkeypatch: pytest.MonkeyPatch) -> None:
    values = rng(6).normal(size=50)
    whole = mean_interval(values, rng(7))
    monkeypatch.setattr("harness.statistics.NUMBERS_AT_ONCE", 1000)
    assert mean_interval(values, rng(7)) == whole


def test_pooled_interval_of_a_mean_agrees_with_the_mean_interval() -> None:
    values = rng(8).normal(size=80).tolist()
    pooled = pooled_interval(values, lambda xs: float(np.mean(xs)), rng(), kind="percentile", draws=2000)
    assert pooled == pytest.approx(mean_interval(values, rng()), abs=0.03)


def test_basic_interval_holds_an_upward_biased_score_where_percentiles_miss_it() -> None:
    values = rng(9).normal(size=60).tolist()

    def spread_of_repeats(
        xs: object,
    ) -> float:  # repeats lower the number of distinct values, always below the full set
        return -float(len(set(xs)))  # type: ignore[call-overload]

    percentile = pooled_interval(values, spread_of_repeats, rng(), kind="percentile")
    basic = pooled_interval(values, spread_of_repeats, rng(), kind="basic")
    assert percentile is not None
    assert basic is not None
    assert percentile[0] > -60
    assert basic[1] < -60
    assert basic == pytest.approx((-120 - percentile[1], -120 - percentile[0]))


def test_wilson_known_values() -> None:
    assert wilson(0, 10) == pytest.approx((0.0, 0.2775), abs=1e-4)
    assert wilson(10, 10) == pytest.approx((0.7225, 1.0), abs=1e-4)
    assert wilson(5, 10) == pytest.approx((0.2366, 0.7634), abs=1e-4)
    assert all(wilson(0, n)[0] == 0.0 and wilson(n, n)[1] == 1.0 for n in range(1, 100))
    with pytest.raises(ValueError, match="successes"):
        wilson(3, 2)


def test_paired_test_is_exact_for_few_pairs() -> None:
    d = np.array([1.0, 2.0, 3.0, -0.5, 4.0])
    brute = np.mean([abs(np.dot(s, d)) >= abs(d.sum()) - 1e-12 for s in product([1, -1], repeat=5)])
    result = paired_test(d, np.zeros(5), rng())
    assert result.exact
    assert result.p_value == pytest.approx(float(brute))
    assert result.difference == pytest.approx(d.mean())


def test_monte_carlo_agrees_with_the_exact_test(monkeypatch: pytest.MonkeyPatch) -> None:
    d = rng(10).normal(0.5, 1, 13)
    exact = np.mean([abs(np.dot(s, d)) >= abs(d.sum()) - 1e-12 for s in product([1, -1], repeat=13)])
    result = paired_test(d, np.zeros(13), rng())
    assert not result.exact
    assert result.p_value == pytest.approx(float(exact), abs=0.015)


def test_equal_lists_have_p_one() -> None:
    for n in (5, 50):
        assert paired_test(np.arange(n), np.arange(n), rng()).p_value == 1.0


def test_a_large_difference_survives_holm_over_a_thousand_comparisons() -> None:
    """1 / (1 + draws) times their number would call none of them a difference."""
    sure = paired_test(rng(1).normal(1, 0.1, 66), np.zeros(66), rng())
    assert 2.0**-65 <= sure.p_value < 1e-10  # no p-value is less than that of 2 of the 2^66 sign patterns
    assert holm([sure.p_value] * 1000)[0] < 0.001
    assert 0.0 < paired_test(np.ones(5000), np.zeros(5000), rng()).p_value < 1e-300


def test_beyond_all_draws_the_p_value_is_a_bound_of_the_exact_one() -> None:
    patterns = np.array(list(product([1, -1], repeat=16)))
    for seed in range(20):
        d = rng(seed).normal(1.0, 0.5, 16)
        exact = np.mean(np.abs(patterns @ d) >= abs(d.sum()) - 1e-12)
        result = paired_test(d, np.zeros(16), rng(seed), draws=20)  # so few that none reaches the observed sum
        assert exact <= result.p_value <= 2 / 21


def test_paired_test_holds_its_size_and_has_power() -> None:
    null = [paired_test(rng(s).normal(size=30), np.zeros(30), rng(s), draws=500).p_value for s in range(300)]
    assert np.mean(np.array(null) <= 0.05) <= 0.085
    planted = [paired_test(rng(s).normal(1, 1, 30), np.zeros(30), rng(s), draws=500).p_value for s in range(50)]
    assert np.mean(np.array(planted) <= 0.05) >= 0.95


def test_clustered_signs_flip_together() -> None:
    people = ["a"] * 50 + ["b"] * 50
    result = paired_test(np.ones(100), np.zeros(100), rng(), clusters=people)
    assert result.exact
    assert result.p_value == 0.5  # two people can never show more
    assert result.n_pairs == 100


@pytest.mark.parametrize(("a", "b"), [([], []), ([1.0], [1.0, 2.0])])
def test_bad_pairs_are_refused(a: list[float], b: list[float]) -> None:
    with pytest.raises(ValueError, match="equally long"):
        paired_test(a, b, rng())
    with pytest.raises(ValueError, match="equally long"):
        swap_test(a, b, lambda xs: float(sum(xs)), rng())


def test_swap_test_of_a_mean_is_the_sign_flip_test() -> None:
    a, b = rng(11).normal(0.35, 1, 40).tolist(), rng(12).normal(size=40).tolist()
    swapped = swap_test(a, b, lambda xs: float(np.mean(xs)), rng(), draws=3000)
    flipped = paired_test(a, b, rng())
    assert swapped.difference == pytest.approx(flipped.difference)
    assert swapped.p_value == pytest.approx(flipped.p_value, abs=0.02)


def test_swap_test_sees_a_difference_only_the_pool_has() -> None:
    a, b = rng(13).normal(0, 1, 60).tolist(), rng(14).normal(0, 3, 60).tolist()  # same mean, other spread
    spread = swap_test(a, b, lambda xs: float(np.std(xs)), rng(), draws=200)
    assert spread.p_value < 1 / 201 + 1e-12
    assert paired_test(a, b, rng()).p_value > 0.05


@pytest.mark.parametrize("n", [3, 8, 300])
def test_swaps_of_few_clips_prove_little_and_nothing_has_p_zero(n: int) -> None:
    apart = swap_test([5.0] * n, [0.0] * n, lambda xs: float(np.mean(xs)), rng(), draws=100)
    assert apart.p_value >= max(2.0 ** (1 - n), 1e-308)
    assert n < 300 or apart.p_value < 1e-40


@pytest.mark.parametrize(("people", "percent"), [(4, 80), (6, 86), (12, 92)])
def test_intervals_of_few_people_are_as_short_as_the_tables_say(people: int, percent: int) -> None:
    """The numbers stand in `reports.legend`: how often a 95 % interval by identity holds the truth, six clips each."""
    draw, who = rng(people), [str(k // 6) for k in range(6 * people)]
    held = []
    for _ in range(400):
        clips = np.repeat(draw.normal(size=people), 6) + draw.normal(size=6 * people)
        low, high = mean_interval(clips, draw, who, draws=500) or (0.0, 0.0)
        held.append(low <= 0.0 <= high)
    assert 100 * np.mean(held) == pytest.approx(percent, abs=5)


def test_holm_known_case_and_order() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([]) == []
    assert holm([0.9, 0.8]) == pytest.approx([1.0, 1.0])


def test_detectable_difference_is_what_the_test_finds() -> None:
    d = rng(15).normal(0, 1, 60)
    bar = detectable_difference(d)
    assert bar is not None
    assert bar == pytest.approx(2.8 * d.std(ddof=1) / math.sqrt(60 - 2.8**2), rel=0.01)
    found = [
        paired_test(rng(s).normal(bar, 1, 60), np.zeros(60), rng(s), draws=500).p_value <= 0.05 for s in range(200)
    ]
    assert 0.7 <= np.mean(found) <= 0.92
    assert detectable_difference([1.0]) is None
    assert detectable_difference(d[:7]) is None  # 2^-6 is no small p-value: nothing could be found
    assert detectable_difference(np.repeat(d, 5), clusters=np.repeat(np.arange(60), 5).tolist()) == pytest.approx(bar)
