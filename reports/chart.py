"""This module draws dot plots as inline SVG: a row per emotion, a mark per method, whiskers for intervals; the page
adds the colours.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape

from reports.breakdown import Breakdown, EmotionMean
from reports.numbers import interval, number

WIDTH, LEFT, RIGHT, TOP, BOTTOM = 720, 118, 20, 10, 30
SHAPES = 4
SERIES = 8
_STEP, _PAD = 13, 9  # pixels between methods of one emotion, and between emotions


@dataclass(frozen=True)
class Axis:
    """Holds the value axis of a chart: its ends and ticks in the metric's unit."""

    low: float
    high: float
    step: float

    def across(self, value: float) -> float:
        """Returns pixels from the left edge."""
        return LEFT + (value - self.low) / (self.high - self.low) * (WIDTH - LEFT - RIGHT)

    def ticks(self) -> list[tuple[float, str]]:
        """Returns (value, label) of every tick."""
        places = max(0, -math.floor(math.log10(self.step) + 1e-9))
        values = [self.low + k * self.step for k in range(round((self.high - self.low) / self.step) + 1)]
        return [(value, number(value, places)) for value in values]


def axis(one: Breakdown) -> Axis:
    """Returns an axis of at least 0–100 for per cent (a gain may be below), else of round steps around all marks and
    whiskers.
    """
    values = [v for s in one.cells.values() for v in (s.value, s.low, s.high) if v is not None and math.isfinite(v)]
    low, high = min(values), max(values)
    if one.fact.unit == "%":
        low, high = min(0.0, low), max(100.0, high)
    if low == high:
        low, high = low - 0.5, high + 0.5
    step = _round_step(high - low)
    return Axis(math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step, step)


def _round_step(span: float) -> float:
    """1, 2 or 5 times a power of ten, about five of them in `span`."""
    power = 10.0 ** math.floor(math.log10(span / 5))
    return power * min((1, 2, 5, 10), key=lambda ratio: abs(ratio * power - span / 5))


def dots(one: Breakdown, anchors: frozenset[str], identifier: str) -> str:
    """Returns the chart of one breakdown; every mark names its numbers, `identifier` ties the picture to its title."""
    scale, row = axis(one), _STEP * len(one.methods) + _PAD
    bottom = TOP + row * len(one.emotions)
    parts = [
        f'<svg class="chart" viewBox="0 0 {WIDTH} {bottom + BOTTOM}" role="img" aria-labelledby="{identifier}-t">',
        f'<title id="{identifier}-t">{escape(one.title)}; the numbers are in the table below</title>',
        *(_band(emotion, place, TOP + row * place, row) for place, emotion in enumerate(one.emotions)),
        *(_tick(scale.across(value), label, bottom) for value, label in scale.ticks()),
    ]
    for place, emotion in enumerate(one.emotions):
        for series, method in enumerate(one.methods):
            share = one.cells.get((method, emotion))
            if share is not None and share.value is not None:
                y = TOP + row * place + _PAD / 2 + _STEP * (series + 0.5)
                look = series_class(series) + (" hollow" if method in anchors else "")
                words = f"{method}, {emotion}: {in_words(share, one.places)}"
                inside = f"<title>{escape(words)}</title>{_mark(share, scale, series, y)}"
                parts.append(f'<g class="{look}" data-at="{series},{place}">{inside}</g>')
    return "".join([*parts, "</svg>"])


def in_words(share: EmotionMean, places: int) -> str:
    """Returns the value, interval and coverage in one line."""
    words = [number(share.value, places), interval(share.low, share.high, places)]
    return " ".join(filter(None, words)) + f", {share.n_scored} of {share.n_expected} clips"


def _band(emotion: str, place: int, top: float, height: float) -> str:
    short = emotion if len(emotion) <= 16 else emotion[:15] + "…"
    band = f'<rect class="band" x="0" y="{top}" width="{WIDTH}" height="{height}"/>' if place % 2 == 0 else ""
    middle = top + height / 2 + 4
    return f'{band}<text class="name" x="{LEFT - 12}" y="{middle:.1f}" text-anchor="end">{escape(short)}</text>'


def _tick(x: float, label: str, bottom: float) -> str:
    line = f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{bottom}"/>'
    return f'{line}<text class="tick" x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">{label}</text>'


def _mark(share: EmotionMean, scale: Axis, series: int, y: float) -> str:
    assert share.value is not None
    mark = shape(series, scale.across(share.value), y)
    if share.low is None or share.high is None:
        return mark
    ends = f'x1="{scale.across(share.low):.1f}" x2="{scale.across(share.high):.1f}"'
    return f'<line class="whisker" {ends} y1="{y:.1f}" y2="{y:.1f}"/>{mark}'


def series_class(series: int) -> str:
    """Returns the class that colours a method's marks, the same in chart and legend."""
    return f"s{series % SERIES}"


def shape(series: int, x: float, y: float) -> str:
    """Returns a mark of about 9 px: colour is never the only difference."""
    kind = series % SHAPES
    if kind == 0:
        return f'<circle class="mark" cx="{x:.1f}" cy="{y:.1f}" r="4.2"/>'
    if kind == 1:
        return f'<rect class="mark" x="{x - 3.8:.1f}" y="{y - 3.8:.1f}" width="7.6" height="7.6"/>'
    diamond, triangle = [(0.0, -5.0), (5.0, 0.0), (0.0, 5.0), (-5.0, 0.0)], [(0.0, -4.8), (4.8, 3.8), (-4.8, 3.8)]
    corners = diamond if kind == 2 else triangle
    points = " ".join(f"{x + right:.1f},{y + down:.1f}" for right, down in corners)
    return f'<polygon class="mark" points="{points}"/>'
