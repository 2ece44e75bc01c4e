"""The Fréchet distance: goldens of the reference, laws, refusals, resampling, intervals."""

from __future__ import annotations

import json

import numpy as np
import numpy.typing as npt
import pytest

from evaluators.fid.fid import Fid, frechet
from evaluators.fid.left_out import distances_without, projected
from harness.errors import CannotCompareError
from harness.seeded import seeded_array
from harness.statistics import LeftOut
from tests.places import GOLDEN

Array = npt.NDArray[np.float64]

#: name → ((letter, scale, shift) of both sets); shapes are in the golden file.
_CASES = {
    "wellcond_5000_64": (("a", 1, 0), ("b", 1.3, 0.2)),
    "rankdef_80_256": (("c", 0.5, 0), ("d", 0.5, 0.1)),
    "rankdef_80_2048": (("e", 0.5, 0), ("f", 0.5, 0.1)),
    "same_set_300_64": (("g", 1, 0), ("g", 1, 0)),
    "same_set_40_192_rankdef": (("h", 1, 0), ("h", 1, 0)),
    "same_dist_200_64": (("i", 1, 0), ("j", 1, 0)),
    "same_dist_2000_64": (("k", 1, 0), ("l", 1, 0)),
    "two_samples_2_64": (("m", 1, 0), ("n", 1, 0)),
}


def _synthetic(letter: str, shape: list[int], scale: float, shift: float) -> Array:
    return seeded_array(f"frechet/{letter}/x.weight", (shape[0], shape[1])) * np.sqrt(shape[1]) * scale + shift


def _case(name: str) -> tuple[Array, Array, dict[str, float]]:
    golden = json.loads((GOLDEN / "fid" / "fid_frechet_synthetic.json").read_text())[name]
    (a, *first), (b, *second) = _CASES[name]
    return _synthetic(a, golden["shape_a"], *first), _synthetic(b, golden["shape_b"], *second), golden


def _random(n: int, d: int, seed: int, shift: float = 0.0) -> Array:
    return np.random.default_rng(seed).standard_normal((n, d)) * np.arange(1, d + 1) ** -0.5 + shift


@pytest.mark.parametrize("name", _CASES)
def test_synthetic_sets_meet_the_exact_formula_and_the_reference(name: str) -> None:
    first, second, golden = _case(name)
    value = frechet(first, second)
    assert value == pytest.approx(golden["fid_exact"], rel=1e-9, abs=1e-9)
    assert value == pytest.approx(golden["fid_reference_scipy_1_17_1"], rel=1e-6, abs=2e-5)


@pytest.mark.parametrize("shape", [(300, 64), (40, 192), (2, 8)])
def test_a_set_is_at_distance_zero_from_itself_and_from_its_permutation(shape: tuple[int, int]) -> None:
    x = _random(*shape, seed=1)
    assert frechet(x, x) == 0.0
    assert frechet(x, x[::-1]) == pytest.approx(0.0, abs=1e-9)


def test_distance_is_symmetric_and_knows_shift_rotation_and_scale() -> None:
    x, y = _random(50, 20, 1), _random(70, 20, 2, shift=0.3)
    turn = np.linalg.qr(np.random.default_rng(3).standard_normal((20, 20)))[0]
    assert frechet(x, y) == pytest.approx(frechet(y, x), rel=1e-12)
    assert frechet(x @ turn + 5, y @ turn + 5) == pytest.approx(frechet(x, y), rel=1e-10)
    assert frechet(3 * x, 3 * y) == pytest.approx(9 * frechet(x, y), rel=1e-10)
    assert frechet(x, x + 2.0) == pytest.approx(20 * 4.0, rel=1e-10)


def test_one_dimension_has_a_closed_form() -> None:
    x, y = _random(40, 1, 1), 2.5 * _random(60, 1, 2) + 1
    expected = (x.mean() - y.mean()) ** 2 + (x.std(ddof=1) - y.std(ddof=1)) ** 2
    assert frechet(x, y) == pytest.approx(expected, rel=1e-12)


