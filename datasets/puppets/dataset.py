"""This module is the dataset `puppets`: procedural talking faces, rendered on demand into the cache.

A frozen test list (datasets/lists/*.json, its hash in this file) says who shows what; everything else follows from
it by seed. Files are shared where they can be: a puppet's picture and neutral clip serve all its samples, the
emotional utterances and faces of other puppets serve every sample that asks for the same emotion and level.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from datasets.puppets.affect import EXTENDED_EMOTIONS, affect_point, nearest_basic
from harness.dataset import Dataset
from harness.errors import UsageError, unknown_name
from harness.records import Emotion, Sample

if TYPE_CHECKING:
    from datasets.puppets.voice import Utterance

#: Test lists and the sha256 of their files: a changed list is another list and gets another name.
LISTS: dict[str, str] = {
    "puppets_test_v1": "46532c13edbe1f817945c289fc8ae9b76051c1c0cfd61b579108118c50dad27a",
    "puppets_test_v2": "485c193e2978e030acf092d89136c724c49a9a05daf0c2127805e2eed505d264",
}
#: 48 people with two clips each; v1 has 12 with five or six, too few to show anything about others. No id is in both
#: lists, so that files that are called by a sample's id never clash.
DEFAULT_LIST = "puppets_test_v2"
SIZE = 256
UTTERANCE_FRAMES = 40
FACE_FRAMES = 25
NEUTRAL_FRAMES = 52  # at least as long as any sample
#: Raise it with any change of what is drawn or spoken; tests/golden/puppets.npz holds frames and sounds of it.
VERSION = 1
#: Version 1 was named by a hash of the code while there was no number: kept baselines and caches hold that name.
_NAMES = {1: "6b71d319"}
FOLDER = Path(__file__).resolve().parents[1] / "lists"


@dataclass(frozen=True)
class Row:
    """Holds one line of a test list. Numbers of puppets; `seed` makes the words and the head motion."""

    id: str
    identity: int
    emotion: str
    intensity: int
    seed: int
    voices: tuple[int, ...]  # who speaks the emotional and the neutral utterances
    actor: int  # whose face shows the emotion in `emotion.image` and `emotion.clip`


def read_list(name: str) -> tuple[Row, ...]:
    """Returns the rows of a frozen list. Raises UsageError for an unknown name or a changed file."""
    if name not in LISTS:
        raise unknown_name("puppet list", name, LISTS)
    path = FOLDER / f"{name}.json"
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != LISTS[name]:
        raise UsageError(f"The test list {path} was changed.", f"git checkout -- datasets/lists/{path.name}")
    return tuple(Row(**{**row, "voices": tuple(row["voices"])}) for row in json.loads(data)["rows"])


def content_version() -> str:
    """Returns the version of the drawings and voices, so that a stale cache is never read and baselines never mix."""
    return _NAMES.get(VERSION, str(VERSION))


def default_root() -> Path:
    """Returns the folder where puppets are kept: $CMET_BENCH_CACHE or ~/.cache/cmet-bench, in a folder named by content
    version.
    """
    cache = os.environ.get("CMET_BENCH_CACHE") or str(Path.home() / ".cache" / "cmet-bench")
    return Path(cache).absolute() / f"puppets-{content_version()}"


class Puppets(Dataset):
    """Renders the built-in corpus: procedural talking faces, with nothing to download.

    `samples()` is cheap and renders nothing; `materialise(sample)` makes one sample's files.
    """

    name = "puppets"
    version = staticmethod(content_version)  # clips made from other drawings are made again

    def __init__(self, root: Path | None = None, list_name: str = DEFAULT_LIST) -> None:
        self.root = default_root() if root is None else Path(root).absolute()
        self.list_name = list_name
        self._rows = {row.id: row for row in read_list(list_name)}

    def samples(self) -> tuple[Sample, ...]:
        """Returns every sample of the list, in order; paths point into `root`, where nothing need exist yet."""
        return tuple(self._sample(row) for row in self._rows.values())

    def _sample(self, row: Row) -> Sample:
        person = f"p{row.identity:03d}"
        neutral = self.root / "neutral" / f"{person}.mp4"
        return Sample(
            id=row.id,
            dataset=self.name,
            identity=person,
            emotion=self._emotion(row),
            source_image=self.root / "neutral" / f"{person}.png",
            driving_audio=self.root / "driving" / f"{row.id}.wav",
            frames=frames_of(row),
            source_video=neutral,
            pose_video=neutral,
            reference_video=self.root / "truth" / f"{row.id}.mp4",
            reference_aligned=True,
        )

    def _emotion(self, row: Row) -> Emotion:
        extended = row.emotion in EXTENDED_EMOTIONS
        label_is: Literal["truth", "pseudo"] = "pseudo" if extended else "truth"
        face = self.root / "faces" / f"{row.emotion}_{row.intensity}_p{row.actor:03d}"
        return Emotion(
            name=row.emotion,
            label=nearest_basic(row.emotion, row.intensity) if extended else row.emotion,
            label_is=label_is,
            intensity=row.intensity,
            speech=tuple(self._utterance(row.emotion, row.intensity, voice) for voice in row.voices),
            neutral_speech=tuple(self._utterance("neutral", 1, voice) for voice in row.voices),
            image=face.with_suffix(".png"),
            clip=face.with_suffix(".mp4"),
        )

    def _utterance(self, emotion: str, intensity: int, voice: int) -> Path:
        return self.root / "speech" / f"{emotion}_{intensity}_p{voice:03d}.wav"

    def utterances(self, emotion: str, intensity: int = 3) -> tuple[Path, ...]:
        """Returns the sound files of one emotion by the list's voices; those that are not there yet are spoken now."""
        level = 1 if emotion == "neutral" else intensity
        felt = affect_point("neutral") if emotion == "neutral" else affect_point(emotion, level)
        voices = next(iter(self._rows.values())).voices
        paths = tuple(self._utterance(emotion, level, voice) for voice in voices)
        for voice, path in zip(voices, paths, strict=True):
            if not path.is_file():
                _saying(voice, felt, emotion, level)(path)
        return paths

    def materialise(self, sample: Sample) -> None:
        """Renders exactly the files that `sample` points to and that are not there yet.

        Each file is written under another name and moved into place, so two processes may do it at once.
        """
        row = self._rows.get(sample.id)
        if row is None:
            raise unknown_name("puppet sample", sample.id, self._rows)
        from datasets.puppets import files

        emotion, level = row.emotion, row.intensity
        neutral, felt = affect_point("neutral"), affect_point(emotion, level)
        jobs: list[tuple[Path | None, Callable[[Path], None]]] = [
            (sample.source_image, lambda path: files.portrait(path, row.identity, neutral)),
            (sample.source_video, lambda path: files.neutral_clip(path, row.identity, NEUTRAL_FRAMES)),
            (sample.driving_audio, lambda path: files.sound(path, _driving(row).sound)),
            (sample.reference_video, lambda path: files.ground_truth(path, row.identity, felt, _driving(row))),
            (sample.emotion.image, lambda path: files.portrait(path, row.actor, felt)),
            (sample.emotion.clip, lambda path: files.emotional_clip(path, row.actor, felt, FACE_FRAMES)),
        ]
        for voice, path in zip(row.voices, sample.emotion.speech, strict=True):
            jobs.append((path, _saying(voice, felt, emotion, level)))
        for voice, path in zip(row.voices, sample.emotion.neutral_speech, strict=True):
            jobs.append((path, _saying(voice, neutral, "neutral", 1)))
        for target, job in jobs:
            if target is not None and not target.is_file():
                job(target)


def frames_of(row: Row) -> int:
    """Returns the length of a sample's clips: 48..52 frames, about two seconds, known without rendering."""
    return 48 + row.seed % 5


def _driving(row: Row) -> Utterance:
    """The speech of the sample's puppet: neutral, in its own voice, so that it gives no emotion away."""
    from datasets.puppets.voice import speak

    return speak(row.identity, affect_point("neutral"), frames_of(row), (31, row.seed))


def _saying(voice: int, felt: Any, emotion: str, level: int) -> Callable[[Path], None]:
    """A job that writes one utterance; words differ from voice to voice and from emotion to emotion."""

    def job(path: Path) -> None:
        from datasets.puppets import files
        from datasets.puppets.voice import speak

        words = int.from_bytes(hashlib.sha256(f"{emotion}{level}".encode()).digest()[:4], "big")
        files.sound(path, speak(voice, felt, UTTERANCE_FRAMES, (32, voice, words)).sound)

    return job
