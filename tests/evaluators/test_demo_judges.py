"""The demo's judges as they ship: on puppets that no recipe has seen, in H.264, through the harness's own pass."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from datasets.puppets.affect import affect_point
from datasets.puppets.face import render
from datasets.puppets.motion import pose_track
from datasets.puppets.voice import speak
from evaluators.emotion.accuracy import EmotionAccuracy
from evaluators.identity.similarity import IdentitySimilarity
from evaluators.judge import rows_of
from evaluators.packing import unpack
from evaluators.sync.lse import LipSync
from harness.emotions import BASIC_EMOTIONS
from harness.evaluator import Chunk, ClipContext
from harness.media import VideoReader, VideoWriter, read_audio
from harness.records import Emotion, Row, Sample, Scored
from harness.series import Series, unpacked

pytestmark = pytest.mark.slow

FRAMES = 45
PEOPLE = (70, 83, 97, 118)  # of the test identities
SHIFTS = (-5, -2, 0, 3)  # planted, one a clip


def shown(who: int, emotion: str, shift: int, folder: Path) -> Path:
    """A clip of a held-out puppet: neutral speech, an emotional face, the mouth `shift` frames late."""
    said = speak(who, affect_point("neutral"), FRAMES, (61, who))
    path = folder / f"{who}-{emotion}-{shift}.mp4"
    with VideoWriter(path, 256, 256, audio=said.sound) as writer:
        for pose, mouth in zip(pose_track(FRAMES, (62, who)), said.lips(shift), strict=True):
            writer.write(render(who, pose, mouth, affect_point(emotion, 2)))
    return path


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[int, str, int, Path]]:
    """(puppet, emotion, planted shift, file): four puppets, two emotions each, so that all eight appear."""
    folder = tmp_path_factory.mktemp("held-out")
    plan = [
        (who, BASIC_EMOTIONS[2 * place + half], SHIFTS[place] if half else 0)
        for place, who in enumerate(PEOPLE)
        for half in range(2)
    ]
    return [(who, emotion, shift, shown(who, emotion, shift, folder)) for who, emotion, shift in plan]


def judged(judge: Any, path: Path, emotion: str = "neutral", picture: Path = Path("none"), wav: Any = None) -> Row:
    """The first row of one judge's pass over a clip, as the harness makes it; `wav` replaces the clip's sound."""
    sample = Sample("s", "puppets", "p", Emotion(emotion), picture, Path("none"), FRAMES)
    context = ClipContext(sample, path, read_audio(path).samples if wav is None else wav)
    rows = rows_of(judge, context, [Chunk(0, np.concatenate(list(VideoReader(path))))])
    return rows[-1] if isinstance(judge, LipSync) and wav is None else rows[0]


def value(row: Row) -> float:
    assert isinstance(row, Scored), row
    assert row.value is not None
    return row.value


def along(row: Row) -> Series:
    """The row's values along the clip."""
    assert isinstance(row, Scored), row
    return unpacked(row.series)


def test_every_emotion_is_named_on_a_face_never_seen(clips: list[tuple[int, str, int, Path]]) -> None:
    judge = EmotionAccuracy({"net": "demo", "samp": "every15"}, "cpu")
    judge.load()
    rows = [judged(judge, path, emotion) for _, emotion, _, path in clips]
    right = [value(row) for row in rows]
    assert sum(right) >= 700.0, right  # of eight clips, one may be mistaken
    for row, (_, emotion, _, _) in zip(rows, clips, strict=True):
        series = along(row)
        assert list(series.frames) == [0, 15, 30]
        assert series.curves.sum(0) == pytest.approx(1.0, abs=0.01)
        if value(row) == 100.0:
            assert series.names[int(series.curves.mean(1).argmax())] == emotion


def test_a_planted_shift_is_found_exactly(clips: list[tuple[int, str, int, Path]]) -> None:
    judge = LipSync({"dialect": "demo"}, "cpu")
    judge.load()
    found = [(value(judged(judge, path)), shift) for _, _, shift, path in clips]
    own = read_audio(clips[0][3]).samples
    series = along(judged(judge, clips[0][3], wav=own))  # of LSE-C; it is the curve whose mean is LSE-D
    assert list(series.frames) == list(range(2, 2 + len(series.frames)))
    kept = unpack(judged(judge, clips[0][3], wav=own).statistics)
    assert np.nanmean(series.curves[0]) == pytest.approx(float(kept["d"][0]), rel=2e-3)
    assert sum(offset == shift for offset, shift in found) >= 7, found


def test_the_sound_of_another_clip_scores_worse(clips: list[tuple[int, str, int, Path]]) -> None:
    judge = LipSync({"dialect": "demo"}, "cpu")
    judge.load()
    paths = [path for _, _, _, path in clips[::2]]  # one of each puppet, no shift: four different sounds
    sounds = [read_audio(path).samples for path in paths]
    own = [value(judged(judge, path, wav=sound)) for path, sound in zip(paths, sounds, strict=True)]
    others = [value(judged(judge, path, wav=sound)) for path, sound in zip(paths, sounds[1:] + sounds[:1], strict=True)]
    assert np.mean(others) < 0.7 * np.mean(own), (own, others)
    assert all(other < mine for mine, other in zip(own, others, strict=True)), (own, others)


def test_a_puppet_resembles_itself_more_than_another(clips: list[tuple[int, str, int, Path]], tmp_path: Path) -> None:
    judge = IdentitySimilarity({"net": "demo", "samp": "every20"}, "cpu")
    judge.load()
    portraits = {}
    for who in PEOPLE:
        portraits[who] = tmp_path / f"{who}.png"
        Image.fromarray(render(who, np.zeros(6), np.array([0.05, 0.0]), affect_point("neutral"))).save(portraits[who])
    for who, _, _, path in clips[::2]:
        rows = {other: judged(judge, path, picture=portraits[other]) for other in PEOPLE}
        alike = {other: value(row) for other, row in rows.items()}
        assert list(along(rows[who]).frames) == [0, 20, 40]
        assert along(rows[who]).curves.mean() == pytest.approx(alike[who], abs=1e-3)
        assert max(alike, key=lambda name: alike[name]) == who, alike
