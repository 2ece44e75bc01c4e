"""This module cuts aligned face chips: dlib's `get_face_chip` without dlib, and the same chip from MTCNN's points.

A chip is a square picture in which a least-squares similarity has brought five points of the face to fixed
places. The dlib rule is exact to the last bit while the picture is shrunk less than twofold; beyond that
both halve the picture first, dlib with its own border treatment (differences of 1-2 levels).
Facts: docs/reference/metrics.md, 'dlib chip'.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float64]
Picture = npt.NDArray[np.uint8]

#: Places in the unit square, x before y. dlib order: eye at larger x (outer, inner corner), eye at smaller x
#: (outer, inner), under the nose.
DLIB_POINTS = np.array(
    [
        (0.8595674595992, 0.2134981538014),
        (0.6460604764104, 0.2289674387677),
        (0.1205750620789, 0.2137274526848),
        (0.3340850613712, 0.2290642403242),
        (0.4901123135679, 0.6277975316475),
    ]
)

#: ArcFace's places in a 112 px picture: eye at smaller x, at larger x, nose, mouth corners (docs/reference/metrics.md,
#: 'ArcFace').
ARCFACE_POINTS_112 = np.array(
    [(38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041)]
)


def _mtcnn_points() -> Float:
    """MTCNN's five points in the unit square of the dlib chip: ArcFace's layout, eyes where dlib's eyes are."""
    eyes = np.array([DLIB_POINTS[2:4].mean(axis=0), DLIB_POINTS[0:2].mean(axis=0)])
    scale = (eyes[1, 0] - eyes[0, 0]) / (ARCFACE_POINTS_112[1, 0] - ARCFACE_POINTS_112[0, 0])
    return (ARCFACE_POINTS_112 - ARCFACE_POINTS_112[:2].mean(axis=0)) * scale + eyes.mean(axis=0)


MTCNN_POINTS = _mtcnn_points()


def similarity(source: Float, target: Float) -> Float:
    """Returns the (2, 3) rotation, uniform scale and shift that bring `source` (k, 2) closest to `target` (Umeyama
    1991).
    """
    mean_source, mean_target = source.mean(axis=0), target.mean(axis=0)
    centred, wanted = source - mean_source, target - mean_target
    u, values, v = np.linalg.svd(wanted.T @ centred / len(source))
    signs = np.array([1.0, np.sign(np.linalg.det(u) * np.linalg.det(v)) or 1.0])
    rotation = u @ np.diag(signs) @ v
    scale = (values * signs).sum() / (centred**2).sum() * len(source)
    linear = scale * rotation
    return np.column_stack([linear, mean_target - linear @ mean_source])


def dlib_chip(frame: Picture, points: npt.NDArray[np.floating], size: int = 224, padding: float = 0.25) -> Picture:
    """Returns the chip (size, size, 3) of a frame (h, w, 3) from five points (5, 2) in dlib's order."""
    return chip(frame, points, DLIB_POINTS, size, padding)


def mtcnn_chip(frame: Picture, points: npt.NDArray[np.floating], size: int = 224, padding: float = 0.25) -> Picture:
    """Returns the chip (size, size, 3) of a frame (h, w, 3) from MTCNN's five points (5, 2)."""
    return chip(frame, points, MTCNN_POINTS, size, padding)


def chip(
    frame: Picture, points: npt.NDArray[np.floating], places: Float, size: int = 224, padding: float = 0.25
) -> Picture:
    """Returns the chip (size, size, 3) in which `points` (k, 2) of the frame lie at `places` of the padded unit square.

    Bilinear, black outside the frame, fractions cut off. Raises ValueError for points that all coincide.
    """
    wanted = (padding + places) / (2 * padding + 1) * size
    transform = similarity(wanted, np.asarray(points, dtype=np.float64))
    scale = float(np.hypot(transform[0, 0], transform[1, 0]))
    if not np.isfinite(scale) or scale <= 0:
        raise ValueError("five points that coincide give no chip")
    centre = transform @ np.array([size / 2, size / 2, 1.0])
    while scale >= 2:
        frame, centre, scale = cv2.pyrDown(frame), centre / 2, scale / 2  # type: ignore[assignment]
    return _sampled(frame, centre, np.arctan2(transform[1, 0], transform[0, 0]), scale, size)


def _sampled(frame: Picture, centre: Float, angle: float, scale: float, size: int) -> Picture:
    step = (size * scale - 1) / (size - 1)
    offset = (np.arange(size) - (size - 1) / 2) * step
    x = centre[0] + np.cos(angle) * offset[None, :] - np.sin(angle) * offset[:, None]
    y = centre[1] + np.sin(angle) * offset[None, :] + np.cos(angle) * offset[:, None]
    left, top = np.floor(x).astype(np.int64), np.floor(y).astype(np.int64)
    height, width = frame.shape[:2]
    inside = (left >= 0) & (top >= 0) & (left + 1 < width) & (top + 1 < height)
    left, top = np.where(inside, left, 0), np.where(inside, top, 0)
    right, bottom = np.minimum(left + 1, width - 1), np.minimum(top + 1, height - 1)
    fx, fy = (x - left)[..., None], (y - top)[..., None]
    upper = (1 - fx) * frame[top, left] + fx * frame[top, right]
    lower = (1 - fx) * frame[bottom, left] + fx * frame[bottom, right]
    mixed = (1 - fy) * upper + fy * lower
    return np.where(inside[..., None], mixed, 0).astype(np.uint8)
