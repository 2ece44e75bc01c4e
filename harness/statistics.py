"""This module computes intervals and tests by leaving out: how a score moves without each person says how sure it is.

One estimator serves every score, whether a mean, a mean that weighs clips, a share or the FID of a pool. Scores without
each person give the variance CR2 (Bell & McCaffrey 2002; for equal people it is the jackknife). Student's t gives the
interval and the test, with Satterthwaite's degrees of freedom for people of unequal size (Imbens & Kolesár 2016;
Pustejovsky & Tipton 2018), and corrected for skewness by a cubic transformation (Hall 1992). How much clips of one
person resemble each other, which the degrees of freedom need, follows from the ratio of the variances by person and by
clip (the design effect, Kish 1965). Shares are judged on the logit scale, FID on the logarithmic one. Nothing is drawn.
Which nominal levels hold, and where: docs/statistics.md.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np
import numpy.typing as npt

from harness import student

Floats = npt.NDArray[np.float64]
Scale = Literal["plain", "share", "positive"]  # share: 0 to 100; positive: never below 0, as a distance

LEVEL = 0.95
_LARGEST_EXPONENT = 700.0  # of a finite float
_ROUNDING = 1e-9  # relative
_HALVING = (math.sqrt(3.0) - 3.0) / 2  # where 1 + x + x² / 3 is a half
_EVEN = 1e-6  # skewness below which the inverse would lose digits
_FAR_TAIL = 0.01  # p-values below this are no smaller than Student's


@dataclass(frozen=True)
class Estimate:
    """Holds a score, variance and skewness of its error, the degrees of freedom, and from how many people or clips."""

    value: float
    variance: float  # nan where fewer than two people or clips could be left out
    skewness: float
    freedom: float
    units: int
    differing: int  # of these, those whose own score is not 0: equal ones can favour neither method

    def interval(self, scale: Scale = "plain", level: float = LEVEL) -> tuple[float, float] | None:
        """Returns the interval of the score on its scale; None where there is no variance to make it from.

        A share in which no person differs from another has the Wilson interval of that many people.
        """
        if not math.isfinite(self.variance):
            return None
        if scale == "share" and (self.variance == 0 or not 0 < self.value < 100):
            low, high = wilson(self.units * self.value / 100.0, self.units, level)
            return 100.0 * low, 100.0 * high
        quantile, error = _quantile(self.freedom, (1 + level) / 2), math.sqrt(self.variance)
        reach = quantile * error
        if scale == "share":
            share = self.value / 100.0
            low, high = (
                _logistic(math.log(share / (1 - share)) + end) for end in _ends(reach, 100 * share * (1 - share))
            )
            return 100.0 * low, 100.0 * high
        if scale == "positive" and self.value > 0:
            low, high = (self.value * math.exp(min(end, _LARGEST_EXPONENT)) for end in _ends(reach, self.value))
            return low, high
        ends = (self.value - error * _unskewed(end, self.skewness) for end in (quantile, -quantile))
        return next(ends), next(ends)

    @property
    def p_value(self) -> float:
        """Returns the two-sided p-value of the score being 0, never below `least_p`; 1 without a variance.

        Hall's transformation is an expansion about the middle, with a skewness that few people estimate badly: where it
        says less than 1 % it is not believed beyond Student's t. Families of many comparisons live in that tail.
        """
        if not math.isfinite(self.variance) or self.value == 0:
            return 1.0
        t = self.value / math.sqrt(self.variance) if self.variance > 0 else math.inf
        skewed, even = (self._two_sided(x) for x in (_skewed(t, self.skewness) if math.isfinite(t) else t, t))
        return min(1.0, max(skewed, min(even, _FAR_TAIL), least_p(self.differing)))

    def _two_sided(self, t: float) -> float:
        return 2.0 * student.tail(self.freedom, t)


def _skewed(t: float, skewness: float) -> float:
    """Hall's transformation of a studentised score, monotone in it: skewed errors become nearly symmetric.

    It is an expansion for small skewness times t, and has a flat place beyond: no score is shrunk to less than half.
    """
    lean = skewness * t / 3
    return t * (1 + lean + lean**2 / 3 if lean > _HALVING else 0.5) + skewness / 6


def _unskewed(x: float, skewness: float) -> float:
    """Its inverse."""
    if abs(skewness) < _EVEN:
        return x
    t = 3.0 / skewness * (float(np.cbrt(1.0 + skewness * (x - skewness / 6))) - 1.0)
    return t if skewness * t / 3 > _HALVING else 2.0 * (x - skewness / 6)


def _ends(reach: float, slope: float) -> tuple[float, float]:
    """Both ends of an interval about 0 on a scale on which a step is 1 / `slope` as long (the delta method)."""
    return -reach / slope, reach / slope


def _logistic(x: float) -> float:
    return 1.0 / (1.0 + math.exp(-x)) if x > -_LARGEST_EXPONENT else 0.0


def _quantile(freedom: float, share: float) -> float:
    from scipy.special import stdtrit  # 0.3 s, and a comparison of deterministic runs needs no quantile

    return float(stdtrit(freedom, share))


def least_p(units: int) -> float:
    """Returns the least p-value that so many people who differ can give: 2 of their 2^n sign patterns.

    A smaller one would rest on the shape of the tails alone, which nobody has seen.
    """
    return min(1.0, 2.0 ** (1 - units)) if units < 1000 else 0.0


def units_needed(tests: int, alpha: float) -> int:
    """Returns from how many people on a p-value can be below alpha after Holm's correction of so many tests."""
    return 1 + math.ceil(math.log2(max(1, tests) / alpha) - 1e-9)


