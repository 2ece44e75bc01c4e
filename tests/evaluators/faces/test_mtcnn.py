"""MTCNN in batches: no frame changes another, a face-less one raises nothing, each is asked once.

tests/evaluators/test_references.py holds it against facenet-pytorch.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch.nn.functional import interpolate

from evaluators.faces import mtcnn
from evaluators.faces.area_pool import crops, integral_images, resized
from evaluators.faces.face_chip import MTCNN_POINTS, chip, dlib_chip, mtcnn_chip, similarity
from evaluators.faces.mtcnn_boxes import keep_min
from harness.evaluator import Chunk
from tests import face_samples
from tests.places import CLIPS


@pytest.mark.slow
def test_frames_in_a_batch_do_not_change_each_other() -> None:
    frames = face_samples.clip(CLIPS / "talking.mp4", 101)[:40:10].copy()
    frames[1] = 0  # no face among faces
    together = mtcnn.detector().detect(frames)
    alone = [mtcnn.detector().detect(frame[None])[0] for frame in frames]
    assert [len(faces) for faces in together] == [1, 0, 1, 1]
    for one, other in zip(together, alone, strict=True):
        np.testing.assert_allclose(one.boxes, other.boxes, atol=2e-4)
        np.testing.assert_allclose(one.landmarks, other.landmarks, atol=2e-4)


@pytest.mark.parametrize("shape", [(0, 64, 64, 3), (2, 64, 64, 3), (1, 12, 200, 3), (1, 5, 7, 3), (1, 33, 20, 3)])
def test_pictures_without_faces_give_empty_answers(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    found = mtcnn.detector().detect(rng.integers(0, 256, shape).astype(np.uint8))
    assert len(found) == shape[0]
    assert all(faces.boxes.shape == (0, 4) and faces.landmarks.shape == (0, 5, 2) for faces in found)


def test_a_frame_is_searched_once_and_only_if_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    searched: list[int] = []

    class Counting:
        def detect(self, frames: np.ndarray) -> list[mtcnn.Faces]:
            searched.extend(int(frame[0, 0, 0]) for frame in frames)
            return [mtcnn.Faces(np.zeros((0, 4)), np.zeros(0), np.zeros((0, 5, 2)))] * len(frames)

    monkeypatch.setattr(mtcnn, "detector", lambda device: Counting())
    frames = np.arange(32, 64, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 2, 3), np.uint8)
    chunk = Chunk(32, frames)
    assert list(mtcnn.chunk_faces(chunk, every=5)) == [35, 40, 45, 50, 55, 60]
    assert list(mtcnn.chunk_faces(chunk, every=10)) == [40, 50, 60]
    mtcnn.faces_at(chunk, [33, 35])
    assert searched == [35, 40, 45, 50, 55, 60, 33]


def test_pyramid_ends_where_a_face_no_longer_fits() -> None:
    assert mtcnn.pyramid(19, 400) == []
    assert mtcnn.pyramid(20, 400) == [0.6]
    scales = mtcnn.pyramid(256, 512)
    assert min(256 * scale for scale in scales) >= 12 > 256 * scales[-1] * 0.709


@pytest.mark.parametrize(("height", "width"), [(24, 24), (7, 31), (40, 13)])
def test_area_pooling_is_torchs(height: int, width: int) -> None:
    frames = np.random.default_rng(1).integers(0, 256, (2, 37, 53, 3)).astype(np.uint8)
    planes = torch.from_numpy(frames).permute(0, 3, 1, 2).float()
    wanted = interpolate(planes, size=(height, width), mode="area").permute(0, 2, 3, 1).numpy()
    np.testing.assert_array_equal(resized(integral_images(frames), height, width), wanted)


def test_windows_are_pooled_as_if_cut_out() -> None:
    frames = np.random.default_rng(2).integers(0, 256, (3, 60, 80, 3)).astype(np.uint8)
    windows = np.array([[0, 0, 80, 60], [3, 5, 10, 50], [70, 58, 80, 60], [11, 12, 12, 13]])
    which = np.array([2, 0, 1, 1])
    found = crops(integral_images(frames), which, windows, 24)
    for frame, (left, top, right, bottom), one in zip(which, windows, found, strict=True):
        cut = torch.from_numpy(frames[frame, top:bottom, left:right]).permute(2, 0, 1)[None].float()
        np.testing.assert_array_equal(one, interpolate(cut, size=(24, 24), mode="area")[0].permute(1, 2, 0).numpy())


def test_a_face_inside_a_face_is_suppressed() -> None:
    boxes = np.array([[0, 0, 100, 100], [10, 10, 30, 30], [200, 0, 300, 100]], np.float32)
    assert keep_min(boxes, np.array([0.8, 0.9, 0.7], np.float32), 0.7).tolist() == [1, 2]
    assert keep_min(boxes[:0], np.zeros(0, np.float32), 0.7).tolist() == []


def test_chip_is_dlibs(shared: Path) -> None:
    """dlib's own chips of people's pictures: the project's material is needed."""
    notes, data = face_samples.golden(shared, "dlib_align")
    for key, item in notes["items"].items():
        name, _, index = key.partition("#")
        if int(index) > 100:
            continue
        frame = face_samples.clip(shared / "real" / "clips" / name, 101)[int(index)]
        stored = data["chip/" + key.replace(".mp4", "_mp4")]
        wanted = cv2.imdecode(stored, cv2.IMREAD_COLOR)[:, :, ::-1]
        np.testing.assert_array_equal(dlib_chip(frame, np.array(item["chip_points"])), wanted)


def test_similarity_recovers_a_known_one_and_never_mirrors() -> None:
    points = np.random.default_rng(3).normal(size=(5, 2))
    turn = 1.7 * np.array([[np.cos(0.4), -np.sin(0.4)], [np.sin(0.4), np.cos(0.4)]])
    found = similarity(points, points @ turn.T + [3, -2])
    np.testing.assert_allclose(found, np.column_stack([turn, [3, -2]]), atol=1e-12)
    mirrored = similarity(points, points * [-1, 1])
    assert np.linalg.det(mirrored[:, :2]) > 0


def test_chip_undoes_the_place_of_a_face() -> None:
    rng = np.random.default_rng(4)
    base = cv2.GaussianBlur(rng.integers(0, 256, (400, 400, 3)).astype(np.uint8), (0, 0), 6)
    points = (MTCNN_POINTS + 0.6) * 150
    matrix = cv2.getRotationMatrix2D((200, 200), 20, 0.8)
    turned = cv2.warpAffine(base, matrix, (400, 400))
    moved = points @ matrix[:, :2].T + matrix[:, 2]
    first, second = mtcnn_chip(base, points, 96).astype(int), mtcnn_chip(turned, moved, 96).astype(int)
    assert np.abs(first - second).mean() < 2
    small = mtcnn_chip(base, points, 40).astype(int)  # shrunk more than twofold: halved first
    assert np.abs(small - cv2.resize(first.astype(np.uint8), (40, 40), interpolation=cv2.INTER_AREA)).mean() < 4


def test_coinciding_points_are_refused() -> None:
    with pytest.raises(ValueError, match="coincide"):
        chip(np.zeros((50, 50, 3), np.uint8), np.ones((5, 2)), MTCNN_POINTS)
