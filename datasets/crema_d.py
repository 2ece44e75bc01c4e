"""Reads CREMA-D through C-MET's list of 1546: the neutral clip of actor and sentence, edited towards an emotion."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from datasets import frozen
from datasets.frozen import Row
from datasets.listed import Listed, Part, first_of
from datasets.mead_layout import SOUND_SUFFIXES
from datasets.planning import Planned, SharedEmotion
from datasets.speech_pools import POOL_SIZE
from harness.emotions import canonical

VIDEO_SUFFIXES = (".mp4", ".flv", ".mkv", ".avi", ".mov")
_PREPARED = ("FPS25", "dataset/CREMA_D/FPS25", "CREMA_D/FPS25")
_RAW = ("", "VideoMP4", "VideoFlash", "CREMA-D", "CREMA-D/VideoMP4", "CREMA-D/VideoFlash")
_SOUNDS = ("AudioWAV", "CREMA-D/AudioWAV", "AudioMP3", "CREMA-D/AudioMP3")
_INTENSITY = {"LO": 1, "MD": 2, "HI": 3, "XX": None}


class CremaTree:
    """Finds clips by name, e.g. 1001_IEO_ANG_HI, in the official folders or a flat prepared one, never in both.

    Files in the folder `without` are not seen.
    """

    def __init__(self, root: Path, without: Path | None = None) -> None:
        self.root = root
        self._without = without
        prepared = self._index(_PREPARED, VIDEO_SUFFIXES)
        folders = _PREPARED if prepared else _RAW
        self._videos = prepared or self._index(_RAW, VIDEO_SUFFIXES)
        self._sounds = self._index((*folders, *_SOUNDS), SOUND_SUFFIXES)

    def _index(self, folders: tuple[str, ...], suffixes: tuple[str, ...]) -> dict[str, Path]:
        index: dict[str, Path] = {}
        for folder in (self.root / name for name in folders):
            try:
                names = [] if folder == self._without else sorted(os.listdir(folder))
            except OSError:
                continue
            for name in names:
                stem, suffix = os.path.splitext(name)
                if suffix.lower() in suffixes and not name.startswith("."):
                    index.setdefault(stem, folder / name)
        return index

    def video(self, name: str) -> Path | None:
        """Returns the picture file of a clip, or None."""
        return self._videos.get(name)

    def sound(self, name: str) -> Path | None:
        """Returns a clip's sound file (AudioWAV is better than the flv's own sound), or its picture file, or None."""
        return self._sounds.get(name) or self._videos.get(name)

    def names(self) -> Iterator[str]:
        """Yields every clip with a picture, sorted."""
        yield from sorted(self._videos)


def clip_name(actor: str, sentence: str, emotion: str, level: str) -> str:
    """Returns CREMA-D's own name of a clip."""
    return f"{actor}_{sentence}_{emotion}_{level}"


class CremaD(Listed):
    """Reads CREMA-D in the official folders (VideoFlash, AudioWAV) or C-MET's flat FPS25 folder."""

    name = "crema_d"
    lists: ClassVar[Mapping[str, tuple[str, ...]]] = {"cmet-1546": ("crema_d-cmet-1546",)}
    wanted = "CREMA-D (VideoFlash and AudioWAV, or a flat folder of prepared clips)"

    @cached_property
    def tree(self) -> CremaTree:
        return CremaTree(self.root)

    def row_id(self, row: Row) -> str:
        return clip_name(row["actor"], row["sentence"], row["emotion"], row["level"])

    def source_of(self, row: Row) -> str:
        """Returns the name of the neutral clip that is edited."""
        return clip_name(row["actor"], row["sentence"], "NEU", "XX")

    def parts(self, row: Row) -> tuple[Part, ...]:
        source, target = self.source_of(row), self.row_id(row)
        return (
            Part(source, "picture", self.tree.video(source)),
            Part(target, "picture", self.tree.video(target)),
            Part(source, "sound", self.tree.sound(source)),
        )

    def references(self) -> tuple[Part, ...]:
        rows = frozen.read("crema_d-speech-references")
        names = [clip_name(row["actor"], row["sentence"], row["emotion"], "XX") for row in rows]
        return tuple(Part(name, "sound", self.tree.sound(name)) for name in names)

    def sound_source(self, row: Row) -> Path:
        sound = self.tree.sound(self.source_of(row))
        assert sound is not None
        return sound

    def plan(self, row: Row, frames: int) -> Planned:
        source = self.tree.video(self.source_of(row))
        assert source is not None
        return self.planner.sample(
            self.row_id(row),
            self.label,
            row["actor"],
            self.once((row["actor"], row["emotion"], row["level"]), lambda: self._ask(row)),
            source,
            self.sound_source(row),
            frames,
            reference=self.tree.video(self.row_id(row)),
        )

    def _ask(self, row: Row) -> SharedEmotion:
        clips, calm = self.utterances(row["actor"], row["emotion"]), self.utterances(row["actor"], "NEU")
        return self.planner.emotion(
            canonical("crema_d", row["emotion"]),
            spoken=[sound for sound in map(self.tree.sound, clips) if sound is not None],
            calm=[sound for sound in map(self.tree.sound, calm) if sound is not None],
            example=first_of(map(self.tree.video, clips)),
            intensity=_INTENSITY[row["level"]],
        )

    def utterances(self, actor: str, emotion: str) -> list[str]:
        """Returns ten reference clips of an emotion by other actors (frozen list)."""
        rows = frozen.read("crema_d-speech-references")
        others = [row for row in rows if row["emotion"] == emotion and row["actor"] != actor]
        return [clip_name(row["actor"], row["sentence"], emotion, "XX") for row in others[:POOL_SIZE]]
