"""This module draws the page of a calibration: a response curve per metric and corruption, intervals and verdicts.

It reads the json document that `calibrate` writes, so it needs no judge and no torch; every name in it is escaped.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from typing import Any

from markupsafe import Markup

from harness.reasons import sentence
from reports.numbers import decimals, interval, number
from reports.templates import part, template

WIDTH, HEIGHT = 264, 132
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 10, 10, 24
#: verdict → class and mark: colour is never the only difference.
LOOKS: dict[str, tuple[str, str]] = {
    "answers": ("good", "✓"),
    "flat": ("good", "✓"),
    "not monotone": ("warn", "!"),
    "moves": ("warn", "!"),
    "undecided": ("plain", "?"),
    "silent": ("bad", "✗"),
    "not measured": ("plain", "–"),
    "shown": ("plain", "·"),
}


def render(content: Mapping[str, Any]) -> str:
    """Returns the page as html text; one file that opens offline and runs no script."""
    measured = [metric for metric in content["metrics"] if metric["ceiling"] is not None]
    which = [_which(metric, measured) for metric in measured]
    corruptions = list(dict.fromkeys(curve["title"] for metric in measured for curve in metric["curves"]))
    return template("calibration.html.j2").render(
        style=Markup(part("style.css") + part("calibration.css")),
        facts=_facts(content),
        left_out=sorted(content["left_out"].items()),
        damages=corruptions,
        overview=[
            ({**metric, "which": name}, [_verdict(metric, corruption) for corruption in corruptions])
            for metric, name in zip(measured, which, strict=True)
        ],
        metrics=[{**_metric(metric, index), "which": which[index]} for index, metric in enumerate(measured)],
        unmeasured=[
            (m["title"], m["signature"], sentence(m["unmeasured"])) for m in content["metrics"] if m["ceiling"] is None
        ],
        looks=LOOKS,
    )


def _which(metric: Mapping[str, Any], others: Sequence[Mapping[str, Any]]) -> str:
    """The value that tells a metric from others of its title: the first signature field in which all differ,
    else "".
    """
    alike = [dict(_fields(other["signature"])) for other in others if other["title"] == metric["title"]]
    own = _fields(metric["signature"])
    for key, value in own if len(alike) > 1 else ():
        if len({fields.get(key, "") for fields in alike}) == len(alike):
            return value
    return ""


def _fields(signature: str) -> list[tuple[str, str]]:
    """(key, value) of a signature line's fields, the metric's name left out."""
    parts = [field.partition(":") for field in signature.split("|")[1:]]
    return [(key, value) for key, _, value in parts]


def _facts(content: Mapping[str, Any]) -> list[tuple[str, str]]:
    names = ("dataset", "protocol", "clips", "seconds", "seed")
    return [(name, str(content[name])) for name in names if name in content]


def _verdict(metric: Mapping[str, Any], corruption: str) -> str:
    return next((curve["verdict"] for curve in metric["curves"] if curve["title"] == corruption), "")


def _metric(metric: Mapping[str, Any], index: int) -> dict[str, Any]:
    points = [point for curve in metric["curves"] for point in curve["points"]]
    places = decimals(metric["unit"], (point["value"] for point in points))
    axis = CurveAxis.of(points, places)
    return {
        "title": metric["title"],
        "unit": metric["unit"],
        "better": "higher" if metric["higher_is_better"] else "lower",
        "signature": metric["signature"],
        "ceiling": number(metric["ceiling"], places),
        "floor": number(metric["floor"], places),
        "curves": [_curve(curve, axis, f"m{index}c{k}") for k, curve in enumerate(metric["curves"])],
    }


def _curve(curve: Mapping[str, Any], axis: CurveAxis, identifier: str) -> dict[str, Any]:
    rows = [
        {
            "strength": f"{point['strength']:g}".replace("-", "−"),
            "value": number(point["value"], axis.places),
            "interval": interval(point["low"], point["high"], axis.places),
            "change": number(point["change"], axis.places, sign=True),
            "change_interval": interval(point["change_low"], point["change_high"], axis.places),
            "coverage": f"{point['n_scored']}/{point['n_expected']}",
            "reasons": ", ".join(f"{count} × {sentence(code)}" for code, count in point["reasons"].items()),
        }
        for point in curve["points"]
    ]
    return {**curve, "svg": Markup(draw(curve, axis, identifier)), "rows": rows}


@dataclass(frozen=True)
class CurveAxis:
    """Holds the value axis that all curves of one metric share, so that they can be compared by eye."""

    low: float
    high: float
    places: int

    @classmethod
    def of(cls, points: Sequence[Mapping[str, Any]], places: int) -> CurveAxis:
        """Returns an axis around every value and interval."""
        seen = [point[key] for point in points for key in ("value", "low", "high") if point[key] is not None]
        low, high = (min(seen), max(seen)) if seen else (0.0, 1.0)
        if high - low < 10.0**-places:  # nothing moves: a flat line in the middle
            low, high = low - 0.5, high + 0.5
        return cls(low, high, places)

    def down(self, value: float) -> float:
        """Returns pixels from the top edge."""
        return _TOP + (self.high - value) / (self.high - self.low) * (HEIGHT - _TOP - _BOTTOM)


def draw(curve: Mapping[str, Any], axis: CurveAxis, identifier: str) -> str:
    """Returns one response curve as inline SVG: a mark per strength, whiskers for intervals, a ring on the uncorrupted
    value.
    """
    points = curve["points"]
    across = [_LEFT + (k + 0.5) * (WIDTH - _LEFT - _RIGHT) / len(points) for k in range(len(points))]
    title = f"{curve['title']}: {curve['meaning']}"
    parts = [
        f'<svg class="curve" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-labelledby="{identifier}">',
        f'<title id="{identifier}">{escape(title)}; the numbers are in the table below</title>',
        *_grid(curve, axis),
        *_line(points, across, axis),
    ]
    for x, point in zip(across, points, strict=True):
        parts += _mark(point, x, axis, point["strength"] == curve["undamaged_at"])
        text = escape(f"{point['strength']:g}".replace("-", "−"))
        parts.append(f'<text class="tick" x="{x:.1f}" y="{HEIGHT - 7}" text-anchor="middle">{text}</text>')
    return "".join([*parts, "</svg>"])


def _grid(curve: Mapping[str, Any], axis: CurveAxis) -> Iterator[str]:
    """Ends of the axis, and the uncorrupted value as a dashed line."""
    for value in (axis.low, axis.high):
        y = axis.down(value)
        yield f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        label = number(value, axis.places)
        yield f'<text class="tick" x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{label}</text>'
    uncorrupted = next((p["value"] for p in curve["points"] if p["strength"] == curve["undamaged_at"]), None)
    if uncorrupted is not None:
        y = axis.down(uncorrupted)
        yield f'<line class="undamaged" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'


def _line(points: Sequence[Mapping[str, Any]], across: Sequence[float], axis: CurveAxis) -> Iterator[str]:
    """Straight lines between neighbours that both have a value."""
    placed = [(x, p["value"]) for x, p in zip(across, points, strict=True)]
    for (x1, one), (x2, two) in pairwise(placed):
        if one is not None and two is not None:
            ends = f'x1="{x1:.1f}" y1="{axis.down(one):.1f}" x2="{x2:.1f}" y2="{axis.down(two):.1f}"'
            yield f'<line class="path" {ends}/>'


def _mark(point: Mapping[str, Any], x: float, axis: CurveAxis, uncorrupted: bool) -> Iterator[str]:
    if point["value"] is None:
        middle = (HEIGHT - _BOTTOM + _TOP) / 2
        yield f'<text class="tick" x="{x:.1f}" y="{middle:.1f}" text-anchor="middle">none</text>'
        return
    if point["low"] is not None and point["high"] is not None:
        ends = f'y1="{axis.down(point["low"]):.1f}" y2="{axis.down(point["high"]):.1f}"'
        yield f'<line class="whisker" x1="{x:.1f}" x2="{x:.1f}" {ends}/>'
    label = f"{point['strength']:g}: {number(point['value'], axis.places)}"
    kind = "mark hollow" if uncorrupted else "mark"
    y = axis.down(point["value"])
    yield f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="3.4"><title>{escape(label)}</title></circle>'
