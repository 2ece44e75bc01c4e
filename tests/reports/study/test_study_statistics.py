"""Agreement, strengths and rank correlations: published worked examples, closed forms, and fits by scipy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import optimize, stats

from reports.study import bradley_terry, correlation, krippendorff
from reports.study.bradley_terry import Choice

#: The worked examples of Krippendorff 2011: one line a rater, one column a unit; a dot is no answer. And their alpha.
WORKED = {
    "B, binary, two raters": (("0100000010", "1110010000"), 0.095),
    "C, names, two raters": (("aabbdcccedda", "babbbccceddd"), 0.692),
    "D, names, four raters": (("123321412...", "1233224125.3", ".3332342251.", "12332441251."), 0.743),
}


def units(lines: tuple[str, ...]) -> list[dict[object, object]]:
    return [{k: a for k, a in enumerate(column) if a != "."} for column in zip(*lines, strict=True)]


@pytest.mark.parametrize(("lines", "published"), WORKED.values(), ids=list(WORKED))
def test_alpha_is_that_of_the_published_examples(lines: tuple[str, ...], published: float) -> None:
    assert round(krippendorff.alpha(units(lines)), 3) == published
    left = krippendorff.left_out_alpha(units(lines))
    assert left.value == krippendorff.alpha(units(lines))
    assert left.people[0] == pytest.approx(krippendorff.alpha(units(lines[1:])), nan_ok=True)
    assert left.clips[2] == pytest.approx(krippendorff.alpha(units(tuple(a[:2] + a[3:] for a in lines))))


def test_alpha_knows_full_agreement_chance_and_nothing() -> None:
    rng = np.random.default_rng(3)
    assert krippendorff.alpha(units(("abcab", "abcab"))) == 1.0
    assert math.isnan(krippendorff.alpha(units(("aaa", "aaa"))))  # of what nobody does otherwise, nothing is known
    assert math.isnan(krippendorff.alpha(units(("ab..", "..ab"))))
    guesses = [dict(enumerate(rng.choice(list("abcd"), 5))) for _ in range(2000)]
    assert abs(krippendorff.alpha(guesses)) < 0.02


def choices(wins: np.ndarray, names: str) -> list[Choice]:
    return [
        Choice(names[i], names[j], k % 7, ("", str(k % 5)))
        for (i, j), count in np.ndenumerate(wins)
        for k in range(int(count))
    ]  # fmt: skip


def test_two_methods_have_the_closed_form() -> None:
    for won, lost in ((30, 10), (1, 7), (500, 499), (1, 4000)):
        first, second = bradley_terry.strengths(np.array([[0.0, won], [lost, 0.0]]))
        assert first - second == pytest.approx(math.log(won / lost), abs=1e-8)
        assert first + second == pytest.approx(0.0, abs=1e-12)


def test_strengths_are_those_of_largest_likelihood() -> None:
    rng = np.random.default_rng(0)
    wins = rng.integers(1, 30, (5, 5)).astype(float)
    wins[0] *= 40.0  # one is far ahead
    np.fill_diagonal(wins, 0.0)

    def loss(free: np.ndarray) -> float:
        strength = np.append(free, -free.sum())
        return float((wins * np.logaddexp(0.0, strength[None, :] - strength[:, None])).sum())

    best = optimize.minimize(loss, np.zeros(4), method="BFGS", options={"gtol": 1e-8}).x
    found = bradley_terry.strengths(wins)
    assert found == pytest.approx(np.append(best, -best.sum()), abs=1e-5)


def test_who_won_or_lost_everything_has_no_finite_strength() -> None:
    wins = np.array([[0, 9, 9, 9], [0, 0, 3, 9], [0, 5, 0, 9], [0, 0, 0, 0]], dtype=float)
    assert np.isnan(bradley_terry.strengths(wins)).all()
    assert bradley_terry.connected(wins).tolist() == [False, True, True, False]
    left = bradley_terry.left_out_strengths(choices(wins, "abcd"), "abcd")
    assert set(left) == {"b", "c"}
    assert left["c"].value - left["b"].value == pytest.approx(math.log(5 / 3))


def answers_of(truth: np.ndarray, raters: int, rng: np.random.Generator) -> list[Choice]:
    """18 answers a rater; raters have tastes of their own."""
    found = []
    for rater in range(raters):
        taste = truth + rng.normal(0, TASTE, 3)
        for k in range(18):
            i, j = ((0, 1), (0, 2), (1, 2))[k % 3]
            first = rng.random() < 1 / (1 + math.exp(taste[j] - taste[i]))
            found.append(Choice("abc"[i if first else j], "abc"[j if first else i], rater, ("", str(k))))
    return found


TASTE = 0.8
#: The difference of the strengths of a and c that two million raters of these tastes give: tastes flatten it.
MANY = 1.204


@pytest.mark.slow
def test_intervals_of_strengths_hold_though_raters_differ() -> None:
    """They are about raters like these; those that count answers as independent are too short."""
    rng, held, short, runs = np.random.default_rng(5), 0, 0, 40
    for _ in range(runs):
        left = bradley_terry.left_out_strengths(answers_of(np.array([0.7, 0.1, -0.8]), 12, rng), "abc")
        change = left["a"] - left["c"]
        low, high = change.by_person().interval() or (0.0, 0.0)
        held += low <= MANY <= high
        low, high = change.by_clip().interval() or (0.0, 0.0)
        short += low <= MANY <= high
    assert held >= 0.88 * runs
    assert short < held


def test_rank_correlation_over_methods_is_spearmans_and_says_little_of_few() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=9), rng.integers(0, 4, 9)
    found = correlation.over_methods(list(a), list(map(float, b)))
    assert found is not None
    assert found.value == pytest.approx(stats.spearmanr(a, b).statistic)
    assert found.low < found.value < found.high
    three = correlation.over_methods([1, 2, 3], [4, 5, 6])
    assert three == correlation.Correlation(pytest.approx(1.0), -1.0, 1.0, 3)
    four = correlation.over_methods([1, 2, 3, 4], [4, 5, 6, 7])
    assert four is not None
    assert four.low < 0 < four.high == 1.0
    ten = correlation.over_methods(list(range(10)), list(range(10)))
    assert ten is not None
    assert 0.8 < ten.low < ten.high == 1.0
    assert correlation.over_methods([1, 2, 3], [5, 5, 5]) is None


def test_gamma_over_comparisons_is_twice_the_share_less_one() -> None:
    agrees = [k % 4 != 0 for k in range(80)]
    found = correlation.over_comparisons(agrees, [k // 8 for k in range(80)], [k % 8 for k in range(80)])
    assert found is not None
    assert found.value == pytest.approx(0.5)
    assert -1 <= found.low < 0.5 < found.high <= 1
    assert correlation.over_comparisons([], [], []) is None
    assert correlation.over_comparisons([True], ["r"], ["s"]) == correlation.Correlation(1.0, -1.0, 1.0, 1)
