"""What a curve says about a metric: answers, is silent, refuses, follows one to one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from evaluators.calibration.curves import Curve, Point
from evaluators.calibration.verdicts import verdict


def points(changes: Sequence[float], strengths: Sequence[float] = (0, 1, 2, 4, 8), width: float = 0.1) -> Curve:
    made = [
        Point(s, 50 + c, 50 + c - width, 50 + c + width, c, c - width, c + width, 5, 5, {})
        for s, c in zip(strengths, changes, strict=True)
    ]
    return Curve("psnr", "blur", tuple(made))


@pytest.mark.parametrize(
    ("changes", "width", "want", "told"),
    [
        ((0, -1, -2, -5, -9), 0.1, "worse", "answers"),
        ((0, -9, -2, -5, -9), 0.1, "worse", "not monotone"),
        ((0, 1, 2, 5, 9), 0.1, "worse", "silent"),
        ((0, 0, 0, 0, 0), 0.1, "worse", "silent"),
        ((0, -1, -2, -3, -3), 9.0, "worse", "undecided"),
        ((0, 0, 0.2, 0, 0.1), 0.1, "flat", "flat"),
        ((0, 0, 0, -5, -9), 0.1, "flat", "moves"),
        ((0, 0, 0, 0, 0), 9.0, "flat", "undecided"),
        ((0, 0, 0, 0, 0), 0.1, "any", "shown"),
    ],
)
def test_verdicts(changes: tuple[float, ...], width: float, want: Any, told: str) -> None:
    assert verdict(points(changes, width=width), want, True, span=10.0) == told


def test_a_metric_whose_low_values_are_good_is_turned_round() -> None:
    assert verdict(points((0, 1, 2, 5, 9)), "worse", False, span=10.0) == "answers"
    assert verdict(points((0, -1, -2, -5, -9)), "worse", False, span=10.0) == "silent"


def test_less_than_the_truth_is_damage_and_more_is_only_shown() -> None:
    curve = replace(points((-9, -4, 0, 3), (0.0, 0.5, 1.0, 1.5)), corruption="intensity")
    assert verdict(curve, "worse", True, span=10.0) == "answers"
    assert (
        verdict(replace(curve, points=tuple(points((9, 4, 0, -3), (0.0, 0.5, 1.0, 1.5)).points)), "worse", True, 10.0)
        == "silent"
    )


@pytest.mark.parametrize(("slope", "told"), [(1.0, "answers"), (-1.0, "answers"), (0.1, "silent")])
def test_an_offset_must_follow_one_to_one(slope: float, told: str) -> None:
    strengths = (-8, -2, 0, 2, 8)
    curve = replace(points([slope * s for s in strengths], strengths), corruption="sound_shift")
    assert verdict(curve, "follows", False, span=16.0) == told


def test_a_refusal_at_full_strength_is_an_answer_and_nothing_measured_is_none() -> None:
    nothing = Point(8.0, None, None, None, None, None, None, 0, 5, {"no_face": 5})
    refused = replace(points((0, -1, -2, -5, -9)), points=(*points((0, -1, -2, -5, -9)).points[:-1], nothing))
    assert verdict(refused, "worse", True, span=10.0) == "answers"
    failing = replace(refused, points=(*refused.points[:-1], replace(nothing, reasons={"crashed": 5})))
    assert verdict(failing, "worse", True, span=10.0) == "undecided"
    assert verdict(Curve("psnr", "blur", (nothing,)), "worse", True, span=0.0) == "not measured"
