"""Tracks, crops and S3FD of the sync pipelines, against both references."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from evaluators.faces import s3fd
from evaluators.sync import crop, tracks
from evaluators.sync.detections import largest, together
from harness.errors import MissingError
from harness.media import VideoReader
from harness.seeded import fill
from tests.golden import jpeg_parts
from tests.places import GOLDEN, names_and_shapes

STORED = json.loads((GOLDEN / "sync_track.json").read_text(encoding="utf-8"))
REFERENCES = {"sp": ("syncnet_python_6efbb1c", 100), "pkg": ("pypi_syncnet_python_0_2_3", 50)}


def assert_tracks(case: dict, rule: tracks.Rule) -> None:
    key, more_than = REFERENCES[rule]
    faces = [(frame, np.array(boxes, float).reshape(-1, 4)) for frame, boxes in enumerate(case["input"])]
    got = tracks.build(faces, rule, more_than, 100)
    assert [(t.first, t.last, len(t.boxes)) for t in got] == [(w["first"], w["last"], w["n"]) for w in case[key]]
    for track, want in zip(got, case[key], strict=True):
        for place, name in ((0, "bbox_first"), (len(track.boxes) // 2, "bbox_mid"), (-1, "bbox_last")):
            np.testing.assert_allclose(track.boxes[place], want[name], atol=1e-6)


@pytest.mark.parametrize("rule", ["sp", "pkg"])
@pytest.mark.parametrize("name", list(STORED))
def test_tracks_equal_the_reference(name: str, rule: tracks.Rule) -> None:
    assert_tracks(STORED[name], rule)


def test_clean_rule_gives_one_track_a_face_whatever_their_order() -> None:
    case = STORED["two_faces_order_swaps"]
    got = tracks.build([(i, np.array(b, float).reshape(-1, 4)) for i, b in enumerate(case["input"])])
    assert [(t.first, t.last, t.detections) for t in got] == [(0, 239, 240)] * 2
    assert together(got)


def test_largest_counts_time_as_well_as_size() -> None:
    box = np.array([[0, 0, 10, 10]], float)
    small_long, large_short = tracks.Track(0, box.repeat(90, 0), 90), tracks.Track(0, 2 * box.repeat(10, 0), 10)
    assert largest([large_short, small_long]) == 1
    assert not together([small_long, tracks.Track(90, box, 1)])


def test_extension_stays_inside_the_clip() -> None:
    track = tracks.extended(tracks.Track(2, np.ones((3, 4)), 3), 0, 5, 4)
    assert (track.first, track.last) == (0, 5)


def test_crop_equals_the_reference() -> None:
    """syncnet_python's crop of ffmpeg's pictures; its median filter is held against scipy's in test_references."""
    stored = np.load(GOLDEN / "sync" / "ffmpeg.npz")
    path = crop.path(tracks.Track(0, stored["boxes"], len(stored["boxes"])))
    for index, frame in jpeg_parts.pictures(stored, "pipeline").items():
        got = crop.crop(frame[..., ::-1], path.half_px[index], path.x_px[index], path.y_px[index])
        assert hashlib.sha256(got.tobytes()).hexdigest()[:16] == stored["crop_sha"][index]


def test_crop_outside_the_picture_is_gray_and_never_larger_than_asked() -> None:
    frame = np.zeros((40, 30, 3), np.uint8)
    got = crop.crop(frame, 20.0, 0.0, 0.0, 56)
    assert got.shape == (56, 56, 3)
    assert (got[:19, :27] == 110).all()
    assert (got[22:50, 30:50] == 0).all()


def test_lower_face_is_a_fixed_window() -> None:
    frames = np.zeros((2, 256, 256, 3), np.uint8)
    frames[:, 113:241, 64:192] = 200
    assert (crop.lower_face(frames) == 200).all()
    assert crop.lower_face(frames, 64).shape == (2, 64, 64, 3)


@pytest.fixture(scope="module")
def detector() -> s3fd.S3FD:
    with torch.device("meta"):
        net = s3fd.S3FD()
    net = net.to_empty(device="cpu")
    fill(net)
    return net.eval()


@pytest.mark.slow
def test_s3fd_has_the_published_names(detector: s3fd.S3FD) -> None:
    assert {name: tuple(tensor.shape) for name, tensor in detector.state_dict().items()} == names_and_shapes("s3fd")


@pytest.mark.full_size
def test_s3fd_equals_the_reference(shared: Path, detector: s3fd.S3FD) -> None:
    """Its answer to one picture of a person: S3FD is in no package, so this needs the project's material."""
    stored = np.load(shared / "golden" / "metrics" / "s3fd.npz")
    frames = np.concatenate(list(VideoReader(shared / "real" / "clips" / "hdtf_radio1.mp4")))[50:51]
    for scale in (0.25, 1.0):
        key = "hdtf_radio1_mp4#50@" + str(scale).replace(".", "_")
        with torch.inference_mode():
            scores, offsets, where = detector(s3fd.pictures(frames, scale))
        top = stored[f"{key}/top_idx"]
        np.testing.assert_allclose(scores[0][top], stored[f"{key}/top_score"], rtol=1e-5)
        np.testing.assert_allclose(offsets[0][top], stored[f"{key}/top_loc"], atol=1e-5)
        np.testing.assert_array_equal(where[top], stored[f"{key}/top_prior"])
        assert float(scores.sum(dtype=torch.float64)) == pytest.approx(float(stored[f"{key}/scores_sum"]), rel=1e-5)
        boxes = s3fd.decoded(offsets, where)[0].numpy().astype(np.float64)
        got = s3fd.candidates(scores[0].numpy(), boxes)[:10]
        np.testing.assert_allclose(got[:, [4, 0, 1, 2, 3]], stored[f"{key}/detect_top10"], rtol=1e-5, atol=1e-5)


def test_s3fd_batches_equal_single_frames_and_scale_to_the_picture(detector: s3fd.S3FD) -> None:
    frames = np.random.default_rng(1).integers(0, 256, (3, 128, 192, 3), np.uint8)
    together_, alone = s3fd.detect(detector, frames, 0.5), [s3fd.detect(detector, f[None], 0.5)[0] for f in frames]
    assert any(len(faces) for faces in alone)
    for a, b in zip(together_, alone, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-3)
    assert s3fd.detect(detector, frames[:0]) == []


def test_a_file_that_is_not_s3fd_is_refused(tmp_path: Path) -> None:
    torch.save({"vgg.0.weight": torch.zeros(1)}, tmp_path / "odd.pth")
    with pytest.raises(MissingError, match="S3FD"):
        s3fd.load(tmp_path / "odd.pth")
