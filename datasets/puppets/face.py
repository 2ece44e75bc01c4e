"""Draws a puppet's moving face: any identity, pose, mouth and affect, one call a frame (about 1.5 ms at 256 pixels).

Brows, eyes, mouth and folds are drawn into a copy of the identity's still head (polygons with sub-pixel
corners), then one smooth warp turns the head and drops the jaw.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from datasets.puppets import head as puppet_head
from datasets.puppets.affect import FACE_UNITS, face_units
from datasets.puppets.head import CENTRE_X, EYE_Y, MOUTH_Y, Head
from datasets.puppets.identity import Colour, Identity

Picture = npt.NDArray[np.uint8]
Line = npt.NDArray[np.floating]

_SHIFT = 5  # fractional bits of polygon corners
_T = np.linspace(-1.0, 1.0, 19)  # along an eye or the mouth, from the picture's left to its right
_ARC = 1.0 - _T**2
_RING = np.stack([np.cos(np.linspace(0, 2 * np.pi, 24)), np.sin(np.linspace(0, 2 * np.pi, 24))], axis=1)

POSE_FIELDS = ("yaw", "pitch", "roll", "shift_x", "shift_y", "blink")
LIP_FIELDS = ("open", "wide")


def _points(x: Line, y: Line) -> Line:
    out = np.empty((len(x), 2))
    out[:, 0], out[:, 1] = x, y
    return out


@dataclass
class _Canvas:
    picture: Picture
    scale: float

    def polygon(self, points: Line, colour: Colour, alpha: float = 1.0) -> None:
        """Fills a polygon (n,2), lengths of the 256-pixel picture, with soft edges."""
        corner = np.round(((points + 0.5) * self.scale - 0.5) * (1 << _SHIFT)).astype(np.int32)
        if alpha >= 0.99:
            cv2.fillPoly(self.picture, [corner], colour, cv2.LINE_AA, _SHIFT)
        elif alpha > 0.02:
            x0, y0 = np.maximum((corner.min(0) >> _SHIFT) - 2, 0)
            x1, y1 = (corner.max(0) >> _SHIFT) + 3
            part = self.picture[y0:y1, x0:x1]
            over = part.copy()
            offset = np.array([x0, y0], dtype=np.int32) << _SHIFT
            cv2.fillPoly(over, [corner - offset], colour, cv2.LINE_AA, _SHIFT)
            self.picture[y0:y1, x0:x1] = cv2.addWeighted(over, alpha, part, 1.0 - alpha, 0.0)

    def stroke(self, points: Line, width: Line | float, colour: Colour, alpha: float = 1.0) -> None:
        """Draws a line through points (n,2) whose width may vary."""
        if alpha <= 0.02:
            return
        line = points[:, 0] + 1j * points[:, 1]
        along = np.empty_like(line)
        along[1:-1] = line[2:] - line[:-2]
        along[0], along[-1] = line[1] - line[0], line[-1] - line[-2]
        half = (0.5j * width) * along / np.abs(along)
        edge = np.concatenate([line - half, (line + half)[::-1]])
        self.polygon(_points(edge.real, edge.imag), colour, alpha)


def _shade(colour: Colour, factor: float) -> Colour:
    r, g, b = (min(255.0, c * factor) for c in colour)
    return r, g, b


def _brow(canvas: _Canvas, who: Identity, side: int, unit: dict[str, float]) -> None:
    inner = 7.5 * unit["brow_inner"] - 5.0 * max(0.0, unit["brow_knit"])
    outer = 7.5 * unit["brow_outer"] - 1.5 * unit["brow_knit"]
    if side > 0:  # irony lifts one brow
        outer += 8.0 * unit["brow_skew"]
        inner += 3.5 * unit["brow_skew"]
    else:
        outer -= 2.0 * unit["brow_skew"]
    gap = 27.0 * who.eye_gap
    t = np.linspace(0.0, 1.0, 9)  # from the nose outwards
    knit = 3.5 * unit["brow_knit"]
    x = CENTRE_X + side * (gap - 16.5 - knit * (1 - t) + 35.0 * t)
    arch = 5.5 * np.sin(math.pi * np.clip(t * 0.9 + 0.1, 0, 1))
    y = EYE_Y - 16.5 + who.brow_height - arch + 2.0 * t - inner * (1 - t) - outer * t
    width = who.brow_thick * (3.6 + 2.6 * (1 - t)) * np.minimum(1.0, 0.35 + 6 * t) * np.minimum(1.0, 0.25 + 4 * (1 - t))
    dark = _shade(who.hair, 0.62)
    canvas.stroke(_points(x, y), width + 1.6, dark, 0.35)
    canvas.stroke(_points(x, y), width, dark, 0.9)


def _eye(canvas: _Canvas, who: Identity, side: int, unit: dict[str, float], blink: float) -> None:
    cx, half = CENTRE_X + side * 27.0 * who.eye_gap, 13.0 * who.eye_size
    tight = unit["lid_tight"]
    upper = who.eye_size * max(0.6, 6.2 + 4.2 * unit["lid_raise"] - 1.8 * tight) * (1.0 - blink)
    lower = who.eye_size * max(0.4, 4.4 - 2.6 * tight + 0.5 * unit["lid_raise"]) * (1.0 - 0.8 * blink)
    droop = -1.6 * unit["brow_inner"] * max(0.0, -unit["lid_raise"]) - who.eye_tilt
    base = EYE_Y + side * _T * droop * -1.0 + 2.2 * blink
    x = cx + half * _T
    top, bottom = base - upper * _ARC**0.8, base + lower * _ARC**0.9
    lid = np.concatenate([_points(x, top), _points(x, bottom)[::-1]])
    if blink > 0.15:  # the lid's skin covers the socket
        canvas.polygon(lid + 0.0, _shade(who.skin, 0.8))
    _eyeball(canvas, who, lid, cx, side, float(upper), float(lower))
    dark = _shade(who.hair, 0.28)
    canvas.stroke(_points(x, top), 1.2 + 1.6 * _ARC, dark, 0.95)
    canvas.stroke(_points(x, bottom), 0.6 + 0.6 * _ARC, _shade(who.skin, 0.52), 0.7)
    crease = top - 3.6 - 1.4 * max(0.0, unit["lid_raise"]) + 1.5 * blink
    canvas.stroke(_points(x, crease)[2:-2], 1.3, _shade(who.skin, 0.58), 0.65)
    if tight > 0.1:  # a fold under the eye
        canvas.stroke(_points(x, bottom + 4.5)[3:-3], 1.6, _shade(who.skin, 0.6), min(0.7, 0.7 * tight))


def _eyeball(canvas: _Canvas, who: Identity, lid: Line, cx: float, side: int, upper: float, lower: float) -> None:
    if upper + lower < 1.6:
        return
    s = canvas.scale
    x0, x1 = int((lid[:, 0].min() - 2) * s), int((lid[:, 0].max() + 3) * s)
    y0, y1 = int((lid[:, 1].min() - 2) * s), int((lid[:, 1].max() + 3) * s)
    part = canvas.picture[y0:y1, x0:x1]
    ball = _Canvas(np.full_like(part, (242, 238, 234)), s)
    origin = np.array([x0, y0]) / s
    centre = np.array([cx, EYE_Y - 0.3]) - origin
    ball.polygon(lid - origin + (0, -lower - upper + 3.2), (200, 190, 186), 0.6)  # shadow of the upper lid
    ball.polygon(centre + 6.3 * who.eye_size * _RING, _shade(who.iris, 0.6))
    ball.polygon(centre + 5.3 * who.eye_size * _RING, who.iris)
    ball.polygon(centre + 2.6 * who.eye_size * _RING, (14, 12, 12))
    ball.polygon(centre + np.array([-2.0, -2.4]) + 1.3 * _RING, (255, 255, 255))
    mask = np.zeros(part.shape[:2], dtype=np.uint8)
    corner = np.round(((lid - origin + 0.5) * s - 0.5) * (1 << _SHIFT)).astype(np.int32)
    cv2.fillPoly(mask, [corner], (255,), cv2.LINE_AA, _SHIFT)
    weight = mask.astype(np.float32)[..., None] * np.float32(1 / 255)
    part[:] = part + (ball.picture.astype(np.float32) - part) * weight + 0.5


def _mouth_lines(who: Identity, unit: dict[str, float], opening: float, wide: float) -> tuple[Line, list[Line], float]:
    """x along the mouth, [outer upper, inner upper, inner lower, outer lower] heights, and the gap."""
    gap = max(0.0, 17.0 * opening + 8.5 * unit["jaw"] * (1.0 if unit["jaw"] > 0 else 0.6))
    press = max(0.0, -unit["jaw"]) * (1.0 - min(1.0, opening * 2))  # closed lips pressed thin
    half = who.mouth_width * (23.0 + 4.5 * wide + 3.0 * unit["stretch"] + 2.0 * unit["corner_up"] - 0.12 * gap)
    cx = CENTRE_X + 3.0 * unit["smirk"]
    x = cx + half * _T
    pull = -9.5 * unit["corner_up"] * (np.abs(_T) ** 1.7 - 0.3)
    pull += -10.0 * unit["smirk"] * np.clip(_T, 0, None) ** 1.4 + 2.5 * unit["smirk"] * np.clip(-_T, 0, None)
    sneer = 5.0 * max(0.0, unit["upper_lip"])
    line = MOUTH_Y + who.mouth_low + pull
    full = who.lip_full * (1.0 - 0.45 * press) * (1.0 - 0.22 * wide)
    inner_up = line - (0.28 * gap + sneer * 0.75) * _ARC**0.75
    inner_low = line + (0.72 * gap) * _ARC**0.7 + 0.0 * _T
    cupid = 1.0 - 0.22 * np.exp(-((_T / 0.16) ** 2))
    outer_up = inner_up - 6.0 * full * _ARC**0.75 * cupid - 0.15 * sneer * _ARC
    outer_low = inner_low + 8.0 * full * _ARC**0.8
    return x, [outer_up, inner_up, inner_low, outer_low], float((inner_low - inner_up).max())


def _mouth(canvas: _Canvas, who: Identity, unit: dict[str, float], opening: float, wide: float) -> None:
    x, (outer_up, inner_up, inner_low, outer_low), gap = _mouth_lines(who, unit, opening, wide)

    def band(upper: Line, lower: Line) -> Line:
        return np.concatenate([_points(x, upper), _points(x, lower)[::-1]])

    canvas.polygon(band(outer_up - 1.2, outer_low + 1.6), _shade(who.lips, 0.75), 0.35)
    canvas.polygon(band(outer_up, inner_low), _shade(who.lips, 0.86))
    canvas.polygon(band(inner_up, outer_low), who.lips)
    shine = 0.45 * inner_low + 0.55 * outer_low
    canvas.stroke(_points(x, shine)[5:-5], 2.2, _shade(who.lips, 1.28), 0.5)
    if gap > 0.8:
        canvas.polygon(band(inner_up, inner_low), (52, 14, 18))
        teeth = inner_up + np.minimum(0.42 * (inner_low - inner_up), 5.5)
        canvas.polygon(band(inner_up, teeth)[3:-3], (238, 234, 226), min(1.0, (gap - 0.8) / 2.0))
        if gap > 7.0:
            tongue = inner_low - 0.3 * (inner_low - inner_up) * _ARC
            canvas.polygon(band(tongue, inner_low)[4:-4], (176, 78, 80), min(0.9, (gap - 7.0) / 5.0))
    else:
        canvas.stroke(_points(x, 0.5 * (inner_up + inner_low)), 1.0 + 0.9 * _ARC, _shade(who.lips, 0.4), 0.9)
    for side, end in ((-1, 0), (1, -1)):  # a dimple where a corner is pulled up
        depth = unit["corner_up"] * 0.5 + (unit["smirk"] if side > 0 else 0.0)
        point = np.array([x[end] + side * 2.5, inner_up[end]])
        canvas.polygon(point + np.array([1.6, 3.8]) * _RING, _shade(who.skin, 0.6), min(0.75, max(0.0, depth)))


def _folds(canvas: _Canvas, who: Identity, unit: dict[str, float]) -> None:
    dark = _shade(who.skin, 0.62)
    t = np.linspace(0.0, 1.0, 8)
    for side in (-1, 1):
        lift = unit["corner_up"] + 0.9 * unit["upper_lip"] + (0.9 * unit["smirk"] if side > 0 else 0.0)
        x = CENTRE_X + side * (14.0 * who.nose_width + 15.0 * t**0.8 + 2.5 * lift * np.sin(math.pi * t))
        y = 148.0 + 25.0 * t - 3.0 * lift * t
        canvas.stroke(_points(x, y), 0.8 + 2.0 * np.sin(math.pi * t), dark, min(0.8, 0.12 + 0.6 * max(0.0, lift)))
        knit = unit["brow_knit"]
        if knit > 0.05:
            x = CENTRE_X + side * (4.5 - 0.8 * t)
            canvas.stroke(_points(x, 96 + 12 * t), 1.7, dark, min(0.8, 0.75 * knit))
    wrinkle = unit["wrinkle"]
    for k in range(3 if wrinkle > 0.05 else 0):
        x = CENTRE_X + (9.0 - k) * (2 * t - 1)
        y = 117.0 + 6.0 * k - 2.5 * (1 - (2 * t - 1) ** 2)
        canvas.stroke(_points(x, y), 1.7, dark, min(0.8, 0.7 * wrinkle))
    surprise = 0.5 * (unit["brow_outer"] + unit["brow_inner"])
    bare = who.hair_style in (0, 3)  # elsewhere hair covers the forehead
    for k in range(2 if bare and surprise > 0.15 else 0):
        x = CENTRE_X + (28.0 - 4 * k) * (2 * t - 1)
        y = 92.0 - 6.0 * k - 3.0 * (1 - (2 * t - 1) ** 2)
        canvas.stroke(_points(x, y), 1.6, dark, min(0.5, 0.5 * surprise))


def _warp(head: Head, picture: Picture, pose: Line, gap: float) -> Picture:
    size = picture.shape[0]
    amount = -np.array([pose[0], pose[1], pose[2], pose[3], pose[4], gap], dtype=np.float32)
    where = (head.grid + amount @ head.moves).reshape(2, size, size)
    return np.asarray(cv2.remap(picture, where[0], where[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))


def render(number: int, pose: Line, lip: Line, affect: npt.NDArray[np.float64], size: int = 256) -> Picture:
    """Returns one frame, uint8 RGB (size, size, 3).

    `pose` (6,): yaw and pitch (pixels that the nearest point of a 256-pixel face moves, about ±10), roll
    (degrees), shift x and y (pixels), blink (0..1). `lip` (2,): open (0..1), wide (-1 rounded … 1 spread).
    `affect` (5,): a point of datasets.puppets.affect. Sizes below 256 are area-averaged from 256.
    """
    full = max(256, size)
    head = puppet_head.head(number, full)
    unit = dict(zip(FACE_UNITS, (float(v) for v in face_units(affect)), strict=True))
    canvas = _Canvas(head.picture.copy(), head.scale)
    _folds(canvas, head.who, unit)
    for side in (-1, 1):
        _eye(canvas, head.who, side, unit, float(np.clip(pose[5], 0.0, 1.0)))
        _brow(canvas, head.who, side, unit)
    _mouth(canvas, head.who, unit, float(lip[0]), float(lip[1]))
    jaw = 7.0 * float(lip[0]) + 4.0 * max(0.0, unit["jaw"])
    picture = _warp(head, canvas.picture, np.asarray(pose), jaw)
    if size < full:
        picture = np.asarray(cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA))
    return picture
