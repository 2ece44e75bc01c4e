"""Finds MEAD clips in the layouts people have: the official download, C-MET's FPS25 tree, EAT's flat names."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from harness.emotions import CORPUS_LABELS
from harness.errors import UsageError

Layout = Literal["fps25", "official", "eat"]

VIDEO_SUFFIXES = (".mp4", ".mov", ".avi", ".mkv")
SOUND_SUFFIXES = (".wav", ".m4a", ".flac", ".mp3", ".aac")

_CODES = {name: code for code, name in CORPUS_LABELS["eat"].items()}
IDENTITY = re.compile(r"^[MW]\d{3}(-\d)?$")
_FLAT = re.compile(
    r"^(?P<identity>[MW]\d{3}(?:-\d(?=[_-][a-z]))?)[_-](?P<code>[a-z]{3})[_-](?P<level>[123])[_-](?P<number>\d{3})$"
)
#: Prepared files come before raw ones.
_TREE_PREFIXES = ("FPS25", "MEAD/FPS25", "dataset/MEAD/FPS25", "", "MEAD", "dataset/MEAD", "mead")
_FLAT_DEPTH = 3
_VIDEO_PLACES = ("front", "video/front")
_ARCHIVES = (".tar", ".zip", ".gz", ".tgz")
_REMAP_COLUMNS = "identity,emotion,level,public,canonical"


@dataclass(frozen=True, order=True)
class MeadClip:
    """Names one recording: who, which emotion (canonical), level 1..3 (neutral: 1), sentence number."""

    identity: str
    emotion: str
    level: int
    number: int

    @property
    def name(self) -> str:
        """Returns identity/emotion/level_k/NNN, as lists and reports write it."""
        return f"{self.identity}/{self.emotion}/level_{self.level}/{self.number:03d}"

    @property
    def flat(self) -> str:
        """Returns EAT's flat name: identity_cod_level_NNN."""
        return f"{self.identity}_{_CODES[self.emotion]}_{self.level}_{self.number:03d}"

    @classmethod
    def parse_flat(cls, stem: str) -> MeadClip | None:
        """Returns the clip of a flat name with underscores or dashes; None if it is not one."""
        match = _FLAT.match(stem)
        if not match or match["code"] not in CORPUS_LABELS["eat"]:
            return None
        emotion = CORPUS_LABELS["eat"][match["code"]]
        return cls(match["identity"], emotion, int(match["level"]), int(match["number"]))


def read_remap(path: Path) -> dict[MeadClip, MeadClip]:
    """Reads a user's table canonical clip → clip on disk, from csv columns identity, emotion, level, public, canonical.

    `public` is the number in the file's name, `canonical` the number that the lists mean. Raises UsageError, also
    when one file is given two meanings, or there is no such file.
    """
    table: dict[MeadClip, MeadClip] = {}
    meanings: dict[MeadClip, MeadClip] = {}
    for line, row in enumerate(_remap_rows(path), start=2):
        canonical, public = _remap_row(row, f"Line {line} of {path}")
        for seen, clip in ((table, canonical), (meanings, public)):
            if clip in seen:
                word = "canonical" if seen is table else "public"
                raise UsageError(f"Line {line} of {path} gives {word} {clip.name} a second time.")
        table[canonical], meanings[public] = public, canonical
    return table


