"""This module draws the part of a puppet that does not move by itself: background, hair, shaded head, its depth.

Drawn once for an identity and size (NumPy, soft masks), then copied for every frame. All lengths below
are pixels of the 256-pixel picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from datasets.puppets.identity import Identity, identity

Map = npt.NDArray[Any]

CENTRE_X = 128.0
CENTRE_Y = 128.0
WIDTH = 58.0  # half width of the average head
TOP = 84.0  # from the centre to the crown
BOTTOM = 84.0  # from the centre to the chin
EYE_Y = 118.0
MOUTH_Y = 173.0


@dataclass(frozen=True)
class Head:
    """Holds the drawn head. `picture` uint8 RGB (S,S,3); `moves` float32 (6, 2*S*S): how far each unit of
    yaw, pitch, roll, shift x, shift y and jaw displaces a pixel (x plane, then y plane), in pixels."""

    who: Identity
    scale: float
    picture: npt.NDArray[np.uint8]
    grid: Map
    moves: Map


def _soft(distance: Map, width: float = 1.0) -> Map:
    """Coverage in 0..1 of a region whose signed distance (pixels, inside positive) is given."""
    return np.asarray(np.clip(distance / width + 0.5, 0.0, 1.0), dtype=np.float32)


def _mix(picture: Map, mask: Map, colour: Map | tuple[float, ...]) -> None:
    picture += mask[..., None] * (np.asarray(colour, dtype=np.float32) - picture)


def _bump(x: Map, y: Map, cx: float, cy: float, rx: float, ry: float) -> Map:
    return np.asarray(np.exp(-(((x - cx) / rx) ** 2) - ((y - cy) / ry) ** 2), dtype=np.float32)


def half_width(who: Identity, y: Map | float) -> Map:
    """Returns the half width of the head outline at height `y`; 0 outside."""
    v = (np.asarray(y, dtype=np.float32) - CENTRE_Y) / np.where(np.asarray(y) < CENTRE_Y, TOP, BOTTOM * who.chin)
    power = np.where(v < 0, 2.2, 2.1 + 0.9 * who.jaw)
    body = np.clip(1.0 - np.abs(v) ** power, 0.0, None) ** np.where(v < 0, 0.5, 0.62)
    return np.asarray(WIDTH * who.face_width * body, dtype=np.float32)


def _background(who: Identity, x: Map, y: Map) -> Map:
    light = 1.08 - 0.28 * (y / 256.0) - 0.10 * ((x - 128) / 128) ** 2 + 0.06 * who.light * (x - 128) / 128
    return np.asarray(np.array(who.back, dtype=np.float32) * light[..., None], dtype=np.float32)


def _body(picture: Map, who: Identity, x: Map, y: Map) -> None:
    skin = np.array(who.skin, dtype=np.float32)
    shoulder = 229.0 + 26.0 * np.abs((x - 128) / 100) ** 2.2
    neck = 26.0 * who.face_width + 10 * np.clip((y - 215) / 30, 0, 1) ** 2
    shade = 0.66 + 0.16 * np.clip((y - 205) / 40, 0, 1) - 0.25 * ((x - 128) / 60) ** 2
    _mix(picture, _soft(neck - np.abs(x - 128), 1.5) * _soft(y - 180), skin * shade[..., None])
    cloth = np.array(who.cloth, dtype=np.float32) * (1.05 - 0.35 * np.abs(x - 128) / 128)[..., None]
    collar = 12.0 * np.exp(-(((x - 128) / 26) ** 2))
    _mix(picture, _soft(y - shoulder - collar, 1.5), cloth)


def _strands(who: Identity, shape: tuple[int, int]) -> Map:
    rng = np.random.default_rng([7, who.number])
    grain = rng.normal(0.0, 1.0, (64, 64)).astype(np.float32)
    noise: Map = cv2.resize(cv2.GaussianBlur(grain, (1, 31), 0), (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)
    return np.asarray(1.0 + 0.35 * noise / (np.abs(noise).max() + 1e-6), dtype=np.float32)


def _hair_back(picture: Map, who: Identity, x: Map, y: Map, strands: Map) -> None:
    dy = (y - 112) / np.where(y < 112, 79.0, 40.0 + 95.0 * who.hair_long)
    width = 70.0 * who.face_width + 8.0 * who.hair_long
    inside = 1.0 - np.sqrt(((x - 128) / width) ** 2 + np.abs(dy) ** np.where(y < 112, 2.0, 3.5))
    colour = np.array(who.hair, dtype=np.float32) * (strands * (0.85 - 0.25 * np.abs(x - 128) / 70))[..., None]
    _mix(picture, _soft(inside * 60, 2.0), colour)


def _skin_light(who: Identity, x: Map, y: Map, width: Map) -> Map:
    """Lambert-like light on an egg, with sockets, cheeks, nose ridge, lips' shadow and chin."""
    u = (x - CENTRE_X) / np.maximum(width, 1.0)
    v = (y - CENTRE_Y) / TOP
    depth = np.sqrt(np.clip(1.0 - 0.85 * u**2 - 0.45 * v**2, 0.0, 1.0))
    light = 0.52 + 0.52 * depth + 0.10 * who.light * u - 0.06 * v
    gap = 27.0 * who.eye_gap
    for side in (-1, 1):
        ex = CENTRE_X + side * gap
        light -= 0.13 * _bump(x, y, ex - side * 3, EYE_Y - 4, 19, 11)
        light += 0.07 * _bump(x, y, CENTRE_X + side * 31, 146, 17, 14)
        light -= 0.10 * _bump(x, y, CENTRE_X + side * 9.5 * who.nose_width, EYE_Y + 14, 5, 20)
        light -= 0.22 * _bump(x, y, CENTRE_X + side * 6.0 * who.nose_width, _nose_y(who) + 4.5, 4.2, 2.2)
        light -= 0.10 * _bump(x, y, CENTRE_X + side * 13.0 * who.nose_width, _nose_y(who), 3.0, 6.0)
    light += 0.13 * _bump(x, y, CENTRE_X, EYE_Y + 16, 4.0, 22) + 0.12 * _bump(x, y, CENTRE_X, _nose_y(who) - 3, 6, 5)
    light -= 0.13 * _bump(x, y, CENTRE_X, _nose_y(who) + 8, 13 * who.nose_width, 3.0)
    light -= 0.10 * _bump(x, y, CENTRE_X, MOUTH_Y + who.mouth_low + 15, 15, 5)
    light += 0.06 * _bump(x, y, CENTRE_X, MOUTH_Y + 27, 14, 8) + 0.05 * _bump(x, y, CENTRE_X, 80, 34, 16)
    return np.asarray(light, dtype=np.float32)


