"""This module says where a head points, by MTCNN's five points: roughly, but enough to see that an edit turned it.

The five points are matched with a rigid face under weak perspective: the mean face of evaluators.faces.face_chip, the
nose half an eye distance in front of it. Angles of single frames are off by some degrees; means over a clip less.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from evaluators.faces.face_chip import MTCNN_POINTS

Float = npt.NDArray[np.float64]
_NOSE_DEPTH, _MOUTH_DEPTH = 0.5, 0.1  # in eye distances, towards the camera


def _rigid_face() -> Float:
    """(5, 3) x right, y down, z towards the camera, about its centre, in eye distances."""
    flat = MTCNN_POINTS / np.hypot(*(MTCNN_POINTS[1] - MTCNN_POINTS[0]))
    depth = np.array([0.0, 0.0, _NOSE_DEPTH, _MOUTH_DEPTH, _MOUTH_DEPTH])
    face = np.column_stack([flat, depth])
    return np.asarray(face - face.mean(axis=0))


FACE = _rigid_face()


def angles(points: npt.ArrayLike) -> Float:
    """Returns yaw, pitch and roll in degrees of five points (5, 2) px, x before y; 0 for the mean face seen from the
    front.

    Positive: nose to larger x, nose down, head turned clockwise in the picture. Raises ValueError for points that
    coincide.
    """
    seen = np.asarray(points, dtype=np.float64)
    affine = np.linalg.lstsq(FACE, seen - seen.mean(axis=0), rcond=None)[0].T  # (2, 3): two rows of a scaled rotation
    left, values, right = np.linalg.svd(affine, full_matrices=False)
    if not values[-1] > 1e-9 * max(values[0], 1e-300):
        raise ValueError("five points that coincide have no direction")
    first, second = left @ right
    forward = np.cross(first, second)  # the camera's axis in the face's frame
    yaw, pitch = np.arctan2(-forward[0], forward[2]), np.arcsin(np.clip(-forward[1], -1.0, 1.0))
    return np.asarray(np.degrees([yaw, pitch, np.arctan2(-first[1], second[1])]))


def turned(first: npt.ArrayLike, second: npt.ArrayLike) -> float:
    """Returns how far two mean poses (yaw, pitch, roll in degrees) lie apart, in degrees."""
    difference = np.asarray(first, dtype=np.float64) - np.asarray(second, dtype=np.float64)
    return float(np.linalg.norm((difference + 180.0) % 360.0 - 180.0))
