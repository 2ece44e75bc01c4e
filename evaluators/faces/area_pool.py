"""Many windows are pooled at once here, exactly by area, by integral images.

Equal to adaptive average pooling (torch's `interpolate(mode="area")`): output cell i of m covers the
input rows floor(i*h/m) .. ceil((i+1)*h/m). Sums are exact integers; differences of 32-bit integral
images stay exact even where the images themselves wrap around.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

IntegralImages = npt.NDArray[np.int32]  # (n, height + 1, width + 1, 3)
Int = npt.NDArray[np.int64]


def integral_images(frames: npt.NDArray[np.uint8]) -> IntegralImages:
    """Returns the integral images of uint8 frames (n, height, width, 3)."""
    return np.stack([cv2.integral(np.ascontiguousarray(frame)) for frame in frames])


def resized(integral: IntegralImages, height: int, width: int) -> npt.NDArray[np.float32]:
    """Returns the whole frames pooled to (n, height, width, 3), values 0..255."""
    top, bottom = _cells(np.zeros(1, np.int64), np.array([integral.shape[1] - 1]), height)
    left, right = _cells(np.zeros(1, np.int64), np.array([integral.shape[2] - 1]), width)
    rows = integral[:, bottom[0]] - integral[:, top[0]]
    sums = np.take(rows, right[0], axis=2) - np.take(rows, left[0], axis=2)
    return _mean(sums, (bottom - top)[0][None, :, None, None], (right - left)[0][None, None, :, None])


def crops(integral: IntegralImages, frame: Int, windows: Int, size: int) -> npt.NDArray[np.float32]:
    """Returns the windows (k, 4), x0 y0 x1 y1 with ends excluded, of frames `frame` (k,), pooled to (k, size,
    size, 3).
    """
    _, rows, columns, _ = integral.shape
    left, right = _cells(windows[:, 0], windows[:, 2], size)
    top, bottom = _cells(windows[:, 1], windows[:, 3], size)
    flat = integral.reshape(-1, 3)
    base = frame[:, None] * rows
    upper, lower = (base + top) * columns, (base + bottom) * columns

    def corner(row: Int, column: Int) -> npt.NDArray[np.int32]:
        return np.take(flat, row[:, :, None] + column[:, None, :], axis=0)

    sums = corner(lower, right)
    sums -= corner(lower, left)
    sums -= corner(upper, right)
    sums += corner(upper, left)
    return _mean(sums, (bottom - top)[:, :, None, None], (right - left)[:, None, :, None])


def _cells(start: Int, stop: Int, count: int) -> tuple[Int, Int]:
    """First and past-the-end input index of each of `count` cells between `start` and `stop`: two of (k, count)."""
    length = (stop - start)[:, None]
    index = np.arange(count)[None]
    return start[:, None] + index * length // count, start[:, None] - (-(index + 1) * length // count)


def _mean(sums: npt.NDArray[np.int32], height: Int, width: Int) -> npt.NDArray[np.float32]:
    """Divided by height, then by width, in float32: the reference's order, so its rounding too."""
    mean = sums.astype(np.float32)
    mean /= height.astype(np.float32)
    mean /= width.astype(np.float32)
    return mean
