"""EAT sees a head pose as a picture: the wireframe of a truncated pyramid, turned and moved like the head.

The rear square of the frustum has half side 75 in the plane of the head, its front one half side 100 at depth 100. It
is turned by pitch, yaw and roll, moved by t, seen by a camera at the origin (focal length 233.333 px, centre 128 px),
drawn two pixels wide at 256 px with corners cut to whole pixels, smoothed by a Gaussian of 1.5 px and thinned to 64 px.
Angles are the expected *bin*, taken as degrees with a pi of 3.14, although a bin stands for three degrees everywhere
else: the published weights were trained on such pictures. The recorded pictures of the released program hold all of
this; they were drawn by OpenCV 5, so our corners are held to them with that (docs/reference/methods.md, 'EAT').
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from networks.eat.thick_line import draw_line

Floats = npt.NDArray[np.float64]
SIZE_PX = 64
LEVEL = 255
_DRAWN_PX = 256
_FOCAL_PX, _CENTRE_PX = 233.333, 128.0
_REAR, _FRONT = (75.0, 0.0), (100.0, 100.0)  # half side and depth
_PI = 3.14
_SIGMA_PX, _REACH_PX = 1.5, 6
_FARTHEST_PX = 2**31 - 1  # corners are 32-bit integers
#: The corners 0..3 of the rear square and 4..7 of the front one, joined.
LINES = ((0, 1), (1, 2), (2, 3), (3, 0), (0, 4), (4, 5), (5, 6), (6, 7), (7, 4), (1, 5), (2, 6), (3, 7))


def expected_bins(scores: Tensor) -> Floats:
    """Returns the expected bin (N,) of scores (N, 66) of an angle's bins."""
    weights = scores.detach().double().cpu().softmax(dim=-1)
    return (weights @ torch.arange(scores.shape[-1], dtype=torch.float64)).numpy()


def corners(yaw: Floats, pitch: Floats, roll: Floats, t: Floats) -> npt.NDArray[np.int64]:
    """Returns the corners (N, 8, 2) of N frusta in px, x before y, for angles (N,) in bins and places (N, 3).

    Corners beside or behind the camera lie where the projection's formula puts them, far outside as a rule.
    """
    solid = np.array([(x * s, y * s, z) for s, z in (_REAR, _FRONT) for x, y in ((-1, -1), (-1, 1), (1, 1), (1, -1))])
    seen = solid @ _rotations(yaw, pitch, roll).transpose(0, 2, 1) + np.asarray(t, np.float64)[:, None]
    depth = np.where(seen[..., 2:] == 0, 1.0, seen[..., 2:])
    places = seen[..., :2] / depth * _FOCAL_PX + _CENTRE_PX
    return np.trunc(places.clip(-_FARTHEST_PX, _FARTHEST_PX)).astype(np.int64)


def _rotations(yaw: Floats, pitch: Floats, roll: Floats) -> Floats:
    """(N, 3, 3): about x by the pitch, after about y by the yaw, after about z by the roll."""
    (cx, sx), (cy, sy), (cz, sz) = (
        (np.cos(a), np.sin(a)) for a in (np.asarray(b) * _PI / 180 for b in (pitch, yaw, roll))
    )
    one, zero = np.ones_like(cx), np.zeros_like(cx)
    about_x = _matrices(((one, zero, zero), (zero, cx, -sx), (zero, sx, cx)))
    about_y = _matrices(((cy, zero, sy), (zero, one, zero), (-sy, zero, cy)))
    about_z = _matrices(((cz, -sz, zero), (sz, cz, zero), (zero, zero, one)))
    return np.asarray(about_x @ about_y @ about_z)


def _matrices(rows: Sequence[Sequence[Floats]]) -> Floats:
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def drawn(places: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
    """Returns the wireframe (256, 256) of corners (8, 2), 0 or 255."""
    picture = np.zeros((_DRAWN_PX, _DRAWN_PX), np.uint8)
    points = [(int(x), int(y)) for x, y in places]
    for start, end in LINES:
        draw_line(picture, points[start], points[end], LEVEL)
    return picture


def thinned(pictures: npt.NDArray[np.uint8]) -> Tensor:
    """Returns (N, 1, 64, 64) float32 in 0..255 of (N, 256, 256): smoothed, black outside, every fourth pixel."""
    reach = torch.arange(-_REACH_PX, _REACH_PX + 1, dtype=torch.float32)
    bell = (-(reach**2) / (2 * _SIGMA_PX**2)).exp()
    kernel = bell[:, None] * bell[None]
    wide = torch.from_numpy(pictures).float()[:, None]
    return F.conv2d(wide, (kernel / kernel.sum())[None, None], stride=_DRAWN_PX // SIZE_PX, padding=_REACH_PX)


def pose_pictures(yaw: Tensor, pitch: Tensor, roll: Tensor, t: Tensor) -> Tensor:
    """Returns pictures (N, 1, 64, 64) in 0..255, float32, of head poses: scores (N, 66) of bins and places t (N, 3)."""
    bins = [expected_bins(scores) for scores in (yaw, pitch, roll)]
    places = corners(bins[0], bins[1], bins[2], t.detach().double().cpu().numpy())
    return thinned(np.stack([drawn(row) for row in places]))
