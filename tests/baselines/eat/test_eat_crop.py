"""EAT's crops: a portrait by a template, a clip by one square; what cannot be cut is refused in words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from baselines.eat import crop
from harness.errors import MediaError, UsageError

PATH = Path("portrait.png")


def _points(left: float, top: float, right: float, bottom: float) -> np.ndarray:
    """68 points whose box is this one."""
    rng = np.random.default_rng(3)
    inner = rng.uniform((left, top), (right, bottom), (66, 2))
    return np.concatenate((inner, [(left, top), (right, bottom)]))


def test_small_squares_are_crops() -> None:
    sizes = {(256, 256): True, (128, 128): True, (257, 257): False, (256, 255): False}
    assert {size: crop.is_crop(np.zeros((*size, 3), np.uint8)) for size in sizes} == sizes


def test_the_square_of_a_clip() -> None:
    """Side 2.1 times the width, in the middle, a quarter of the height below the top."""
    square = crop.clip_square(_points(300, 200, 400, 320), 720, 1280)
    assert (square.left, square.top, square.side) == (245, 125, 210)


@pytest.mark.parametrize(
    ("box", "wanted"),
    [
        ((10, 10, 110, 130), (0, 0, 210)),
        ((1150, 560, 1250, 700), (1070, 490, 210)),
        ((100, 100, 900, 700), (140, 0, 720)),  # no larger than the picture
    ],
)
def test_the_square_stays_inside(box: tuple[float, ...], wanted: tuple[int, int, int]) -> None:
    square = crop.clip_square(_points(*box), 720, 1280)
    assert (square.left, square.top, square.side) == wanted


def test_the_first_frame_with_a_face_decides() -> None:
    frames = [np.full((64, 96, 3), level, np.uint8) for level in (1, 2, 3)]
    found = {1: [], 2: [_points(20, 20, 40, 44)], 3: [_points(60, 40, 80, 60)]}
    assert crop.square_of(frames, lambda frame: found[int(frame[0, 0, 0])], PATH).side == 42
    with pytest.raises(MediaError, match=r"No frame of portrait\.png has a face"):
        crop.square_of(frames[:1], lambda _: [], PATH)
    with pytest.raises(MediaError, match="too small"):
        crop.square_of(frames[:1], lambda _: [_points(20, 20, 20.4, 20.4)], PATH)


def test_alignment_undoes_a_turn() -> None:
    """A picture that was turned, scaled and moved comes back onto the template; what lies outside is black."""
    target = _points(60, 95, 194, 224)
    angle, zoom, shift = 0.2, 1.7, np.array([240.0, 90.0])
    turn = zoom * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    places = target @ turn.T + shift
    picture = np.zeros((800, 900, 3), np.uint8)
    for x, y in np.rint(places).astype(int):
        picture[y - 3 : y + 4, x - 3 : x + 4] = 255
    made = crop.aligned(picture, places, target)
    assert made.shape == (256, 256, 3)
    assert all(made[int(y), int(x)].min() > 200 for x, y in target[:47])
    assert not crop.aligned(picture[:100, :100], places, target).any()


def test_landmarks_beyond_the_first_47_do_not_count() -> None:
    target, picture = _points(60, 95, 194, 224), np.random.default_rng(0).integers(0, 255, (300, 300, 3), np.uint8)
    moved = target + 20
    mouth = np.where(np.arange(68)[:, None] < 47, moved, moved * 1.3)
    assert np.array_equal(crop.aligned(picture, moved, target), crop.aligned(picture, mouth, target))


@pytest.mark.parametrize(("count", "sentence"), [(0, "There are no face in"), (2, "There are 2 faces in")])
def test_a_portrait_has_one_face(count: int, sentence: str) -> None:
    with pytest.raises(MediaError) as caught:
        crop.only_face([_points(0, 0, 9, 9)] * count, PATH)
    assert sentence.replace("are no face", "is no face") in caught.value.what


def test_a_template_is_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.save(tmp_path / "template.npy", np.zeros((5, 2)))
    monkeypatch.setattr("harness.weights.locate", lambda *_, **__: tmp_path / "template.npy")
    with pytest.raises(UsageError, match=r"expected \(68, 2\), found \(5, 2\)"):
        crop.template()
