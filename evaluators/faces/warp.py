"""This module brings a picture through a similarity or affine map with a rounding that no version of a library moves.

The arithmetic is that of OpenCV's warpAffine up to 4.x, with which the published crops were made: source positions to
1/32 px, weights of a 1024th, halves rounded up, black outside. OpenCV 5 computes otherwise (up to 2 levels apart).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.uint8]
NAME = "fix32"  # of this rounding, in signatures
_POSITION, _STEPS = 1024, 32  # fixed-point positions; steps between two pixels


def warped(picture: Picture, matrix: npt.ArrayLike, size: int) -> Picture:
    """Returns (size, size, 3) of a picture (h, w, 3): pixel q shows point p where q = matrix · (p, 1); matrix (2, 3).

    Raises ValueError for a matrix that has no inverse.
    """
    x, y = _sources(_inverse(np.asarray(matrix, np.float64)), size)
    left, top, fx, fy = x // _STEPS, y // _STEPS, x % _STEPS, y % _STEPS
    height, width = picture.shape[0] + 2, picture.shape[1] + 2  # with a black border, for all that lies outside
    pixels = np.pad(picture, ((1, 1), (1, 1), (0, 0))).reshape(height * width, -1)
    columns = [np.clip(left + one, 0, width - 1) for one in (1, 2)]
    rows = [np.clip(top + one, 0, height - 1) * width for one in (1, 2)]
    total = np.full((size, size, pixels.shape[1]), _STEPS * _STEPS // 2, np.int32)
    for row, across in zip(rows, (_STEPS - fy, fy), strict=True):
        for column, along in zip(columns, (_STEPS - fx, fx), strict=True):
            total += pixels[row + column] * (across * along).astype(np.int32)[..., None]
    return (total // (_STEPS * _STEPS)).astype(np.uint8)


def _inverse(matrix: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The map (2, 3) from the result to the picture, in the order of operations of the published one."""
    (a, b, p), (c, d, q) = matrix
    determinant = a * d - b * c
    if not np.isfinite(determinant) or not determinant:
        raise ValueError("a picture cannot be warped by a matrix that has no inverse")
    scale = 1 / determinant
    inner = np.array([[d * scale, -b * scale], [-c * scale, a * scale]])
    shift = [-inner[row, 0] * p - inner[row, 1] * q for row in (0, 1)]
    return np.column_stack([inner, shift])


def _sources(inverse: npt.NDArray[np.float64], size: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Where the pixels of the result come from: x and y (size, size) in 1/32 px."""
    places = np.arange(size)
    half = _POSITION // _STEPS // 2
    along = np.rint(inverse[:, :1] * places * _POSITION).astype(np.int64)
    down = np.rint((inverse[:, 1:2] * places + inverse[:, 2:]) * _POSITION).astype(np.int64) + half
    x, y = ((down[row][:, None] + along[row][None, :]) // (_POSITION // _STEPS) for row in (0, 1))
    return x, y
