"""This module computes the Fréchet distance between two feature sets exactly, however few samples there are.

FID = |m1 - m2|² + tr S1 + tr S2 - 2 tr (S1 S2)^½ (Heusel et al. 2017). With centred rows X, Y scaled by 1/√(n-1), S1 =
XᵀX and S2 = YᵀY, and tr (S1 S2)^½ is the nuclear norm of X Yᵀ: no matrix square root, no complex numbers, no epsilon,
right for rank-deficient sets where scipy's `sqrtm` is not (docs/reference/metrics.md, 'Fréchet distance').
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from harness.errors import CannotCompareError

Array = npt.NDArray[np.float64]


def _checked(features: npt.ArrayLike, which: str) -> Array:
    array = np.asarray(features, dtype=np.float64)
    if array.ndim != 2 or not array.shape[1]:
        raise CannotCompareError(f"The {which} features have shape {array.shape}, not (samples, columns).")
    if len(array) < 2:
        raise CannotCompareError(
            f"The {which} set has {len(array)} sample(s): a covariance needs at least 2.", "Add pictures."
        )
    if not np.isfinite(array).all():
        raise CannotCompareError(f"The {which} features hold values that are not finite.")
    return array


def factored(rows: Array) -> Array:
    """Returns the rows whose Gram matrix of columns equals that of `rows`, at most as many as there are columns."""
    if len(rows) <= rows.shape[1]:
        return rows
    return np.asarray(np.linalg.qr(rows, mode="r"))


def frechet(features1: npt.ArrayLike, features2: npt.ArrayLike) -> float:
    """Returns the Fréchet distance of two feature sets (n, d) and (m, d); n, m ≥ 2; float64 throughout.

    Covariances divide by n-1. Equal sets give exactly 0 and no result is below 0. Raises
    CannotCompareError for fewer than two samples, different widths, or values that are not finite.
    Source: pytorch-fid 0.3.0 `calculate_frechet_distance`, without its square root.
    """
    first, second = _checked(features1, "first"), _checked(features2, "second")
    if first.shape[1] != second.shape[1]:
        raise CannotCompareError(f"The features have {first.shape[1]} and {second.shape[1]} columns.")
    if first.shape == second.shape and np.array_equal(first, second):
        return 0.0
    mean1, mean2 = first.mean(axis=0), second.mean(axis=0)
    rows1 = (first - mean1) / np.sqrt(len(first) - 1)
    rows2 = (second - mean2) / np.sqrt(len(second) - 1)
    nuclear = np.linalg.svd(factored(rows1) @ factored(rows2).T, compute_uv=False).sum()
    spread = np.square(rows1).sum() + np.square(rows2).sum()
    return max(0.0, float(np.square(mean1 - mean2).sum() + spread - 2.0 * nuclear))
