"""Where a MEAD clip lies in the layouts people have: the official download, C-MET's FPS25 tree, EAT's flat names."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from datasets.labels import CORPUS_LABELS
from harness.errors import UsageError

Layout = Literal["fps25", "official", "eat"]

VIDEO_SUFFIXES = (".mp4", ".mov", ".avi", ".mkv")
SOUND_SUFFIXES = (".wav", ".m4a", ".flac", ".mp3", ".aac")
SPEECH_FOLDER = "emotion2vec+large_features"

_CODES = {name: code for code, name in CORPUS_LABELS["eat"].items()}
_IDENTITY = re.compile(r"^[MW]\d{3}(-\d)?$")
_FLAT = re.compile(
    r"^(?P<identity>[MW]\d{3}(?:-\d(?=[_-][a-z]))?)[_-](?P<code>[a-z]{3})[_-](?P<level>[123])[_-](?P<number>\d{3})$"
)
_TREE_PREFIXES = ("", "FPS25", "MEAD/FPS25", "dataset/MEAD/FPS25", "MEAD", "dataset/MEAD", "mead")
_FLAT_DEPTH = 3


@dataclass(frozen=True, order=True)
class Clip:
    """One recording: who, which emotion (canonical), level 1..3 (neutral: 1), sentence number."""

    identity: str
    emotion: str
    level: int
    number: int

    @property
    def name(self) -> str:
        """identity/emotion/level_k/NNN, as lists and reports write it."""
        return f"{self.identity}/{self.emotion}/level_{self.level}/{self.number:03d}"

    @property
    def flat(self) -> str:
        """EAT's flat name: identity_cod_level_NNN."""
        return f"{self.identity}_{_CODES[self.emotion]}_{self.level}_{self.number:03d}"

    @classmethod
    def parse_flat(cls, stem: str) -> Clip | None:
        """The clip of a flat name with underscores or dashes; None if it is not one."""
        match = _FLAT.match(stem)
        if not match or match["code"] not in CORPUS_LABELS["eat"]:
            return None
        emotion = CORPUS_LABELS["eat"][match["code"]]
        return cls(match["identity"], emotion, int(match["level"]), int(match["number"]))


def read_remap(path: Path) -> dict[Clip, Clip]:
    """A user's table canonical clip → clip on disk, from csv columns identity, emotion, level, public, canonical.

    `public` is the number in the file's name, `canonical` the number that the lists mean. Raises UsageError.
    """
    table: dict[Clip, Clip] = {}
    with path.open(encoding="utf-8-sig", newline="") as stream:
        for line, row in enumerate(csv.DictReader(stream), start=2):
            try:
                folder = (row["identity"].strip(), row["emotion"].strip(), int(row["level"]))
                canonical, public = Clip(*folder, int(row["canonical"])), Clip(*folder, int(row["public"]))
            except (KeyError, ValueError, AttributeError, TypeError):
                raise UsageError(
                    f"Line {line} of {path} is not a remap row.", "Columns: identity,emotion,level,public,canonical."
                ) from None
            if canonical in table:
                raise UsageError(f"Line {line} of {path} gives {canonical.name} a second time.")
            table[canonical] = public
    return table


