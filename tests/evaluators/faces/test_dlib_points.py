"""dlib's two detectors give the boxes that were recorded; the chip of C-MET's judge follows the published steps."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from evaluators.faces import crops, dlib_points
from harness.errors import MissingError
from tests import face_samples

dlib = pytest.importorskip("dlib")


@pytest.fixture(scope="module")
def recorded(shared: Path) -> dict[str, tuple[np.ndarray, dict[str, object]]]:
    """Frames of people, and what dlib found in them: the project's material is needed."""
    items = face_samples.golden(shared, "dlib_align")[0]["items"]
    place = shared / "real" / "clips"
    keys = [key.rpartition("#") for key in items]
    return {f"{n}#{k}": (face_samples.clip(place / n, int(k) + 1)[int(k)], items[f"{n}#{k}"]) for n, _, k in keys}


def _box(rectangle: object) -> list[int]:
    return [int(getattr(rectangle, side)()) for side in ("left", "top", "right", "bottom")]


@pytest.mark.full_size
def test_the_first_detector_is_the_recorded_one(recorded: dict[str, tuple[np.ndarray, dict[str, object]]]) -> None:
    detect = dlib.get_frontal_face_detector()
    for frame, item in recorded.values():
        for ups in (0, 1):
            assert [_box(face) for face in detect(frame, ups)] == item[f"hog_up{ups}"]


@pytest.mark.full_size
def test_the_network_is_the_recorded_one(recorded: dict[str, tuple[np.ndarray, dict[str, object]]]) -> None:
    """Its file is the user's: without it this skips, saying where it would be got."""
    try:
        detect = dlib_points.cnn_detector()
    except MissingError as error:
        pytest.skip(str(error))
    frame, item = next(iter(recorded.values()))
    assert [_box(face.rect) for face in detect(frame, 1)] == [box[:4] for box in item["mmod_up1"]]  # type: ignore[attr-defined]


def test_without_the_published_network_it_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    other = tmp_path / "mmod.dat"
    other.write_bytes(b"another detector")
    monkeypatch.setenv("CMET_BENCH_WEIGHTS_DLIB_MMOD", str(other))
    assert any("not the published mmod_human_face_detector.dat" in lack.what for lack in dlib_points.missing(True))
    assert not any("mmod" in lack.what for lack in dlib_points.missing(False))


def test_a_chip_is_resized_as_a_picture_file_would_be() -> None:
    chip = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (150, 150, 3), dtype=np.uint8), (0, 0), 3)
    wanted = np.asarray(Image.fromarray(chip).resize((224, 224), Image.Resampling.BILINEAR))
    assert np.array_equal(crops.resized(chip, 224), wanted)
    assert crops.resized(None, 224) is None