def test_more_samples_than_columns_equals_scipy() -> None:
    linalg = pytest.importorskip("scipy.linalg")
    x, y = _random(400, 30, 1), _random(300, 30, 2, shift=0.1)
    s1, s2 = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    root = np.real(linalg.sqrtm(s1 @ s2))
    expected = np.square(x.mean(0) - y.mean(0)).sum() + np.trace(s1 + s2 - 2 * root)
    assert frechet(x, y) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("first", "second", "says"),
    [
        (np.ones((1, 4)), np.ones((3, 4)), "first set has 1"),
        (np.ones((3, 0)), np.ones((3, 0)), r"shape \(3, 0\)"),
        (np.ones((3, 4)), np.zeros((0, 4)), "second set has 0"),
        (np.ones((3, 4)), np.ones((3, 5)), "4 and 5 columns"),
        (np.ones((3, 4)), np.full((3, 4), np.nan), "not finite"),
        (np.ones(3), np.ones((3, 4)), r"shape \(3,\)"),
    ],
)
def test_refuses_what_has_no_distance(first: Array, second: Array, says: str) -> None:
    with pytest.raises(CannotCompareError, match=says):
        frechet(first, second)


def _clips(count: int, width: int, seed: int, frames: int = 5, shift: float = 0.0) -> list[npt.NDArray[np.float32]]:
    rng = np.random.default_rng(seed)
    scale = np.arange(1, width + 1) ** -0.5
    return [
        ((rng.standard_normal((1, width)) + 0.5 * rng.standard_normal((frames, width))) * scale + shift).astype("f4")
        for _ in range(count)
    ]


def test_distances_without_a_group_are_those_of_the_rest() -> None:
    clips, references = _clips(12, 40, 1), _clips(12, 40, 2, frames=3)
    found = distances_without(clips, references, [[0, 5], [11], list(range(11)), list(range(12))])
    for group, value in zip(([0, 5], [11], range(11)), found, strict=False):
        rest = [k for k in range(12) if k not in group]
        first, second = (np.concatenate([side[k] for k in rest]) for side in (clips, references))
        assert value == pytest.approx(frechet(first, second), rel=1e-9)
    assert np.isnan(found[3])


def test_people_who_differ_widen_the_interval_over_people() -> None:
    clips, references = _clips(30, 40, 1), _clips(30, 40, 2)
    for k in range(10):  # the clips of one person differ from all others together
        clips[k] = clips[k] + np.float32(1.5)
    rows = [{"clip": a, "reference": b} for a, b in zip(clips, references, strict=True)]
    people, judge = [list(range(10 * k, 10 * k + 10)) for k in range(3)], Fid({"net": "tf-fid-2015"}, "cpu")
    whole, ones, tens = judge.combine("fid", rows), np.ones(30), np.full(3, 10.0)
    without = np.array(judge.without("fid", rows, [*people, *([k] for k in range(30))]))
    found = LeftOut(whole, without[:3], tens, without[3:], ones)
    assert found.by_person().variance > 4 * found.by_clip().variance


def test_large_sets_are_measured_in_their_leading_directions() -> None:
    first, second = (np.concatenate(_clips(260, 520, seed)).astype(float) for seed in (1, 2))
    assert projected(first, second)[0].shape == (1300, 256)
    assert projected(first[:100], second[:100])[0].shape == (100, 520)


def test_the_judge_combines_what_rows_hold_and_says_how_many() -> None:
    judge = Fid({"net": "tf-fid-2015"}, "cpu")
    clips, references = _clips(24, 30, 1), _clips(24, 30, 2, frames=4)
    rows = [{"clip": a, "reference": b} for a, b in zip(clips, references, strict=True)]
    whole = frechet(np.concatenate(clips), np.concatenate(references))
    assert judge.combine("fid", rows) == pytest.approx(whole, rel=1e-12)
    assert judge.note("fid", rows) == "N 120/96 frames of 24 clips"
    assert "biased upwards" in judge.note("fid", rows[:5])
    assert np.isnan(judge.combine("fid", []))
    (without,) = judge.without("fid", rows, [[0, 1]])
    assert without == pytest.approx(judge.combine("fid", rows[2:]), rel=1e-9)