def _nose_y(who: Identity) -> float:
    return EYE_Y + 33.0 * who.nose_length


def _face(picture: Map, who: Identity, x: Map, y: Map) -> None:
    skin = np.array(who.skin, dtype=np.float32)
    width = half_width(who, y)
    light = _skin_light(who, x, y, width)
    for side in (-1, 1):
        ear = 1.0 - np.sqrt(((x - CENTRE_X - side * WIDTH * who.face_width * 1.0) / 8.5) ** 2 + ((y - 134) / 17) ** 2)
        _mix(
            picture,
            _soft(ear * 9, 1.5),
            skin * (0.80 - 0.15 * _bump(x, y, CENTRE_X + side * 60, 134, 4, 10))[..., None],
        )
    warm = sum(_bump(x, y, CENTRE_X + s * 32, 150, 16, 13) for s in (-1, 1))
    colour = skin * light[..., None]
    colour += np.asarray(warm)[..., None] * np.array((10, -7, -6), dtype=np.float32)
    beard = who.stubble * _soft(y - 160 + 0.02 * (x - 128) ** 2 - 14, 24.0)
    colour += beard[..., None] * (0.55 * np.array(who.hair, dtype=np.float32) + 0.25 * skin - colour) * 0.6
    if who.freckles > 0.2:
        rng = np.random.default_rng([9, who.number])
        for fx, fy in zip(rng.normal(0, 27, 46), rng.normal(140, 10, 46), strict=True):
            spot = _bump(x, y, CENTRE_X + fx, fy, 1.3, 1.3)[..., None]
            colour -= spot * np.array((38, 48, 46), dtype=np.float32) * who.freckles
    _mix(picture, _soft(width - np.abs(x - CENTRE_X), 1.3) * (width > 1.0), colour)


