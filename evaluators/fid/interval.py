"""This module says how sure a pooled FID is at its sample size, by an interval of the distances of subsets of clips.

The FID of n samples is biased upwards, and the more so the fewer distinct samples there are. A bootstrap resample
repeats clips, so its FID lies far above the estimate and spreads twice as wide as the true one (simulated: 30 to 300
clips, 512 columns); half-samples without repeats, the delete-half jackknife (Shao & Wu 1989), spread as they should.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

import numpy as np
import numpy.typing as npt

from evaluators.fid.distance import FrechetResampler, frechet

Rows = Sequence[npt.NDArray[np.float32]]  # one array (frames, columns) a clip
Array = npt.NDArray[np.float64]
_GRAM_ROWS = 1000  # up to here a resample is exact by inner products
_LEADING = 256  # principal directions that resamples of larger sets are measured in
_LEVEL = 0.95


Slices = list[tuple[int, int]]


@dataclass(frozen=True)
class ClipSets:
    """Holds both feature sets, and where each clip's rows lie in them."""

    first: Array
    second: Array
    first_rows: Slices
    second_rows: Slices

    @classmethod
    def of(cls, clips: Rows, references: Rows) -> ClipSets:
        """Returns the sets of one array a clip on both sides, in the same order."""
        first, second = np.concatenate(clips), np.concatenate(references)
        return cls(first.astype(np.float64), second.astype(np.float64), _slices(clips), _slices(references))

    def rows(self, chosen: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Returns indices of the rows of these clips in both sets; a clip may come more than once."""
        return (
            np.concatenate([np.arange(*self.first_rows[k]) for k in chosen]),
            np.concatenate([np.arange(*self.second_rows[k]) for k in chosen]),
        )

    def distances(self) -> Callable[[npt.NDArray[np.int64]], float]:
        """Returns the quickest exact function from chosen clips to their distance; nan where they are too few."""
        if min(len(self.first), len(self.second)) > min(_GRAM_ROWS, 2 * self.first.shape[1]):
            return self._directly
        resampler = FrechetResampler.of(self.first, self.second)

        def by_inner_products(chosen: npt.NDArray[np.int64]) -> float:
            first, second = self.rows(chosen)
            return resampler.distance(
                np.bincount(first, minlength=len(self.first)), np.bincount(second, minlength=len(self.second))
            )

        return by_inner_products

    def _directly(self, chosen: npt.NDArray[np.int64]) -> float:
        first, second = self.rows(chosen)
        return frechet(self.first[first], self.second[second]) if min(len(first), len(second)) >= 2 else float("nan")

    def projected(self) -> ClipSets | None:
        """Returns the sets in their leading common principal directions; None where an exact resample is cheap."""
        width = self.first.shape[1]
        if width <= 2 * _LEADING or min(len(self.first), len(self.second)) <= _GRAM_ROWS:
            return None
        both = np.concatenate([self.first, self.second])
        centred = both - both.mean(axis=0)
        leading = np.linalg.eigh(centred.T @ centred)[1][:, -_LEADING:]
        return replace(self, first=self.first @ leading, second=self.second @ leading)


def _slices(parts: Rows) -> Slices:
    ends = list(accumulate(map(len, parts)))
    return list(zip([0, *ends[:-1]], ends, strict=True))


def half_sample_interval(
    clips: Rows, references: Rows, groups: Sequence[str], draws: int, rng: np.random.Generator
) -> tuple[float, float] | None:
    """Returns the 95 % basic (pivotal) interval for the expected FID at this sample size; None below two groups.

    Deviations are those of `draws` half-samples of the groups of clips, both sides together, from their own mean:
    the mean differs from the estimate by the bias of half the size, which says nothing about this size. Beyond
    1000 frames a side and 512 columns they are measured in the 256 leading common directions.
    """
    names = list(dict.fromkeys(groups))
    if len(names) < 2:
        return None
    members = [np.array([k for k, group in enumerate(groups) if group == name], dtype=np.int64) for name in names]
    half = len(members) // 2
    sets = ClipSets.of(clips, references)
    measure = (sets.projected() or sets).distances()
    chosen = (rng.permutation(len(members))[:half] for _ in range(draws))
    values = np.array([measure(np.concatenate([members[k] for k in pick])) for pick in chosen])
    values = values[np.isfinite(values)]
    if len(values) < 2:
        return None
    deviations = (values - values.mean()) * np.sqrt(half / (len(members) - half))
    low, high = np.quantile(deviations, [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2])
    estimate = frechet(sets.first, sets.second)
    return max(0.0, estimate - float(high)), max(0.0, estimate - float(low))