@dataclass(frozen=True)
class LeftOut:
    """Holds a score of a set of clips, and the same score without each person, and without each clip or group of clips.

    Subtracted from each other, those of two methods on the same samples are those of the difference.
    """

    value: float
    people: Floats  # the score without each person
    of_person: Floats  # how many clips each of them answers with
    clips: Floats  # the score without each group of clips
    of_group: Floats  # how many clips each group answers with

    def __sub__(self, other: LeftOut) -> LeftOut:
        people, clips = self.people - other.people, self.clips - other.clips
        return LeftOut(self.value - other.value, people, self.of_person, clips, self.of_group)

    def by_clip(self) -> Estimate:
        """Returns the score as an estimate of these people's, clips being independent."""
        freedom, clips = _freedom(self.of_group, 0.0), int(self.of_group.sum())
        differing = self._differing(self.clips, self.of_group)
        return Estimate(self.value, *_moments(self.clips, self.of_group), freedom, clips, differing)

    def by_person(self) -> Estimate:
        """Returns the score as an estimate of that of people like these."""
        variance, skewness = _moments(self.people, self.of_person)
        alike = _alike(variance, _moments(self.clips, self.of_group)[0], self.of_person)
        answering, differing = int((self.of_person > 0).sum()), self._differing(self.people, self.of_person)
        return Estimate(self.value, variance, skewness, _freedom(self.of_person, alike), answering, differing)

    def _differing(self, without: Floats, sizes: Floats) -> int:
        """How many parts have a score of their own (the jackknife's pseudo-value) that is not 0 but for rounding."""
        own = sizes.sum() * self.value - (sizes.sum() - sizes) * without
        own = np.abs(np.where(np.isfinite(own), own, np.inf)[sizes > 0])
        return int((own > _ROUNDING * own.max(initial=0.0, where=np.isfinite(own))).sum())


def _moments(without: Floats, sizes: Floats) -> tuple[float, float]:
    """Variance (CR2) and skewness of a score's error, from the scores without each part; nan where fewer than two parts
    answer, or a score is not finite.
    """
    parts = int((sizes > 0).sum())
    if parts < 2 or not np.isfinite(without).all():
        return math.nan, math.nan
    kept = 1.0 - sizes / sizes.sum()
    moved = without - np.average(without, weights=kept)
    variance = float((kept * moved**2).sum())
    if parts < 3 or not variance > 0:
        return variance, 0.0
    third = -float(((kept * moved) ** 3).sum()) * parts**2 / ((parts - 1) * (parts - 2))
    return variance, third / variance**1.5


