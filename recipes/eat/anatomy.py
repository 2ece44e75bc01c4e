"""Says where a puppet's 15 keypoints are in space: canonical ones, its head pose, and how a face moves them.

EAT finds keypoints by itself, from videos; here they are given. Twelve sit on brows, lids, mouth, chin and nose, three
on the outline. x and y are those of the picture, -1 to 1 between the centres of its outer pixels. z is a fifth of how
far a point comes nearer, so that turning the head by an angle moves points as the drawing does, and it also shows what
has no place in the picture: a narrowed eye, a wrinkled nose, lips pressed together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from datasets.puppets.affect import FACE_UNITS, face_units
from datasets.puppets.head import CENTRE_X, EYE_Y, MOUTH_Y
from datasets.puppets.identity import identity
from networks.eat.keypoint_motion import DEGREES_PER_BIN, FIRST_BIN_DEGREES, HALF_TURN_RADIANS, rotation
from networks.eat.pose_network import BINS
from recipes.faces import PictureState

Array = npt.NDArray[np.float64]

KEYPOINTS = (
    "left brow, inner", "right brow, inner", "left brow, outer", "right brow, outer", "left lid", "right lid",
    "left corner", "right corner", "upper lip", "lower lip", "chin", "nose", "left ear", "right ear", "crown",
)  # fmt: skip
CHIN = KEYPOINTS.index("chin")
PX = 127.5  # pixels of the 256 px picture that are 1
NEAR = 0.2  # z of a point that moves one pixel when the nearest point of the face does, above that of one that rests
_REST_Z = -0.1
_NECK_Y_PX = 215.0  # heads roll about it
_OUTLINE_PX = ((CENTRE_X - 58.0, 128.0), (CENTRE_X + 58.0, 128.0), (CENTRE_X, 60.0))
_HIDDEN = 8.0  # "px" that z moves for one unit of what has no place in the picture
_WIDTH = 0.6  # spread of the two or three bins that an angle is told by


@dataclass(frozen=True)
class Pose:
    """Holds head poses: `angles` (n, 3), yaw, pitch and roll in radians, and places `t` (n, 3)."""

    angles: Tensor
    t: Tensor

    def scores(self) -> Tensor:
        """Returns (n, 3, 66) scores of bins whose mean is each angle, as the pose network gives them."""
        at = (self.angles / HALF_TURN_RADIANS * 180 - FIRST_BIN_DEGREES) / DEGREES_PER_BIN
        return -0.5 * ((torch.arange(BINS) - at[..., None]) / _WIDTH) ** 2


def _depth(x: Array, y: Array) -> Array:
    """How far the renderer moves a point (px) when the head turns by one: as datasets.puppets.head has it."""
    u, v = (x - 128) / 66.0, (y - 128) / 92.0
    nose = 0.28 * np.exp(-(((x - 128) / 9) ** 2) - ((y - 146) / 15) ** 2)
    return np.asarray(np.sqrt(np.clip(1.0 - 0.8 * u**2 - 0.6 * v**2, 0.0, 1.0)) + nose)


def canonical(number: int) -> Tensor:
    """Returns the keypoints (15, 3) of a puppet that faces the camera, closed its mouth and feels nothing."""
    who = identity(number)
    eye, brow, lips = 27.0 * who.eye_gap, EYE_Y - 16.5 + who.brow_height, MOUTH_Y + who.mouth_low
    lid, half = EYE_Y - 6.2 * who.eye_size, 23.0 * who.mouth_width
    paired = ((eye - 16.5, brow - 1.7), (eye + 18.5, brow + 2.0), (eye, lid), (half, lips))
    places = [(CENTRE_X + side * x, y) for x, y in paired for side in (-1, 1)]
    places += [(CENTRE_X, lips - 4.0), (CENTRE_X, lips + 6.0), (CENTRE_X, 212.0), (CENTRE_X, 146.0), *_OUTLINE_PX]
    x, y = np.array(places).T
    z = NEAR * _depth(x, y) + _REST_Z
    return torch.from_numpy(np.stack((x / PX - 1, y / PX - 1, z), axis=1)).float()


def pose(state: PictureState) -> Pose:
    """Returns the head poses of the states' pictures; what a turn would move too far, `t` brings back."""
    yaw, pitch, roll, right, down = (state.pose[:, k] for k in range(5))
    turned = np.stack((np.arcsin(yaw / PX / NEAR), -np.arcsin(pitch / PX / NEAR), np.radians(roll)), axis=1)
    t = np.zeros((len(yaw), 3))
    neck = _NECK_Y_PX / PX - 1
    t[:, 0] = (right - _REST_Z / NEAR * yaw) / PX + neck * np.sin(turned[:, 2])
    t[:, 1] = (down - _REST_Z / NEAR * pitch) / PX + neck * (1 - np.cos(turned[:, 2]))
    return Pose(torch.from_numpy(turned).float(), torch.from_numpy(t).float())


