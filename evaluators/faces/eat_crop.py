"""This module cuts EAT's aligned face crop of 128 px by 68 landmarks: its FID, PSNR, SSIM and LMD look at that.

EAT has an "open" and a "closed" template and chooses by the eyes, but on the landmarks it aligns with (27 to 44)
the two are the same points, so there is nothing to choose.
Facts: docs/reference/metrics.md, 'EAT crop'.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from evaluators.faces.face_chip import similarity

Picture = npt.NDArray[np.uint8]
SIZE_PX = 128
_ALIGNED = slice(27, 45)  # nose, both eyes without the last two points

#: Where landmarks 27 to 44 lie in the 163 px picture, x before y.
_TEMPLATE = np.array(
    [
        *[(65, 37), (65, 47), (65, 57), (66, 68), (54, 75), (60, 77), (66, 78), (71, 76), (77, 75)],
        *[(28, 39), (35, 35), (43, 35), (50, 40), (43, 42), (34, 42), (79, 40), (86, 34), (94, 34)],
    ],
    dtype=np.float64,
)


def crop128(frame: Picture, landmarks: npt.NDArray[np.floating]) -> Picture:
    """Returns the crop (128, 128, 3) of a frame (h, w, 3) from its 68 landmarks (68, 2), x before y, in px of the
    frame.

    Bilinear, black outside, cut to whole levels. Raises ValueError for landmarks that all coincide.
    """
    transform = similarity(_TEMPLATE, np.asarray(landmarks[_ALIGNED], dtype=np.float64))
    if not np.isfinite(transform).all() or not np.abs(transform[:, :2]).any():
        raise ValueError("landmarks that coincide give no crop")
    row, column = np.mgrid[1 : SIZE_PX + 1, 1 : SIZE_PX + 1].astype(np.float64)  # of the 163 px picture
    x = transform[0, 0] * column + transform[0, 1] * row + transform[0, 2]
    y = transform[1, 0] * column + transform[1, 1] * row + transform[1, 2]
    return _bilinear(frame, x, y)


def _bilinear(frame: Picture, x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> Picture:
    """The frame at real-valued places, black pixels all around it."""
    padded = np.pad(frame, ((1, 1), (1, 1), (0, 0))).astype(np.float64)
    height, width = frame.shape[:2]
    x, y = np.clip(x, -1, width) + 1, np.clip(y, -1, height) + 1
    left, top = np.floor(x).astype(np.int64), np.floor(y).astype(np.int64)
    right, bottom = np.minimum(left + 1, width + 1), np.minimum(top + 1, height + 1)
    fx, fy = (x - left)[..., None], (y - top)[..., None]
    upper = (1 - fx) * padded[top, left] + fx * padded[top, right]
    lower = (1 - fx) * padded[bottom, left] + fx * padded[bottom, right]
    return np.asarray((1 - fy) * upper + fy * lower + 1e-9, dtype=np.uint8)
