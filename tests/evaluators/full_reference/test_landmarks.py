"""Landmark distances with and without EAT's defects, points beside the clips, and EAT's aligned crop."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from evaluators.faces.eat_crop import crop128
from evaluators.faces.sidecar_landmarks import sidecar
from evaluators.full_reference.landmarks import LandmarkDistance, landmark_distances
from evaluators.pairing import frames_at, stretch
from harness.errors import UsageError
from harness.evaluator import ClipContext
from harness.media import VideoReader
from harness.records import Scored, Unscored
from harness.seeded import seeded_array
from tests.places import GOLDEN
from tests.reference_pairs import context, film, judged

Points = npt.NDArray[np.float64]
_CASES = json.loads((GOLDEN / "lmd.json").read_text())["cases"]


def _points(case: str, who: str, count: int, missing: list[list[object]], mark: str) -> Points:
    base = seeded_array(f"lmd/{case}/{who}/base.weight", (68, 2)) * np.sqrt(2) * 20 + 64
    move = seeded_array(f"lmd/{case}/{who}/move.weight", (count, 136)) * np.sqrt(136) * 1.5
    points = np.round(base + move.reshape(count, 68, 2)).astype(np.float64)
    points[[int(str(frame)) for kind, frame in missing if kind == mark]] = np.nan
    return points


def _pair(case: str) -> tuple[Points, Points]:
    golden = _CASES[case]
    clip = _points(case, "fake", golden["n_fake"], golden["missing"], "f")
    reference = _points(case, "gt", golden["n_gt"], golden["missing"], "g")
    first, second = stretch(len(clip), len(reference))
    return clip[first], reference[second]


@pytest.mark.parametrize("case", sorted(set(_CASES) - {"all_missing"}))
def test_synthetic_landmarks_meet_eat(case: str) -> None:
    golden = _CASES[case]
    found = landmark_distances(*_pair(case))
    assert found is not None
    values = [found.m_lmd, found.f_lmd, found.m_lvd, found.f_lvd]
    names = ["mouth_lmd", "face_lmd", "mouth_lvd", "face_lvd_as_reported"]
    assert values == pytest.approx([golden[name] for name in names], abs=1e-9)


def test_no_valid_pair_is_no_value() -> None:
    assert landmark_distances(*_pair("all_missing")) is None


def test_repair_sums_the_face_and_divides_by_movements() -> None:
    first, second = _pair("equal_length")
    broken, mended = landmark_distances(first, second), landmark_distances(first, second, repaired=True)
    assert broken is not None
    assert mended is not None
    assert (mended.m_lmd, mended.f_lmd) == (broken.m_lmd, broken.f_lmd)
    assert mended.m_lvd == pytest.approx(broken.m_lvd * 30 / 29)
    still = np.zeros((3, 68, 2))
    moving = still.copy()
    moving[1:] += [3.0, 4.0]  # one step of 5 px for every point
    found = landmark_distances(moving, still, repaired=True)
    assert found is not None
    assert (found.m_lvd, found.f_lvd, found.m_lmd) == pytest.approx((2.5, 2.5, 0.0))


def test_a_shifted_face_has_no_landmark_distance_and_a_doubled_picture_twice() -> None:
    first, second = _pair("equal_length")
    shifted, doubled = landmark_distances(first + 7, first), landmark_distances(2 * first, 2 * second)
    plain = landmark_distances(first, second)
    assert shifted is not None
    assert shifted.m_lmd == pytest.approx(0, abs=1e-12)
    assert doubled is not None
    assert plain is not None
    assert doubled.f_lmd == pytest.approx(2 * plain.f_lmd)


def _with_points(folder: Path, clip: Points | None, reference: Points | None, aligned: bool = True) -> ClipContext:
    given = context(folder, film(6), film(4), aligned)
    assert given.sample.reference_video is not None
    for video, points in ((given.path, clip), (given.sample.reference_video, reference)):
        if points is not None:
            np.save(sidecar(video), points)
    return given


def test_points_beside_the_clips_are_paired_by_stretching(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    clip, reference = rng.normal(64, 9, (6, 68, 2)), rng.normal(64, 9, (4, 68, 2))
    clip[3] = np.nan  # pair 2
    judge = LandmarkDistance({"points": "sidecar"}, "cpu")
    judge.load()
    rows = judged(judge, _with_points(tmp_path, clip, reference, aligned=False), chunk=4)
    wanted = landmark_distances(clip[[0, 1, 4]], reference[[0, 1, 3]])
    assert wanted is not None
    assert [row.value for row in rows if isinstance(row, Scored)] == pytest.approx(
        [wanted.m_lmd, wanted.f_lmd, wanted.m_lvd, wanted.f_lvd]
    )
    assert all("no_face" in row.notes for row in rows if isinstance(row, Scored))
    assert judge.combine("m_lmd", [{"value": np.array([1.0])}, {"value": np.array([2.0])}]) == 1.5


@pytest.mark.parametrize(
    ("clip", "reference", "reason"),
    [
        (None, np.zeros((4, 68, 2)), "tool_missing"),
        (np.zeros((5, 68, 2)), np.zeros((4, 68, 2)), "length_mismatch"),
        (np.full((6, 68, 2), np.nan), np.zeros((4, 68, 2)), "no_face"),
    ],
)
def test_unusable_points_have_a_reason(clip: Points | None, reference: Points, reason: str, tmp_path: Path) -> None:
    judge = LandmarkDistance({"points": "sidecar"}, "cpu")
    judge.load()
    rows = judged(judge, _with_points(tmp_path, clip, reference))
    assert [row.reason for row in rows if isinstance(row, Unscored)] == [reason] * 4


def test_without_dlib_and_its_predictor_the_cure_is_named() -> None:
    judge = LandmarkDistance({}, "cpu")
    assert "weights fetch dlib-68-points" in " ".join(lack.cure for lack in judge.missing())
    assert str(judge.signature("m_lmd")).endswith("|w:absent|v:2")
    with pytest.raises(UsageError):
        LandmarkDistance({"points": "sidecar", "crop": "eat128"}, "cpu")


def test_signature_says_whether_the_velocity_is_mended() -> None:
    lines = [str(LandmarkDistance({"fix": fix}, "cpu").signature("f_lvd")) for fix in "01"]
    assert lines[0] != lines[1]
    assert str(LandmarkDistance({"fix": "1"}, "cpu").signature("m_lmd")) == str(
        LandmarkDistance({"fix": "0"}, "cpu").signature("m_lmd")
    )


def test_eats_crop_meets_its_goldens(shared: Path) -> None:
    folder = shared / "golden" / "metrics"
    arrays = np.load(folder / "eat_align.npz")
    cases = json.loads((folder / "eat_align.json").read_text())
    for name in [name for name in cases if "/" in name]:
        clip, frame = name.split("/")[0].split("#")
        picture = next(frames_at(VideoReader(shared / "real" / "clips" / clip), np.array([int(frame)])))[1][0]
        found = crop128(picture, np.array(cases[name]["landmarks"]))
        png = arrays["c128/" + name.replace(".", "_")].tobytes()
        difference = np.abs(found.astype(int) - np.asarray(Image.open(io.BytesIO(png))))
        assert difference.max() <= 1
        assert (difference > 0).mean() < 0.02


def test_crop_of_coinciding_landmarks_is_refused() -> None:
    with pytest.raises(ValueError, match="coincide"):
        crop128(film(1)[0], np.full((68, 2), 30.0))
