"""One failure mode a clip, through the whole pass: every judge answers with a number or with the reason."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evaluators.judge import Judge
from harness.errors import MediaError
from harness.media import VideoReader
from harness.reasons import REASONS
from harness.records import Clip, Emotion, Row, Sample, Scored, Unscored
from tests.places import CLIPS, GOLDEN

pytestmark = pytest.mark.codec

PROTOCOL = """
[[metric]]
evaluator = "emotion"
net = "demo"
samp = "every25"

[[metric]]
evaluator = "identity"
net = "demo"
ref = "first"
samp = "every25"

[[metric]]
evaluator = "fid_pair"
net = "demo"
samp = "4"

[[metric]]
evaluator = "lse"
dialect = "demo"

[[metric]]
evaluator = "faces"
every = 25
"""
FACES = ("emotion_acc", "identity_sim", "lse_c", "lse_d", "sync_offset")
LSE = ("lse_c", "lse_d", "sync_offset")
#: Clip -> reason of each metric that must not have a number; all others must.
REFUSED: dict[str, dict[str, str]] = {
    "hard_4frames.mp4": dict.fromkeys(LSE, "too_short"),
    "hard_5frames.mp4": dict.fromkeys(LSE, "too_short"),
    "hard_6frames.mp4": dict.fromkeys(LSE, "too_short"),
    "hard_noface.mp4": dict.fromkeys(FACES, "no_face"),
    "hard_antiphase_stereo.mp4": dict.fromkeys(LSE, "downmix_cancels"),
    "hard_silent_track.mp4": dict.fromkeys(LSE, "silent_audio"),
    "hard_twofaces.mp4": dict.fromkeys(LSE, "multiple_faces"),
    "silent_30fps.mp4": {**dict.fromkeys(LSE, "no_audio"), "av_length_ratio": "no_audio"},
}
#: Remarks of the decoder that every number of such a clip carries.
REMARKS = ("vfr_resampled", "fps_resampled", "grayscale", "rotation_applied", "audio_offset", "downmix_cancels")


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Judge:
    path = tmp_path_factory.mktemp("protocol") / "hard.toml"
    path.write_text(PROTOCOL)
    return Judge(str(path), "cpu")


def rows_of(judge: Judge, path: Path, truth: Path, emotion: str = "happy") -> dict[str, Row]:
    fields: dict[str, Any] = {"reference_video": truth}
    asked = Sample(path.stem, "test", "who", Emotion(emotion), truth, truth, 1, **fields)
    return {row.metric: row for row in judge.rows(asked, Clip(path, 1, 0, 0, "unknown"))}


def test_every_hard_clip_is_in_this_list() -> None:
    expected = json.loads((GOLDEN / "hard_cases.json").read_text(encoding="utf-8"))
    names = {path.name for path in (CLIPS).glob("hard_*.mp4")}
    assert names <= set(expected)
    assert set(REFUSED) <= set(expected)
    for entry in expected.values():
        assert set(entry["codes"]) <= set(REASONS)


def test_hard_clips_end_as_numbers_or_reasons(judge: Judge) -> None:
    expected = json.loads((GOLDEN / "hard_cases.json").read_text(encoding="utf-8"))
    clips = CLIPS
    for name, want in expected.items():
        rows = rows_of(judge, clips / name, clips / "hard_4frames.mp4")
        refused = {metric: row.reason for metric, row in rows.items() if isinstance(row, Unscored)}
        refused.pop("pose_shift")  # the sample names no clip of the head
        if name == "hard_rotated.mp4":  # a face on its side: any honest answer, with the remark
            assert set(refused.values()) <= {"no_face"}, name
        else:
            assert refused == REFUSED.get(name, {}), name
        numbers = [row for row in rows.values() if isinstance(row, Scored)]
        assert all(row.value is None or np.isfinite(row.value) for row in numbers), name
        for remark in set(want["codes"]) & set(REMARKS):
            assert all(remark in row.notes for row in numbers), (name, remark)
        assert set(want["codes"]) <= told(rows) | {"padding_dominates", "track_too_short"}, name


def told(rows: dict[str, Row]) -> set[str]:
    """Every code in the rows of one clip."""
    notes = {note for row in rows.values() if isinstance(row, Scored) for note in row.notes}
    return notes | {row.reason for row in rows.values() if isinstance(row, Unscored)}


def test_a_faceless_clip_touches_no_other(judge: Judge) -> None:
    """In the reference one clip without a face turns every clip's decision into the first class."""
    clips = CLIPS
    good, bad = clips / "hard_100frames.mp4", clips / "hard_noface.mp4"
    alone = rows_of(judge, good, good)
    rows_of(judge, bad, good)
    after = rows_of(judge, good, good)
    for metric, row in alone.items():
        assert after[metric] == row, metric
    emotion = next(e for e in judge.evaluators if e.metrics[0].name == "emotion_acc")
    assert isinstance(alone["emotion_acc"], Scored)
    from evaluators.packing import unpack

    kept = [unpack(alone["emotion_acc"].statistics)]
    assert emotion.combine("emotion_acc", kept) == alone["emotion_acc"].value


def test_files_that_are_no_clip_are_reasons_for_every_metric(judge: Judge, tmp_path: Path) -> None:
    truth = CLIPS / "hard_4frames.mp4"
    data = truth.read_bytes()
    files = {"empty": b"", "text": b"hello" * 100, "cut": data[: len(data) // 2], "header": data[:40]}
    for name, content in files.items():
        path = tmp_path / f"{name}.mp4"
        path.write_bytes(content)
        rows = rows_of(judge, path, truth)
        assert all(isinstance(row, Unscored) for row in rows.values()), name
        assert {row.reason for row in rows.values() if isinstance(row, Unscored)} <= {"unreadable", "empty"}, name
        with pytest.raises(MediaError):
            list(VideoReader(path))
    gone = rows_of(judge, tmp_path / "gone.mp4", truth)
    assert {row.reason for row in gone.values() if isinstance(row, Unscored)} == {"unreadable"}
