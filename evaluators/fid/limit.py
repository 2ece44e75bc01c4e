"""FID∞ is the FID of infinitely many frames, extrapolated by the rule of Chong & Forsyth (2020).

The FID of n pictures exceeds the true one by about c/n. So the FID of 15 subsets of a method's frames, of 5000 up to
all of them in even steps, each against the whole reference, is fitted by a least-squares line in 1/n and read off at
1/n = 0. The line frees the method's side from its bias; that of the reference stays, so its size `n2` is a field.
Facts: docs/reference/metrics.md, 'FID sample size'.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from evaluators.fid.distance import factored

Array = npt.NDArray[np.float64]
LEAST_FRAMES = 10_000  # the paper has 50 000; with fewer than twice the least subset the line has no length to lean on
_LEAST_SUBSET = 5000
_SUBSETS = 15

#: The signature's fields for this extrapolation.
FIELDS = (("inf", f"line-{_SUBSETS}x{_LEAST_SUBSET}-to-n"), ("need", f"{LEAST_FRAMES}"))


def extrapolated(clip: npt.ArrayLike, reference: npt.ArrayLike) -> float:
    """Returns FID∞ of features (n, d) against a reference (m, d); nan below LEAST_FRAMES frames of either side.

    Subsets are drawn by a fixed seed. The estimate of something small may be slightly below 0.
    """
    frames, target = np.asarray(clip, dtype=np.float64), np.asarray(reference, dtype=np.float64)
    if min(len(frames), len(target)) < LEAST_FRAMES:
        return float("nan")
    distance, rng = _to(target), np.random.default_rng(0)
    sizes = np.linspace(_LEAST_SUBSET, len(frames), _SUBSETS).astype(np.int64)
    values = [distance(frames[rng.permutation(len(frames))[:size]]) for size in sizes]
    return float(np.polyfit(1.0 / sizes, values, 1)[1])


def _to(reference: Array) -> Callable[[Array], float]:
    """The Fréchet distance of features (n, d) to one reference, whose part of the work is done once.

    With centred rows X and a factor R of the reference's covariance, tr (S1 S2)^½ is the sum of the roots of the
    eigenvalues of R S1 Rᵀ: about 1e-7 relative, where `frechet` is exact to rounding and takes four times as long.
    """
    mean = reference.mean(axis=0)
    factor = factored((reference - mean) / np.sqrt(len(reference) - 1))

    def distance(rows: Array) -> float:
        own = rows.mean(axis=0)
        spread = np.cov(rows, rowvar=False)
        cross = np.sqrt(np.maximum(np.linalg.eigvalsh(factor @ spread @ factor.T), 0.0)).sum()
        return float(np.square(own - mean).sum() + np.trace(spread) + np.square(factor).sum() - 2.0 * cross)

    return distance
