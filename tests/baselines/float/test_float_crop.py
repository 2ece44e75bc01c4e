"""FLOAT's face crop: its geometry, what counts as a crop already, and faces by an installed detector."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from baselines.float.crop import Picture, cropped, detector, face_crop, is_crop
from datasets.puppets.affect import affect_point
from datasets.puppets.face import render
from harness.errors import MediaError


def _gradient(height: int, width: int) -> Picture:
    """Red tells the column, green the row, blue is full."""
    columns, rows = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    return np.stack((columns, rows, np.full_like(rows, 255)), axis=-1).round().astype(np.uint8)


def test_the_square_is_centred_on_the_box_and_a_little_over_half_as_large_again() -> None:
    picture = _gradient(400, 600)
    crop = face_crop(picture, (250.0, 160.0, 350.0, 240.0), 160)  # half side int(1.6 * 50) = 80 px: rows 120 to 280
    assert crop.shape == (160, 160, 3)
    np.testing.assert_array_equal(crop, picture[120:280, 220:380])


def test_what_lies_outside_is_black() -> None:
    crop = face_crop(_gradient(400, 600), (0.0, 0.0, 100.0, 100.0), 160)  # centre (50, 50): 30 px stick out
    assert not crop[:30].any()
    assert not crop[:, :30].any()
    assert crop[30:, 30:, 2].all()


def test_the_way_of_resizing_depends_on_the_height_of_the_picture() -> None:
    edge = np.zeros((360, 360, 3), dtype=np.uint8)
    edge[:, 180:] = 255
    box = (130.0, 130.0, 230.0, 230.0)
    assert len(np.unique(face_crop(edge, box, 512))) > 2  # cubic: soft, and clipped at both ends
    tall = np.concatenate((edge, edge[:1]))
    assert len(np.unique(face_crop(tall, box, 320))) == 2  # area, twice as large: every pixel is doubled


def test_a_face_of_no_size_is_refused() -> None:
    with pytest.raises(MediaError, match="too small to be cut out"):
        face_crop(_gradient(400, 600), (10.0, 10.0, 11.0, 11.0), 512)


@pytest.mark.parametrize(
    ("height", "width", "crop"), [(256, 256, True), (128, 128, True), (512, 512, False), (256, 300, False)]
)
def test_small_squares_are_crops_already(height: int, width: int, crop: bool) -> None:
    assert is_crop(np.zeros((height, width, 3), dtype=np.uint8)) is crop


def test_without_a_face_the_picture_is_named() -> None:
    with pytest.raises(MediaError, match=r"no face in /tmp/blank\.png") as caught:
        cropped(np.full((300, 400, 3), 128, np.uint8), detector("mtcnn"), 512, Path("/tmp/blank.png"))
    assert caught.value.reason == "no_face"


@pytest.mark.parametrize("person", [70, 66])
def test_a_face_is_found_wherever_it_stands(person: int) -> None:
    face = render(person, np.zeros(6), np.array([0.2, 0.0]), affect_point("neutral"))
    find = detector("mtcnn")
    x0, y0, x1, y1 = find(face)[0]
    frame = np.full((480, 854, 3), 90, dtype=np.uint8)
    frame[100:356, 400:656] = face
    crop = cropped(frame, find, 512, Path("frame.png"))
    assert crop.shape == (512, 512, 3)
    half = 1.6 * max(x1 - x0, y1 - y0) / 2
    left = min(max(400 + (x0 + x1) / 2 - half, 0), 854)
    top = 100 + (y0 + y1) / 2 - half
    scale = 512 / (2 * half)
    again = find(crop)[0]  # the same face, where the crop's geometry puts it
    expected = (
        (400 + x0 - left) * scale,
        (100 + y0 - top) * scale,
        (400 + x1 - left) * scale,
        (100 + y1 - top) * scale,
    )
    assert max(abs(a - b) for a, b in zip(again, expected, strict=True)) < 25