def _hair_front(picture: Map, who: Identity, x: Map, y: Map, strands: Map) -> None:
    d = (x - CENTRE_X) / (WIDTH * who.face_width)
    line = {
        0: 74 + 26 * np.abs(d) ** 3.0,
        1: 70 + 30 * np.abs(d + 0.35) ** 2.0 + 9 * np.tanh(d * 4),
        2: 88 + 10 * np.abs(d) ** 4 + 2 * np.cos(d * 17),
        3: 60 - 7 * np.cos(d * 4.2) + 34 * np.abs(d) ** 4,
    }[who.hair_style]
    outline = half_width(who, (y - CENTRE_Y) * 0.93 + CENTRE_Y) * 1.06 + 1.5
    mask = _soft(line - y, 3.0) * _soft(outline - np.abs(x - CENTRE_X), 1.5) * (outline > 4.0)
    sheen = 1.0 + 0.35 * _bump(x, y, 128 - 22 * who.light, 62, 34, 9) - 0.30 * np.abs(d)
    _mix(picture, mask, np.array(who.hair, dtype=np.float32) * (strands * sheen)[..., None])
    shadow = (
        _soft(y - line, 1.0) * np.exp(-np.clip(y - line, 0, None) / 5.0) * _soft(outline - 4 - np.abs(x - CENTRE_X))
    )
    picture *= 1.0 - 0.22 * shadow[..., None].astype(np.float32)


def _moves(x: Map, y: Map, scale: float) -> Map:
    """Displacement fields of the six movements; they fade out so that background and shoulders stay."""
    rho = np.sqrt(((x - 128) / 96) ** 2 + ((y - 122) / 112) ** 2)
    fade = np.clip((1.28 - rho) / 0.55, 0.0, 1.0)
    fade = fade * fade * (3 - 2 * fade)
    u, v = (x - 128) / 66.0, (y - 128) / 92.0
    depth = np.sqrt(np.clip(1.0 - 0.8 * u**2 - 0.6 * v**2, 0.0, 1.0)) + 0.28 * _bump(x, y, 128, 146, 9, 15)
    turn = depth * np.clip((1.15 - rho) / 0.4, 0.0, 1.0)
    chin = np.clip((y - 176.0) / 26.0, 0.0, 1.0) * np.exp(-(((x - 128) / 44) ** 2)) * np.clip((236 - y) / 22, 0, 1)
    zero = np.zeros_like(x)
    fields = [
        (turn, zero),  # yaw, one unit moves the nearest point one pixel
        (zero, turn),  # pitch
        (-(y - 215) * fade / 57.3, (x - 128) * fade / 57.3),  # roll, degrees about the neck
        (fade, zero),
        (zero, fade),
        (zero, chin),  # jaw
    ]
    return np.stack([np.concatenate([a.ravel(), b.ravel()]) for a, b in fields]).astype(np.float32) * np.float32(scale)


@lru_cache(maxsize=160)
def head(number: int, size: int = 256) -> Head:
    """Returns the drawn head of a puppet at `size` pixels (cached; treat its arrays as read-only)."""
    who = identity(number)
    scale = size / 256.0
    steps = (np.arange(size, dtype=np.float32) + 0.5) / np.float32(scale) - np.float32(0.5)
    x, y = np.meshgrid(steps, steps)
    strands = _strands(who, (size, size))
    picture = _background(who, x, y)
    _hair_back(picture, who, x, y, strands)
    _body(picture, who, x, y)
    _face(picture, who, x, y)
    _hair_front(picture, who, x, y, strands)
    pixel = np.arange(size, dtype=np.float32)
    gx, gy = np.meshgrid(pixel, pixel)
    grid = np.concatenate([gx.ravel(), gy.ravel()]).astype(np.float32)
    done = np.clip(picture + 0.5, 0, 255).astype(np.uint8)
    return Head(who, scale, done, grid, _shared_moves(size))


@lru_cache(maxsize=4)
def _shared_moves(size: int) -> Map:
    scale = size / 256.0
    steps = (np.arange(size, dtype=np.float32) + 0.5) / np.float32(scale) - np.float32(0.5)
    x, y = np.meshgrid(steps, steps)
    return _moves(x, y, scale)