class MeadTree:
    """Finds clips under `root`. Nothing is decoded; folders are listed once and remembered."""

    def __init__(self, root: Path, remap: Mapping[Clip, Clip] | None = None) -> None:
        self.root = root
        self.remap = dict(remap or {})
        self._listing: dict[Path, dict[str, list[str]]] = {}
        self.base, self.layout = self._detect()
        self._flat = self._flat_index() if self.layout == "eat" else {}

    def _detect(self) -> tuple[Path, Layout]:
        for prefix in _TREE_PREFIXES:
            base = self.root / prefix
            for name in self._names(base):
                if not _IDENTITY.match(name):
                    continue
                if (base / name / "front").is_dir():
                    return base, "fps25"
                if (base / name / "video" / "front").is_dir():
                    return base, "official"
        return self.root, "eat"

    def _names(self, folder: Path) -> dict[str, list[str]]:
        """Names in a folder by stem, with their full names; empty where there is no such folder."""
        if folder not in self._listing:
            names: dict[str, list[str]] = {}
            try:
                for entry in sorted(os.listdir(folder)):
                    if not entry.startswith("."):
                        names.setdefault(Path(entry).stem, []).append(entry)
            except OSError:
                names = {}
            self._listing[folder] = names
        return self._listing[folder]

    def _flat_index(self) -> dict[Clip, list[Path]]:
        index: dict[Clip, list[Path]] = {}
        start = len(self.root.parts)
        for folder, subfolders, names in os.walk(self.root):
            if len(Path(folder).parts) - start >= _FLAT_DEPTH:
                subfolders.clear()
            subfolders.sort()
            for name in sorted(names):
                clip = Clip.parse_flat(Path(name).stem)
                if clip is not None:
                    index.setdefault(clip, []).append(Path(folder) / name)
        return index

    def _pick(self, folder: Path, stem: str, suffixes: tuple[str, ...]) -> Path | None:
        for name in self._names(folder).get(stem, ()):
            if Path(name).suffix.lower() in suffixes:
                return folder / name
        return None

    def _flat_file(self, clip: Clip, suffixes: tuple[str, ...]) -> Path | None:
        return next((path for path in self._flat.get(clip, ()) if path.suffix.lower() in suffixes), None)

    def on_disk(self, clip: Clip) -> Clip:
        """The clip whose number stands in the file's name, by the user's remap table."""
        return self.remap.get(clip, clip)

    def folder(self, clip: Clip) -> Path:
        """Where the clip's picture lies in the tree layouts."""
        middle = "front" if self.layout == "fps25" else "video/front"
        return self.base / clip.identity / middle / clip.emotion / f"level_{clip.level}"

    def video(self, clip: Clip) -> Path | None:
        """The clip's picture file, or None."""
        clip = self.on_disk(clip)
        if self.layout == "eat":
            return self._flat_file(clip, VIDEO_SUFFIXES)
        return self._pick(self.folder(clip), f"{clip.number:03d}", VIDEO_SUFFIXES)

    def sound(self, clip: Clip) -> Path | None:
        """The clip's sound file, or its picture file (which then carries the sound), or None."""
        disk = self.on_disk(clip)
        if self.layout == "eat":
            beside = self._flat_file(disk, SOUND_SUFFIXES)
        elif self.layout == "fps25":
            beside = self._pick(self.folder(disk), f"{disk.number:03d}", SOUND_SUFFIXES)
        else:
            folder = self.base / disk.identity / "audio" / disk.emotion / f"level_{disk.level}"
            beside = self._pick(folder, f"{disk.number:03d}", SOUND_SUFFIXES)
        return beside or self.video(clip)

    def clips(self, view: str = "front") -> Iterator[Clip]:
        """Every clip with a picture, by the numbers in the files' names, in order."""
        if self.layout == "eat":
            with_video = (
                c for c, paths in self._flat.items() if any(p.suffix.lower() in VIDEO_SUFFIXES for p in paths)
            )
            yield from sorted(with_video)
            return
        middle = view if self.layout == "fps25" else f"video/{view}"
        for identity in sorted(name for name in self._names(self.base) if _IDENTITY.match(name)):
            for emotion in sorted(CORPUS_LABELS["mead"]):
                for level in (1, 2, 3):
                    folder = self.base / identity / middle / emotion / f"level_{level}"
                    for stem in self._names(folder):
                        if stem.isdigit() and len(stem) == 3 and self._pick(folder, stem, VIDEO_SUFFIXES):
                            yield Clip(identity, emotion, level, int(stem))

    def canonical_clips(self) -> Iterator[Clip]:
        """Every clip with a picture, by the numbers that the lists mean (the remap table applied)."""
        canonical = {public: meant for meant, public in self.remap.items()}
        return (canonical.get(clip, clip) for clip in self.clips())
