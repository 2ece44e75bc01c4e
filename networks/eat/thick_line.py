"""Lines two pixels wide are drawn here as OpenCV 4.11 draws them, whatever OpenCV is installed.

EAT's published weights saw lines of OpenCV 4; those of OpenCV 5 differ by up to 74 levels once they are smoothed. A
line of 4.x is a quadrilateral, its four edges drawn and its inside filled, with a disc of radius 1 at both ends, all in
fixed-point arithmetic of 16 fractional bits. What is computed here is what that arithmetic gives, pixel for pixel
(measured against opencv-python-headless 4.11.0.86: 20 777 random lines with ends up to a million px away, no
difference).
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.uint8]
Point = tuple[int, int]  # x, y
NAME = "cv4.11"  # of this drawing, in signatures
_BITS = 16
_ONE, _HALF = 1 << _BITS, 1 << (_BITS - 1)
_DISC = ((0, -1), (-1, 0), (0, 0), (1, 0), (0, 1))


def draw_line(picture: Picture, start: Point, end: Point, level: int = 255) -> None:
    """Draw a line between two pixels into a picture (h, w), in place; both may lie anywhere, as 32-bit integers."""
    for x, y in (start, end):
        for dx, dy in _DISC:
            _dot(picture, x + dx, y + dy, level)
    if start == end:
        return
    corners = _quadrilateral(start, end)
    for k in range(4):
        _draw_edge(picture, corners[k - 1], corners[k], level)
    _fill(picture, corners, level)


def _quadrilateral(start: Point, end: Point) -> list[Point]:
    """The four corners of the line, in fixed-point numbers, around."""
    dx, dy = float(start[0] - end[0]), float(end[1] - start[1])
    scale = _ONE / math.sqrt(dx * dx + dy * dy)
    across = round(dy * scale), round(dx * scale)
    (x0, y0), (x1, y1) = ((x << _BITS, y << _BITS) for x, y in (start, end))
    return [
        (x0 + across[0], y0 + across[1]),
        (x0 - across[0], y0 - across[1]),
        (x1 - across[0], y1 - across[1]),
        (x1 + across[0], y1 + across[1]),
    ]


def _dot(picture: Picture, x: int, y: int, level: int) -> None:
    if 0 <= y < picture.shape[0] and 0 <= x < picture.shape[1]:
        picture[y, x] = level


def _quotient(dividend: int, divisor: int) -> int:
    """Integer division toward zero."""
    whole = abs(dividend) // abs(divisor)
    return whole if (dividend < 0) == (divisor < 0) else -whole


def _draw_edge(picture: Picture, start: Point, end: Point, level: int) -> None:
    """Draw the one pixel wide line between two fixed-point places: one pixel in each column, or in each row."""
    height, width = picture.shape
    clipped = _clipped(start, end, (width << _BITS) - 1, (height << _BITS) - 1)
    if clipped is None:
        return
    start, end = clipped
    axis = 0 if abs(end[0] - start[0]) > abs(end[1] - start[1]) else 1
    first, last = (end, start) if end[axis] < start[axis] else (start, end)
    length, rise = last[axis] - first[axis], last[1 - axis] - first[1 - axis]
    count = (length >> _BITS) + 1
    along = ((first[axis] + _HALF) >> _BITS) + np.arange(count)
    step = _quotient(rise << _BITS, length | 1)
    across = (first[1 - axis] + _HALF + step * np.arange(count)) >> _BITS
    columns, rows = (along, across) if axis == 0 else (across, along)
    inside = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
    picture[rows[inside], columns[inside]] = level
    _dot(picture, (last[0] + _HALF) >> _BITS, (last[1] + _HALF) >> _BITS, level)


def _clipped(start: Point, end: Point, right: int, bottom: int) -> tuple[Point, Point] | None:
    """The part of a line inside a rectangle whose corners are 0 and (right, bottom); None if there is none.

    Its ends are moved one after the other, first along y; the second one starts from the first one's new place.
    """
    points, most = [list(start), list(end)], (right, bottom)
    for axis in (1, 0):
        sides = [[_side(point[other], most[other]) for other in (0, 1)] for point in points]
        if any(sides[0][other] == sides[1][other] != 0 for other in (0, 1)):
            return None
        for here in (0, 1):
            if sides[here][axis]:
                wall = 0 if sides[here][axis] < 0 else most[axis]
                run, climb = (points[1][other] - points[0][other] for other in (axis, 1 - axis))
                points[here][1 - axis] += int(float(wall - points[here][axis]) * climb / run)
                points[here][axis] = wall
    if any(_side(point[axis], most[axis]) for point in points for axis in (0, 1)):
        return None
    return (points[0][0], points[0][1]), (points[1][0], points[1][1])


def _side(value: int, most: int) -> int:
    return -1 if value < 0 else int(value > most)


def _fill(picture: Picture, corners: list[Point], level: int) -> None:
    """Fill a convex polygon from its highest row to the one above its lowest, between sides in fixed-point steps."""
    rows = [(y + _HALF) >> _BITS for _, y in corners]
    top = min(range(len(corners)), key=lambda k: corners[k][1])
    first, stop = max(rows[top], 0), min(max(rows), picture.shape[0])
    if first >= stop:
        return
    sides = [_side_places(corners, rows, top, way, first, stop) for way in (1, -1)]
    left, right = np.minimum(*sides), np.maximum(*sides)
    columns = np.arange(picture.shape[1])
    inside = (columns >= left[:, None]) & (columns <= right[:, None])
    picture[first:stop][inside] = level


def _side_places(
    corners: list[Point], rows: list[int], top: int, way: int, first: int, stop: int
) -> npt.NDArray[np.int64]:
    """The column of one side of a polygon in each row of first .. stop - 1; way: 1 or -1, around the corners."""
    places = np.zeros(stop - first, np.int64)
    here, row = top, rows[top]
    for _ in corners:
        ahead = (here + way) % len(corners)
        if rows[ahead] > row:
            span = rows[ahead] - row
            step = _quotient(2 * (corners[ahead][0] - corners[here][0]) + span, 2 * span)
            begin, end = max(row, first), min(rows[ahead], stop)
            if begin < end:
                fixed = corners[here][0] + step * np.arange(begin - row, end - row, dtype=np.int64)
                places[begin - first : end - first] = (fixed + _HALF) >> _BITS
            row = rows[ahead]
        here = ahead
    return places
