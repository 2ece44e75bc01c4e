"""A number says where it is weak, in every dialect; and in the demo dialect no gain of the sound moves it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evaluators.judge import rows_of
from evaluators.sync.audio import LEVEL_DB, levelled
from evaluators.sync.lse import LipSync
from harness.evaluator import Chunk, ClipContext
from harness.media import VideoReader, VideoWriter, read_audio, to_pcm16
from harness.media.sound import level_db
from harness.records import Row, Scored
from tests.evaluators.sync.test_sync_judge import judged, judges  # noqa: F401 (a fixture)
from tests.media_samples import voice, write_encoded
from tests.places import CLIPS

pytestmark = pytest.mark.codec

WHOLE = ("demo", "w2l-lrs", "eat")


def talking(path: Path, faceless: int) -> Path:
    """The puppet's clip without a face in its last frames."""
    frames = np.concatenate(list(VideoReader(CLIPS / "talking.mp4")))[:60]
    frames[len(frames) - faceless :] = 128
    sound = read_audio(CLIPS / "talking.mp4").samples[: 640 * len(frames)]
    with VideoWriter(path, frames.shape[2], frames.shape[1], audio=sound) as writer:
        for frame in frames:
            writer.write(frame)
    return path


def values(rows: list[Row]) -> list[float]:
    assert all(isinstance(row, Scored) for row in rows)
    return [row.value for row in rows]  # type: ignore[union-attr]


def test_the_demo_judge_does_not_mind_the_gain(tmp_path: Path) -> None:
    judge = LipSync({"dialect": "demo"}, "cpu")
    judge.load()
    assert f"|aud:level{LEVEL_DB}dB|" in str(judge.signature("lse_c"))
    path, frames = CLIPS / "talking.mp4", next(iter(VideoReader(CLIPS / "talking.mp4", chunk=60)))
    sound, found = read_audio(path).samples, {}
    for gain in (1.0, 0.5, 0.1):
        stored = to_pcm16(sound * np.float32(gain)).astype(np.float32) / 32768
        context = ClipContext(None, path, stored)  # type: ignore[arg-type]
        found[gain] = values(rows_of(judge, context, [Chunk(0, frames)]))
    for gain in (0.5, 0.1):
        assert found[gain][:2] == pytest.approx(found[1.0][:2], abs=0.1)
        assert found[gain][2] == found[1.0][2]


def test_a_level_is_reached_unless_the_peak_forbids_it() -> None:
    sound = voice(2.0)
    for gain in (1.0, 0.01):
        assert level_db(levelled(sound * np.float32(gain)).astype(np.float32)) == pytest.approx(LEVEL_DB, abs=1e-3)
    sparse = np.zeros(16_000, np.float32)
    sparse[::4000] = 0.5
    assert np.abs(levelled(sparse)).max() == pytest.approx(1.0)
    assert not levelled(np.zeros(10, np.float32)).any()


def test_sound_that_says_little_is_told(tmp_path: Path) -> None:
    speech, nothing = voice(1.0)[None], np.zeros((1, 16_000), np.float32)
    for name, channels, rate, note in (
        ("plain", speech, 16_000, ()),
        ("telephone", speech[:, ::2], 8_000, ("audio_upsampled",)),
        ("far", speech * np.float32(0.01), 16_000, ("audio_quiet",)),
        ("one", np.concatenate([speech, nothing]), 16_000, ("channel_silent",)),
        ("none", nothing, 16_000, ("audio_quiet",)),
    ):
        layout = "mono" if len(channels) == 1 else "stereo"
        assert read_audio(write_encoded(tmp_path / f"{name}.m4a", channels, rate, layout)).notes == note, name


def test_every_dialect_tells_a_weak_sound(tmp_path: Path, judges: Any) -> None:  # noqa: F811
    frames = np.concatenate(list(VideoReader(CLIPS / "talking.mp4")))[:40]
    speech = voice(1.6)[None, ::2] * np.float32(0.03)
    path = write_encoded(tmp_path / "weak.mp4", speech, 8_000, "mono", frames)
    for rows in judged(path, judges("clean", *WHOLE)):
        for row in rows:
            assert isinstance(row, Scored)
            assert {"audio_upsampled", "audio_quiet"} <= set(row.notes)


def test_a_clip_that_loses_its_face_says_so(tmp_path: Path, judges: Any) -> None:  # noqa: F811
    kept, lost = talking(tmp_path / "kept.mp4", 0), talking(tmp_path / "lost.mp4", 20)
    for path, told in ((kept, False), (lost, True)):
        for rows in judged(path, judges("demo", "w2l-lrs")):
            assert isinstance(rows[0], Scored)
            assert ("face_lost" in rows[0].notes) == told
