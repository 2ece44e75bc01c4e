"""Face presence: a real face is found, a pattern is not, lengths are counted; no weights to fetch."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from media_samples import film, write_film
from reference_pairs import context, judged

from evaluators.faces import FacePresence
from harness.errors import UsageError
from harness.media import VideoReader
from harness.records import Scored, Unscored


def _values(rows: object) -> dict[str, float | None]:
    return {row.metric: row.value for row in rows if isinstance(row, Scored)}  # type: ignore[attr-defined]


def test_a_pattern_shows_no_face_and_has_a_length(tmp_path: Path) -> None:
    judge = FacePresence({}, "cpu")
    judge.load()
    rows = judged(judge, context(tmp_path, film(12), None))
    assert _values(rows) == {"face_rate": 0.0, "frames": 12.0}
    assert isinstance(rows[2], Unscored)
    assert rows[2].reason == "no_audio"
    assert isinstance(rows[0], Scored)
    assert rows[0].notes == ("no_face",)


def test_half_a_film_of_a_real_face_counts_half(shared: Path, tmp_path: Path) -> None:
    real = next(iter(VideoReader(shared / "real" / "clips" / "hdtf_radio1.mp4", chunk=6)))
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


def test_means_signatures_and_settings() -> None:
    judge = FacePresence({"every": "2"}, "cpu")
    assert judge.combine("frames", [{"value": np.array([10.0])}, {"value": np.array([20.0])}]) == 15.0
    assert str(judge.signature("face_rate")) != str(FacePresence({}, "cpu").signature("face_rate"))
    assert str(judge.signature("frames")) == str(FacePresence({}, "cpu").signature("frames"))
    assert judge.missing() == []
    with pytest.raises(UsageError):
        FacePresence({"every": "0"}, "cpu")
