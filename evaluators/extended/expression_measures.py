"""What a face does, measured without any network that learned emotions: edges of its moving parts, and distances.

* `edge_histograms`: on the aligned chip, histograms of edge directions over brows, eyes and mouth (Dalal & Triggs
  2005), the classic training-free description of an expression; it sees brows and lips, which five points do not;
* `action_measures`: from 68 landmarks, fourteen distances in eye distances, each named after the facial action unit
  that moves it (Ekman & Friesen 1978): interpretable, like blendshapes.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.uint8]
Float = npt.NDArray[np.float64]
CHIP_PX = 112
_CELL_PX = 8
_DIRECTIONS = 8
#: Rows and columns (px of the chip) of brows with eyes, and of the mouth; MTCNN's eyes lie at y 35, corners at y 81.
REGIONS = ((8, 48, 16, 96), (64, 104, 28, 84))

#: Names of the action measures, in order.
ACTIONS = (
    *("inner_brow_raise", "outer_brow_raise", "brow_knit", "eye_opening", "nose_to_lip", "mouth_width"),
    *("corner_lift", "mouth_opening", "lip_opening", "upper_lip", "lower_lip", "jaw_drop"),
    *("corner_asymmetry", "brow_asymmetry"),
)


def edge_histograms(chip: Picture) -> npt.NDArray[np.float32]:
    """Edge-direction histograms of an aligned RGB chip (112, 112, 3): (680,), unit length in each region.

    Signed directions, since a light lip under a dark mouth is not the reverse; square roots tame single strong edges.
    """
    gray = cv2.cvtColor(chip, cv2.COLOR_RGB2GRAY).astype(np.float32)
    polar = cv2.cartToPolar(cv2.Sobel(gray, cv2.CV_32F, 1, 0), cv2.Sobel(gray, cv2.CV_32F, 0, 1))
    strength, angle = (np.asarray(part, dtype=np.float32) for part in polar)
    parts = []
    for top, bottom, left, right in REGIONS:
        cells = _cells(strength[top:bottom, left:right], angle[top:bottom, left:right])
        parts.append(np.sqrt(cells / max(float(cells.sum()), 1e-6)))
    return np.concatenate(parts)


def _cells(strength: npt.NDArray[np.floating], angle: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
    """Histograms of the region's cells in one row; each edge is shared by its two nearest directions."""
    place = angle * (_DIRECTIONS / (2 * np.pi))
    low = np.floor(place).astype(np.int64)
    share = (place - low).astype(np.float32)
    rows, columns = strength.shape[0] // _CELL_PX, strength.shape[1] // _CELL_PX
    row, column = np.indices(strength.shape) // _CELL_PX
    cell = (row * columns + column) * _DIRECTIONS
    found = np.zeros(rows * columns * _DIRECTIONS, np.float32)
    np.add.at(found, cell + low % _DIRECTIONS, strength * (1 - share))
    np.add.at(found, cell + (low + 1) % _DIRECTIONS, strength * share)
    return found


def action_measures(points: npt.ArrayLike) -> npt.NDArray[np.float32]:
    """The measures ACTIONS of 68 landmarks (68, 2) px, x before y: (14,), in distances between the eyes.

    Turned upright by the eyes first. Raises ValueError for eyes that coincide.
    """
    p = _upright(np.asarray(points, dtype=np.float64))
    x, y = p[:, 0], p[:, 1]
    mouth = p[48:68].mean(axis=0)[1]
    inner = (y[39] + y[42]) / 2 - (y[21] + y[22]) / 2
    outer = (y[36] + y[45]) / 2 - (y[18] + y[25]) / 2
    eyes = (y[40] + y[41] - y[37] - y[38] + y[46] + y[47] - y[43] - y[44]) / 4
    corners = mouth - (y[48] + y[54]) / 2
    values = (
        *(inner, outer, x[22] - x[21], eyes, y[51] - y[33], x[54] - x[48]),
        *(corners, y[57] - y[51], y[66] - y[62], y[62] - y[51], y[57] - y[66], y[8] - y[33]),
        *(y[48] - y[54], (y[19] - y[36]) - (y[24] - y[45])),
    )
    return np.array(values, dtype=np.float32)


def _upright(points: Float) -> Float:
    left, right = points[36:42].mean(axis=0), points[42:48].mean(axis=0)
    across = right - left
    distance = float(np.hypot(*across))
    if not distance > 0:
        raise ValueError("eyes that coincide give no measures")
    cosine, sine = across / distance
    turned = (points - (left + right) / 2) @ np.array([[cosine, -sine], [sine, cosine]])
    return np.asarray(turned / distance)