def _remap_rows(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            return list(csv.DictReader(stream))
    except FileNotFoundError:
        raise UsageError(f"There is no remap table {path}.", f"A csv file with the columns {_REMAP_COLUMNS}.") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        why = getattr(error, "strerror", None) or error
        raise UsageError(f"{path} cannot be read: {why}.", f"A csv file with the columns {_REMAP_COLUMNS}.") from error


def _remap_row(row: dict[str, str], where: str) -> tuple[MeadClip, MeadClip]:
    try:
        identity, emotion, level = row["identity"].strip(), row["emotion"].strip(), int(row["level"])
        canonical, public = int(row["canonical"]), int(row["public"])
    except (KeyError, ValueError, AttributeError, TypeError):
        raise UsageError(f"{where} is not a remap row.", f"Columns: {_REMAP_COLUMNS}.") from None
    if not IDENTITY.match(identity) or emotion not in CORPUS_LABELS["mead"] or level not in (1, 2, 3):
        raise UsageError(
            f"{where}: MEAD has no folder {identity}/{emotion}/level_{level}.",
            f"Identities like M003, levels 1 to 3, emotions: {', '.join(CORPUS_LABELS['mead'])}.",
        )
    return MeadClip(identity, emotion, level, canonical), MeadClip(identity, emotion, level, public)


class MeadTree:
    """Finds clips under `root`. Nothing is decoded; folders are listed once and remembered.

    In a tree, each identity's front view may lie in `front` (C-MET's FPS25) or `video/front` (the official archives,
    unpacked), its sound beside the picture or under `audio`: half-way states of one's own work are found too. What
    lies in the folder `without` is not seen.
    """

    def __init__(
        self, root: Path, remap: Mapping[MeadClip, MeadClip] | None = None, without: Path | None = None
    ) -> None:
        self.root = root
        self._without = without
        self.remap = dict(remap or {})
        self._meanings = {public: canonical for canonical, public in self.remap.items()}
        self._listing: dict[Path, dict[str, list[str]]] = {}
        self.base, self.layout = self._detect()
        self._flat = self._flat_index() if self.layout == "eat" else {}

    def _detect(self) -> tuple[Path, Layout]:
        for base in self._bases():
            for name in self._identities(base):
                if (base / name / "front").is_dir():
                    return base, "fps25"
                if (base / name / "video" / "front").is_dir():
                    return base, "official"
        return self.root, "eat"

    def _bases(self) -> list[Path]:
        return [base for base in (self.root / prefix for prefix in _TREE_PREFIXES) if base != self._without]

    def _identities(self, base: Path) -> list[str]:
        return sorted(name for name in self._names(base) if IDENTITY.match(name))

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

    def _flat_index(self) -> dict[MeadClip, list[Path]]:
        index: dict[MeadClip, list[Path]] = {}
        start = len(self.root.parts)
        for folder, subfolders, names in os.walk(self.root):
            if len(Path(folder).parts) - start >= _FLAT_DEPTH or Path(folder) == self._without:
                subfolders.clear()
            if Path(folder) == self._without:
                continue
            subfolders.sort()
            for name in sorted(names):
                clip = MeadClip.parse_flat(Path(name).stem)
                if clip is not None:
                    index.setdefault(clip, []).append(Path(folder) / name)
        return index

    def _pick(self, clip: MeadClip, places: tuple[str, ...], suffixes: tuple[str, ...]) -> Path | None:
        """The clip's file with one of the suffixes, in the first of the identity's folders that has it."""
        if self.layout == "eat":
            return next((path for path in self._flat.get(clip, ()) if path.suffix.lower() in suffixes), None)
        for place in places:
            folder = self.base / clip.identity / place / clip.emotion / f"level_{clip.level}"
            for name in self._names(folder).get(f"{clip.number:03d}", ()):
                if Path(name).suffix.lower() in suffixes:
                    return folder / name
        return None

    def on_disk(self, clip: MeadClip) -> MeadClip | None:
        """Returns the clip whose number stands in the file's name, by the user's remap table.

        None where the table says that the file of this number is another clip: no file may serve two.
        """
        if clip in self.remap:
            return self.remap[clip]
        return None if clip in self._meanings else clip

    def video(self, clip: MeadClip) -> Path | None:
        """Returns the clip's picture file, or None."""
        disk = self.on_disk(clip)
        return None if disk is None else self._pick(disk, _VIDEO_PLACES, VIDEO_SUFFIXES)

    def sound(self, clip: MeadClip) -> Path | None:
        """Returns the clip's sound file, or its picture file (which then carries the sound), or None."""
        disk = self.on_disk(clip)
        beside = None if disk is None else self._pick(disk, (*_VIDEO_PLACES, "audio"), SOUND_SUFFIXES)
        return beside or self.video(clip)

    def clips(self) -> Iterator[MeadClip]:
        """Yields every clip with a picture (front view), by the numbers in the files' names, in order."""
        if self.layout == "eat":
            yield from sorted(clip for clip in self._flat if self._pick(clip, (), VIDEO_SUFFIXES))
            return
        for identity in self._identities(self.base):
            for emotion in sorted(CORPUS_LABELS["mead"]):
                for level in (1, 2, 3):
                    yield from self._numbered(identity, emotion, level)

    def _numbered(self, identity: str, emotion: str, level: int) -> Iterator[MeadClip]:
        folders = [self.base / identity / place / emotion / f"level_{level}" for place in _VIDEO_PLACES]
        stems = {stem for folder in folders for stem in self._names(folder) if stem.isdigit() and len(stem) == 3}
        for stem in sorted(stems):
            clip = MeadClip(identity, emotion, level, int(stem))
            if self._pick(clip, _VIDEO_PLACES, VIDEO_SUFFIXES):
                yield clip

    def canonical_clips(self) -> Iterator[MeadClip]:
        """Yields every clip with a picture, by the numbers that the lists mean (the remap table applied).

        A file whose number the table gives to another one, and which it does not name, means nothing.
        """
        for clip in self.clips():
            if clip in self._meanings or clip not in self.remap:
                yield self._meanings.get(clip, clip)

    def still_packed(self) -> list[Path]:
        """Returns the archives of the official download (ID/video.tar, ID/video_1.tar …) of identities without a front
        view.
        """
        archives: list[Path] = []
        for base in self._bases():
            for folder in (base / name for name in self._identities(base)):
                if not any((folder / place).is_dir() for place in _VIDEO_PLACES):
                    names = (name for names in self._names(folder).values() for name in names)
                    archives += [folder / name for name in names if Path(name).suffix in _ARCHIVES]
        return archives
