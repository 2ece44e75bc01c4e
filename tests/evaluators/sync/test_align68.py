"""EAT's mouth-aligned video: the reference's transforms and pictures, and the lip-sync dialect that judges them."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from evaluators import protocol
from evaluators.faces.crops import jpeg95
from evaluators.packing import unpack
from evaluators.pairing import frames_at
from evaluators.sync.align68 import SUFFIX, aligned, transforms
from evaluators.sync.ffmpeg.pipeline import crop_file_frames
from evaluators.sync.lse import LipSync
from harness.media import VideoReader, VideoWriter, read_audio, write_wav
from harness.records import Scored, Unscored
from tests.evaluators.sync.test_sync_judge import is_scored, judged, judges  # noqa: F401 (a fixture)
from tests.places import CLIPS, GOLDEN

pytestmark = pytest.mark.codec

_FACE = np.array([(100.0, 110.0), (156.0, 110.0), (128.0, 170.0)])  # eyes and mouth of talking


def test_transforms_are_the_references() -> None:
    """EAT's own matrices for the landmarks of a film of 50 frames."""
    arrays = np.load(GOLDEN / "sync" / "align68.npz")
    assert np.abs(transforms(arrays["track"]) - arrays["matrices"]).max() < 1e-4


def test_crops_are_the_references(shared: Path) -> None:
    """EAT's pictures of a person: the project's material is needed."""
    folder = shared / "golden" / "metrics"
    told, arrays = json.loads((folder / "eat_align.json").read_text())["_align68"], np.load(folder / "eat_align.npz")
    reader = VideoReader(shared / "real" / "clips" / told["clip"])
    frames = [jpeg95(one) for _, part in frames_at(reader, np.array(told["frames"])) for one in part]
    for matrices in (arrays["align68_M"], transforms(arrays["align68_track"])):
        for at, key in ((0, "align68_out0"), (-1, "align68_out_last")):
            apart = np.abs(aligned(frames[at], matrices[at]).astype(int) - _picture(arrays[key]))
            assert apart.max() <= 5  # the script ran on OpenCV 5, whose warp is another (evaluators.faces.warp)
            assert apart.mean() < 0.3


def _picture(png: np.ndarray) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png.tobytes()))).astype(int)


def _points(count: int, wander_px: float = 0.0) -> np.ndarray:
    """A face that moves sideways as a whole."""
    points = np.full((count, 68, 2), 128.0)
    for part, place in zip((slice(36, 42), slice(42, 48), slice(60, 68)), _FACE, strict=True):
        points[:, part] = place
    points[:, :, 0] += wander_px * np.sin(np.arange(count) / 3)[:, None]
    return points


def test_the_mouth_stays_at_its_place() -> None:
    points = _points(20, 6.0)
    found = transforms(points)
    mouths = np.einsum("nij,nj->ni", found[:, :, :2], points[:, 60:68].mean(axis=1)) + found[:, :, 2]
    assert np.abs(mouths - (112, 120)).max() < 2.0  # the smoothing lets a fifth of a frame's motion through
    assert np.ptp(points[:, 60, 0]) > 10
    linear = found[:, :, :2]
    assert np.allclose(linear, linear[0])  # one scale and rotation a clip


@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_points_that_are_none_are_refused(broken: float) -> None:
    points = _points(3)
    points[1, 40] = broken
    with pytest.raises(ValueError, match="finite"):
        transforms(points)
    with pytest.raises(ValueError, match="coincide"):
        transforms(np.zeros((3, 68, 2)))
    with pytest.raises(ValueError, match="68"):
        transforms(np.zeros((0, 68, 2)))


def test_the_crop_file_keeps_count_and_picture() -> None:
    y, x = np.mgrid[0:224, 0:224]
    crops = [np.stack([x, y, (x + 3 * k) % 224], axis=-1).astype(np.uint8) for k in range(20)]
    back = np.concatenate(list(crop_file_frames(iter(crops), "h264crf23")))
    assert back.shape == (20, 224, 224, 3)
    assert 0.5 < np.abs(back.astype(int) - np.stack(crops)).mean() < 12  # lossy, and still those pictures
    still = np.array([cv2.PSNR(a, b) for a, b in zip(back, crops, strict=True)])
    assert still[0] > still[-1] + 2  # the hidden JPEG's quality falls with a frame's place


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """The first second of a real clip in a folder of its own."""
    source = CLIPS / "talking.mp4"
    frames = next(iter(VideoReader(source)))
    with VideoWriter(tmp_path / "clip.mp4", 256, 256, audio=read_audio(source).samples[: 32 * 640]) as writer:
        for frame in frames:
            writer.write(frame)
    write_wav(tmp_path / "clip.wav", read_audio(source).samples[: 32 * 640])
    return tmp_path / "clip.mp4"


def test_a_result_video_is_judged_by_its_points_and_the_true_sound(judges: Any, clip: Path) -> None:  # noqa: F811
    both = judges("eat-align68", "eat")
    for judge in both:
        judge.dialect = _own_sound(judge.dialect)
    absent = judged(clip, both)[0][0]
    assert isinstance(absent, Unscored)
    assert absent.reason == "tool_missing"
    assert f"clip{SUFFIX}: save float (32, 68, 2)" in absent.detail
    np.save(clip.with_suffix(SUFFIX), _points(32))
    rows, whole = judged(clip, both)
    assert is_scored(rows)
    assert isinstance(rows[0], Scored)
    assert isinstance(whole[0], Scored)
    assert rows[0].value != whole[0].value
    np.save(clip.with_suffix(SUFFIX), _points(32) + 30.0)  # other points, another crop, another number
    moved = judged(clip, both[:1])[0][0]
    assert isinstance(moved, Scored)
    assert moved.value != rows[0].value
    assert (
        unpack(moved.statistics)["points"].tolist() != unpack(rows[0].statistics)["points"].tolist()
    )  # the file's hash
    lost = _points(32)
    lost[7] = np.nan
    np.save(clip.with_suffix(SUFFIX), lost)
    refused = judged(clip, both[:1])[0][0]
    assert isinstance(refused, Unscored)
    assert (refused.reason, refused.detail[:11]) == ("no_face", "1 of 32 fra")


def _own_sound(dialect: Any) -> Any:
    from dataclasses import replace

    return replace(dialect, source="clip")


def test_the_protocol_and_its_signature_say_it() -> None:
    line = str(LipSync({"dialect": "eat-align68"}, "cpu").signature("lse_c"))
    for part in ("crop:align68-fix32|det:fan68-file", "file:h264crf23", "aud:aac@driving", "unpinned:r25,points"):
        assert f"|{part}|" in line
    settings = [entry.settings for entry in protocol.read("eat").entries if entry.evaluator == "lse"]
    assert settings == [{"dialect": "eat-align68"}]
