"""This module makes EAT's mouth-aligned 224 px video, the input of its lip-sync metric, from 68 landmarks a frame.

One similarity for the whole clip brings the mean eyes and mouth to fixed places; each frame is then shifted so that its
own mouth stays at its place, with a little smoothing over time. The landmarks are the user's: EAT's are those of
face_alignment's 2-D network, the first face of each picture, saved as float (frames at 25 fps, 68, 2) in
NAME.fan68.npy next to NAME.mp4.
Facts: docs/reference/metrics.md, 'EAT alignment'.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from evaluators.faces.face_chip import similarity
from evaluators.faces.warp import warped

Float = npt.NDArray[np.float64]
Picture = npt.NDArray[np.uint8]
SIZE_PX = 224
SUFFIX = ".fan68.npy"
#: Where the mean of each eye and of the inner mouth go, x before y; and the landmarks that they are means of.
_PLACES = np.array([(87.0, 59.0), (137.0, 59.0), (112.0, 120.0)])
_PARTS = (slice(36, 42), slice(42, 48), slice(60, 68))
_NEW = 0.8  # share of a frame's own shift; the rest is the frame's before it


def transforms(landmarks: npt.ArrayLike) -> Float:
    """Returns the similarity of each frame (n, 2, 3) from its landmarks (n, 68, 2), x before y, in px of the frame.

    Raises ValueError for points that are not finite or all coincide: EAT's script then makes no crop of any frame.
    """
    points = np.asarray(landmarks, dtype=np.float64)
    if points.ndim != 3 or points.shape[1:] != (68, 2) or not len(points) or not np.isfinite(points).all():
        raise ValueError("every frame needs 68 finite landmarks")
    parts = np.stack([points[:, part].mean(axis=1) for part in _PARTS], axis=1)
    means = parts.mean(axis=0)
    if not np.ptp(means, axis=0).any():
        raise ValueError("landmarks that coincide give no crop")
    linear = similarity(means, _PLACES)
    shifts = _smoothed(_PLACES[2] - parts[:, 2] @ linear[:, :2].T - linear[:, 2])
    matrices = np.repeat(linear[None], len(points), axis=0)
    matrices[:, :, 2] += shifts
    return matrices


def _smoothed(shifts: Float) -> Float:
    """Exponential smoothing from the first value on."""
    smoothed = shifts.copy()
    for k in range(1, len(smoothed)):
        smoothed[k] = (1 - _NEW) * smoothed[k - 1] + _NEW * shifts[k]
    return smoothed


def aligned(frame: Picture, transform: Float) -> Picture:
    """Returns the crop (224, 224, 3) of a frame (h, w, 3): bilinear, black outside."""
    return warped(frame, transform, SIZE_PX)
