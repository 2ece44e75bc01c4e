"""Face presence: a real face is found, a pattern is not, lengths are counted; no weights to fetch."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from evaluators.faces import mtcnn
from evaluators.faces.head_pose import FACE, angles, turned
from evaluators.faces.presence import FacePresence
from evaluators.faces.reference_faces import faces_of, searched_chunks
from harness.errors import UsageError
from harness.evaluator import Chunk
from harness.media import VideoReader
from harness.records import Scored, Unscored
from tests.media_samples import film, write_film
from tests.places import CLIPS
from tests.reference_pairs import context, judged


def _values(rows: object) -> dict[str, float | None]:
    return {row.metric: row.value for row in rows if isinstance(row, Scored)}  # type: ignore[attr-defined]


def test_a_pattern_shows_no_face_and_has_a_length(tmp_path: Path) -> None:
    judge = FacePresence({}, "cpu")
    judge.load()
    rows = judged(judge, context(tmp_path, film(12), None))
    assert _values(rows) == {"face_rate": 0.0, "frames": 12.0}
    reasons = {row.metric: row.reason for row in rows if isinstance(row, Unscored)}
    assert reasons == {"pose_shift": "no_reference", "av_length_ratio": "no_audio"}
    assert isinstance(rows[0], Scored)
    assert rows[0].notes == ("no_face",)


def test_half_a_film_of_a_real_face_counts_half(tmp_path: Path) -> None:
    real = next(iter(VideoReader(CLIPS / "talking.mp4", chunk=6)))
    frames = np.concatenate([real, np.zeros_like(real)])
    path = write_film(tmp_path / "half.mp4", frames)
    judge = FacePresence({"every": "3"}, "cpu")
    judge.load()
    given = replace(context(tmp_path, film(2), None), path=path, audio=np.zeros(12 * 640 + 320, dtype=np.float32))
    assert _values(judged(judge, given, chunk=4)) == {
        "face_rate": 50.0,
        "frames": 12.0,
        "av_length_ratio": pytest.approx(12.5 / 12),
    }


def rotated(yaw: float, pitch: float, roll: float) -> np.ndarray:
    """The rigid face's five points in px after those turns, in that order."""
    y, p, r = np.radians([yaw, pitch, roll])
    about_y = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(p), np.sin(p)], [0, -np.sin(p), np.cos(p)]])
    about_z = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    return (FACE @ (about_z @ about_x @ about_y).T)[:, :2] * 37 + (90, 140)


@pytest.mark.parametrize("turn", [(0, 0, 0), (20, 0, 0), (0, 15, 0), (0, 0, 170), (10, -8, 5), (-25, 10, -20)])
def test_a_rigid_heads_angles_are_found_exactly(turn: tuple[float, float, float]) -> None:
    np.testing.assert_allclose(angles(rotated(*turn)), turn, atol=1e-9)


def test_angles_wrap_and_points_that_coincide_have_none() -> None:
    assert turned((0, 0, 179), (0, 0, -179)) == pytest.approx(2)
    with pytest.raises(ValueError, match="coincide"):
        angles(np.ones((5, 2)))


@pytest.mark.slow
def test_a_turned_head_is_measured_against_its_pose_clip(tmp_path: Path) -> None:
    """The same real face tilted by ten degrees in the picture, and a clip without any face."""
    frames = next(iter(VideoReader(CLIPS / "talking.mp4", chunk=6)))
    height, width = frames.shape[1:3]
    tilt = cv2.getRotationMatrix2D((width / 2, height / 2), 10, 1)
    tilted = np.stack([cv2.warpAffine(frame, tilt, (width, height), borderValue=(90, 90, 90)) for frame in frames])
    paths = {name: write_film(tmp_path / f"{name}.mp4", f) for name, f in (("own", frames), ("tilted", tilted))}
    paths["black"] = write_film(tmp_path / "black.mp4", np.zeros_like(frames))
    paths["absent"] = tmp_path / "absent.mp4"
    judge = FacePresence({"every": "3"}, "cpu")
    given = replace(context(tmp_path, film(2), None), path=paths["own"])
    found = {}
    for name, path in paths.items():
        rows = judged(judge, replace(given, cache={}, sample=replace(given.sample, pose_video=path)))
        found[name] = next(row for row in rows if row.metric == "pose_shift")
    shifts = {name: row.value for name, row in found.items() if isinstance(row, Scored)}
    assert shifts == {"own": pytest.approx(0, abs=1e-4), "tilted": pytest.approx(10, abs=2)}
    reasons = {name: row.reason for name, row in found.items() if isinstance(row, Unscored)}
    assert reasons == {"black": "no_reference_face", "absent": "no_reference"}


def test_means_signatures_and_settings() -> None:
    judge = FacePresence({"every": "2"}, "cpu")
    assert judge.combine("frames", [{"value": np.array([10.0])}, {"value": np.array([20.0])}]) == 15.0
    assert str(judge.signature("face_rate")) != str(FacePresence({}, "cpu").signature("face_rate"))
    assert str(judge.signature("frames")) == str(FacePresence({}, "cpu").signature("frames"))
    assert judge.missing() == []
    with pytest.raises(UsageError):
        FacePresence({"every": "0"}, "cpu")


@pytest.mark.slow
def test_faces_of_a_reference_are_the_same_from_the_cache(tmp_path: Path) -> None:
    frames = next(iter(VideoReader(CLIPS / "talking.mp4", chunk=8)))
    frames = np.concatenate([frames, np.zeros_like(frames[:4]), frames[:4, :, ::-1]])
    path = write_film(tmp_path / "clip.mp4", frames)
    direct: dict[int, mtcnn.Faces] = {}
    first = 0
    for part in VideoReader(path):
        direct |= mtcnn.chunk_faces(Chunk(first, part), "cpu", 3)
        first += len(part)
    for _ in range(2):
        found = faces_of(path, "cpu", 3)
        assert list(found) == list(direct) == [0, 3, 6, 9, 12, 15]
        for index, faces in direct.items():
            assert len(found[index]) == len(faces)
            for one, other in ((found[index].boxes, faces.boxes), (found[index].landmarks, faces.landmarks)):
                np.testing.assert_array_equal(one, other)
    chunks = list(searched_chunks(path, "cpu", 3))
    assert [chunk.first for chunk in chunks] == [0]
    assert mtcnn.chunk_faces(chunks[0], "cpu", 3).keys() == direct.keys()
    assert searched_chunks(path, "cpu", 0).__next__().cache == {}
