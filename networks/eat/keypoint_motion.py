"""Head pose and expression move EAT's canonical keypoints to where they are in each frame.

The released weights were trained with two roundings, which are kept here: an angle is the mean of 66 bins of three
degrees from -99 on, and a half turn is 3.14 radians.
"""

from __future__ import annotations

import torch
from torch import Tensor

from networks.eat.pose_network import BINS, HeadPose

DEGREES_PER_BIN, FIRST_BIN_DEGREES = 3.0, -99.0
HALF_TURN_RADIANS = 3.14


def mean_bin(scores: Tensor) -> Tensor:
    """Returns (B,): the mean index of a bin under the softmax of scores (B, 66)."""
    return scores.softmax(dim=-1) @ torch.arange(BINS, dtype=scores.dtype, device=scores.device)


def radians(scores: Tensor) -> Tensor:
    """Returns (B,) angles of scores (B, 66)."""
    return (mean_bin(scores) * DEGREES_PER_BIN + FIRST_BIN_DEGREES) / 180 * HALF_TURN_RADIANS


def rotation(yaw: Tensor, pitch: Tensor, roll: Tensor) -> Tensor:
    """Returns (B, 3, 3): the matrix pitch · yaw · roll of angles (B,) in radians."""
    return turn(pitch, 0) @ turn(yaw, 1) @ turn(roll, 2)


def turn(angle: Tensor, axis: int) -> Tensor:
    """Returns (B, 3, 3): right-handed rotations by angles (B,) about axis 0, 1 or 2 (x, y, z)."""
    matrix = torch.zeros(*angle.shape, 3, 3, dtype=angle.dtype, device=angle.device)
    first, second = (axis + 1) % 3, (axis + 2) % 3
    matrix[..., axis, axis] = 1
    matrix[..., first, first] = matrix[..., second, second] = angle.cos()
    matrix[..., second, first] = angle.sin()
    matrix[..., first, second] = -angle.sin()
    return matrix


def hull_volume(keypoints: Tensor) -> float:
    """Returns the volume of the convex hull of canonical keypoints (K, 3), float64: the size of a face.

    Raises ValueError where the points lie in one plane or are not numbers: no face is that flat.
    """
    from scipy.spatial import ConvexHull, QhullError

    try:
        return float(ConvexHull(keypoints.double().cpu().numpy()).volume)
    except (QhullError, ValueError) as problem:
        raise ValueError("the keypoints span no volume: the detector found no face") from problem


def deformation(coefficients: Tensor, basis: Tensor, mean: Tensor, emotional: Tensor, volume: float) -> Tensor:
    """Returns (B, 45) offsets of the keypoints.

    coefficients: (B, 32) of the sound; basis: (45, at least 32), whose first columns count; mean: (45,); emotional:
    (1 or B, 45) of the side branch; volume: of the portrait's hull.
    """
    return (coefficients @ basis[:, : coefficients.shape[1]].T + mean + emotional) * volume


def placed(keypoints: Tensor, pose: HeadPose, offsets: Tensor) -> Tensor:
    """Returns keypoints (B, K, 3): canonical ones (1, K, 3), turned and moved by the poses of B frames, plus `offsets`
    (B, K * 3).
    """
    turned = keypoints @ rotation(*(radians(scores) for scores in (pose.yaw, pose.pitch, pose.roll))).mT
    return turned + pose.t[:, None] + offsets.unflatten(1, (-1, 3))


def recentred(driving: Tensor, portrait: Tensor) -> Tensor:
    """Returns (B, K, 3) keypoints of a whole clip, moved so that their mean is that of the portrait's (1, K, 3)."""
    return driving + (portrait.mean(dim=(0, 1)) - driving.mean(dim=(0, 1)))
