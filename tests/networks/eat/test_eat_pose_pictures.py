"""EAT's pose pictures: the recorded corners and pictures, and lines as OpenCV 4.11 draws them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from networks.eat.pose_pictures import LINES, corners, drawn, expected_bins, pose_pictures, thinned
from networks.eat.thick_line import draw_line

torch.set_num_threads(1)
LATER = int(cv2.__version__.split(".")[0]) >= 5


@pytest.fixture(scope="module")
def wanted(recorded: Callable[[str], Any]) -> Any:
    return recorded("pose_pictures")


def _corners(wanted: Any) -> np.ndarray:
    angles = (expected_bins(wanted.tensor(f"he_{name}")) for name in ("yaw", "pitch", "roll"))
    return corners(*angles, wanted["he_t"])


def _by_opencv(places: np.ndarray) -> np.ndarray:
    picture = np.zeros((256, 256), np.uint8)
    for a, b in LINES:
        cv2.line(picture, tuple(map(int, places[a])), tuple(map(int, places[b])), 255, 2)
    return picture


@pytest.mark.skipif(not LATER, reason="the recorded pictures were drawn by OpenCV 5")
def test_the_corners_are_the_recorded_ones(wanted: Any) -> None:
    """Our corners, drawn by OpenCV 5 as the recorded pictures were, give them to the last level."""
    pictures = np.stack([_by_opencv(places) for places in _corners(wanted)])
    wanted.check("pose", thinned(pictures))


def test_the_drawing_is_near_the_recorded_one(wanted: Any) -> None:
    """OpenCV 4.11 and 5 differ by up to 74 levels at single pixels, and by little on the whole."""
    ours = pose_pictures(*(wanted.tensor(f"he_{name}") for name in ("yaw", "pitch", "roll", "t"))).numpy()
    assert ours.shape == wanted["pose"].shape
    gaps = np.abs(ours - wanted["pose"])
    assert 0 < gaps.max() < 75
    assert gaps.mean() < 0.2 * wanted["pose"].mean()


def test_lines_are_opencvs_of_4_11(recorded: Callable[[str], Any]) -> None:
    kept = recorded("lines")
    for (x0, y0, x1, y1), bits in zip(kept["ends"].tolist(), kept["drawn"], strict=True):
        picture = np.zeros((48, 48), np.uint8)
        draw_line(picture, (x0, y0), (x1, y1))
        assert np.array_equal(np.packbits(picture > 0), bits), (x0, y0, x1, y1)


@pytest.mark.skipif(LATER, reason="the installed OpenCV draws other lines than 4.x")
def test_whole_pictures_are_opencvs(wanted: Any) -> None:
    for places in _corners(wanted):
        assert np.array_equal(drawn(places), _by_opencv(places))


@pytest.mark.parametrize("far", [2**31 - 1, -(2**31)])
def test_lines_to_the_end_of_the_world_take_no_time(far: int) -> None:
    picture = np.zeros((16, 16), np.uint8)
    draw_line(picture, (8, 8), (far, far))
    draw_line(picture, (far, -far - 1), (5, 5))
    assert picture.any()


def test_a_straight_look_is_symmetric() -> None:
    """Without turning and moving, the front square's corners lie on the diagonals."""
    none = np.zeros(1)
    places = corners(none, none, none, np.array([[0.0, 0.0, 1.0]]))[0, 4:]
    assert np.abs(places - 128).std() < 1
    assert abs(np.abs(places - 128).mean() - 233.333 * 100 / 101) < 1


def test_a_head_beside_the_camera_makes_a_picture() -> None:
    """Corners in the camera's own plane have no projection: they are taken as at depth 1, or very far."""
    none = np.zeros(1)
    assert np.isfinite(corners(none, none, none, np.zeros((1, 3)))).all()