def _alike(by_person: float, by_clip: float, sizes: Floats) -> float:
    """The intra-class correlation that makes the variance by person as much larger than that by clip as it is."""
    excess = float((sizes**2).sum() / sizes.sum()) - 1.0 if sizes.any() else 0.0
    if not (math.isfinite(by_person) and math.isfinite(by_clip)) or excess <= 0 or by_clip <= 0:
        return 1.0
    return min(1.0, max(0.0, (by_person / by_clip - 1.0) / excess))


def _freedom(sizes: Floats, alike: float) -> float:
    """Satterthwaite's degrees of freedom of CR2, if clips of one person correlate by `alike`: tr(G)² / tr(G²).

    G is the covariance of the residuals of person totals, scaled as CR2 scales them: diagonal plus rank two, hence the
    sums below. n equal people have n − 1.
    """
    counts = sizes[sizes > 0]
    if len(counts) < 2:
        return math.nan
    total, errors = counts.sum(), counts * (1.0 + (counts - 1.0) * alike)
    scale = 1.0 / (1.0 - counts / total)
    cross, square = -1.0 / total, errors.sum() / total**2  # of G's parts c·eᵀ + e·cᵀ and c·cᵀ
    cc, ee, ce = ((scale * a * b).sum() for a, b in ((counts, counts), (errors, errors), (counts, errors)))
    own = 2.0 * cross * counts * errors + square * counts**2
    trace = (scale * (errors + own)).sum()
    squared = (scale**2 * (errors**2 + 2.0 * errors * own)).sum()
    squared += 2.0 * cross**2 * (cc * ee + ce**2) + square**2 * cc**2 + 4.0 * cross * square * cc * ce
    return float(trace**2 / squared)


def left_out_of_mean(values: Sequence[float] | Floats, people: Sequence[Hashable]) -> LeftOut:
    """Returns the mean of values (n,) of clips of these people (n,), and the means without each person and clip."""
    numbers = np.asarray(values, dtype=np.float64)
    if len(people) != len(numbers) or not len(numbers):
        raise ValueError(f"{len(numbers)} values are of {len(people)} people's clips")
    place = {name: index for index, name in enumerate(dict.fromkeys(people))}
    codes = np.fromiter((place[name] for name in people), dtype=np.intp, count=len(numbers))
    sums: Floats = np.bincount(codes, numbers).astype(np.float64)
    counts: Floats = np.bincount(codes).astype(np.float64)
    ones = np.ones(len(numbers))
    return LeftOut(float(numbers.mean()), _without(sums, counts), counts, _without(numbers, ones), ones)


def _without(sums: Floats, counts: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        means: Floats = (sums.sum() - sums) / (counts.sum() - counts)
    return means


def wilson(successes: float, n: int, level: float = LEVEL) -> tuple[float, float]:
    """Returns the Wilson score interval of a proportion in [0, 1]: sound at 0 of n, where a variance is none."""
    if n < 1 or not 0 <= successes <= n:
        raise ValueError(f"{successes} successes of {n}")
    z = NormalDist().inv_cdf((1 + level) / 2)
    share = successes / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    low, high = max(0.0, centre - half), min(1.0, centre + half)
    return 0.0 if successes == 0 else low, 1.0 if successes == n else high  # rounding must not leave the share outside


def holm(p_values: Sequence[float]) -> list[float]:
    """Returns Holm's step-down corrected p-values (Holm 1979), in the order given."""
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    corrected, running = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(order):
        running = max(running, min(1.0, (len(p_values) - rank) * p_values[index]))
        corrected[index] = running
    return corrected