def offsets(lip: Array, affect: Array, blink: Array) -> Tensor:
    """Returns (n, 45): how far mouths (n, 2), affects (n, 5) and closed lids (n,) move the keypoints."""
    unit = dict(zip(FACE_UNITS, np.stack([face_units(point) for point in affect]).T, strict=True))
    moved = np.zeros((len(lip), len(KEYPOINTS), 3))
    _move_brows_and_lids(moved, unit, blink)
    _move_mouth(moved, unit, lip)
    moved[:, 11, 2] = -_HIDDEN * unit["wrinkle"]
    return torch.from_numpy(moved / PX).float().flatten(1)


def _move_brows_and_lids(moved: Array, unit: dict[str, Array], blink: Array) -> None:
    inner = 7.5 * unit["brow_inner"] - 5.0 * np.maximum(0, unit["brow_knit"])
    outer = 7.5 * unit["brow_outer"] - 1.5 * unit["brow_knit"]
    skew, knit = unit["brow_skew"], 3.5 * unit["brow_knit"]
    moved[:, 0, 0], moved[:, 1, 0] = knit, -knit
    moved[:, 0, 1], moved[:, 1, 1] = -(inner - 2.0 * skew), -(inner + 3.5 * skew)
    moved[:, 2, 1], moved[:, 3, 1] = -(outer - 2.0 * skew), -(outer + 8.0 * skew)
    opened = 6.2 + 4.2 * unit["lid_raise"] - 1.8 * unit["lid_tight"]
    for lid in (4, 5):
        moved[:, lid, 1] = 6.2 - np.maximum(0.6, opened) * (1 - blink)
        moved[:, lid, 2] = -_HIDDEN * unit["lid_tight"]


def _move_mouth(moved: Array, unit: dict[str, Array], lip: Array) -> None:
    jaw, smirk, up = unit["jaw"], unit["smirk"], unit["corner_up"]
    gap = np.maximum(0, 17.0 * lip[:, 0] + 8.5 * jaw * np.where(jaw > 0, 1.0, 0.6))
    half = 4.5 * lip[:, 1] + 3.0 * unit["stretch"] + 2.0 * up - 0.12 * gap
    for corner, side in ((6, -1), (7, 1)):
        moved[:, corner, 0] = 3.0 * smirk + side * half
        moved[:, corner, 1] = -6.65 * up + (-10.0 if side > 0 else 2.5) * smirk
    moved[:, 8, 1] = 2.85 * up - 0.28 * gap - 3.75 * np.maximum(0, unit["upper_lip"])
    moved[:, 9, 1] = 2.85 * up + 0.72 * gap
    moved[:, 8:10, 0] = 3.0 * smirk[:, None]
    moved[:, 9, 2] = _HIDDEN * np.minimum(0, jaw) * (1 - np.minimum(1, 2 * lip[:, 0]))
    moved[:, CHIN, 1] = 7.0 * lip[:, 0] + 4.0 * np.maximum(0, jaw)


def state_offsets(state: PictureState) -> Tensor:
    """Returns `offsets` (n, 45) of the states' pictures."""
    return offsets(state.lip, state.affect, np.clip(state.pose[:, 5], 0, 1))


def placed(canonical_ones: Tensor, heads: Pose, moved: Tensor) -> Tensor:
    """Returns keypoints (n, 15, 3): canonical ones (n, 15, 3) turned and moved by heads, plus offsets (n, 45)."""
    turned = canonical_ones @ rotation(*heads.angles.unbind(1)).mT
    return turned + heads.t[:, None] + moved.unflatten(1, (-1, 3))


def keypoints(state: PictureState) -> Tensor:
    """Returns the keypoints (n, 15, 3) of the states' pictures."""
    rest = torch.stack([canonical(int(who)) for who in state.who])
    return placed(rest, pose(state), state_offsets(state))
