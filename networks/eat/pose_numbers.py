"""Head poses become 45 numbers a frame, as EAT's audio transformer was trained to read them.

The released weights were trained with numbers that are no poses: an angle is the mean *index* of its bin, not the
angle that the bin stands for, and the matrices turn by that many degrees. It is kept, since the weights depend on it.
"""

from __future__ import annotations

import torch
from torch import Tensor

from networks.eat.keypoint_motion import HALF_TURN_RADIANS, mean_bin, rotation, turn
from networks.eat.pose_network import HeadPose

NUMBERS = 45
_X, _Y, _Z = 0, 1, 2


def pose_numbers(pose: HeadPose) -> Tensor:
    """Returns (B, 45): yaw, pitch, roll as mean bins (3) and as "radians" (3), the matrices of each (27), the matrix
    pitch · yaw · roll (9), and the position (3).
    """
    bins = torch.stack([mean_bin(scores) for scores in (pose.yaw, pose.pitch, pose.roll)], dim=1)
    angles = bins / 180 * HALF_TURN_RADIANS
    yaw, pitch, roll = angles.unbind(dim=1)
    turns = (turn(yaw, _Y), turn(pitch, _X), turn(roll, _Z), rotation(yaw, pitch, roll))
    return torch.cat((bins, angles, *(matrix.flatten(1) for matrix in turns), pose.t), dim=1)
