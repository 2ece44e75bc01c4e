"""This module reads any folder of clips, with or without a csv of labels, to generate from or to judge."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from datasets.clip_ids import unique_ids
from datasets.derived import DerivedFile, Length, Lengths, Workshop, make
from harness.dataset import Dataset
from harness.emotions import BASIC_EMOTIONS, EXTENDED_EMOTIONS, named
from harness.errors import MissingError, UsageError, unknown_name
from harness.labels_csv import is_yes, path_in, read_labels
from harness.records import MEDIA_SUFFIXES, Emotion, Sample

_LABELS_FILE = "labels.csv"
_MEND = "Mend that line."


@dataclass(frozen=True)
class FolderClip:
    """Holds one clip and the facts of its csv row; paths are absolute and inside the folder."""

    id: str
    clip: Path
    emotion: str = ""
    unrecognised: str = ""
    intensity: int | None = None
    identity: str = ""
    reference: Path | None = None
    aligned: bool = False
    audio: Path | None = None
    image: Path | None = None
    speech: tuple[Path, ...] = ()


def inside(folder: Path, text: str, where: str) -> Path:
    """Returns the path `text` relative to `folder`. Raises UsageError when it leads outside (links included)."""
    try:
        path = path_in(folder, text, where).resolve()
    except (ValueError, OSError, RuntimeError) as error:  # a zero byte, a name too long, a circle of links
        raise UsageError(f"{where}: {text[:80]!r} is not a path: {error}.", _MEND) from error
    if not path.is_relative_to(folder.resolve()):
        raise UsageError(f"{where}: '{text}' lies outside {folder}.", "Paths in the csv must stay inside its folder.")
    return path


class Folder(Dataset):
    """Takes every media file under `root` as a sample; an unreadable one becomes an unscored row with its reason.

    `root` is a folder, a csv inside one, or one clip (with its line of labels.csv, if there is one). `labels`
    (default: root/labels.csv if there is one) has the columns of harness/labels_csv.py; only `clip` is needed:
    emotion (a canonical or corpus name), intensity (1..3), identity, reference (the ground-truth clip), aligned (1
    if its frame k corresponds to the clip's frame k), audio (driving sound, if not the clip's own), image (identity
    picture, if not the clip's first frame), speech (emotional utterances, ';' between them). A csv names the clips:
    others in the folder are left out. `references` is a folder of ground-truth clips with the clips' names, or the
    one file of one clip; `extended`: labels of your own that count as extended emotions, comma between them. Judging:
    `clip(sample)` is the file itself.
    """

    name = "folder"
    options: ClassVar[tuple[str, ...]] = ("labels", "references", "extended")

    def __init__(self, root: Path | str | None = None, list_name: str | None = None, **options: Any) -> None:
        for option in options:
            if option not in self.options:
                raise unknown_name("option of dataset folder", option, self.options)
        if list_name is not None:
            raise UsageError("Dataset 'folder' has no lists.", "Leave --list out, or give a csv of clips.")
        if root is None:
            raise MissingError("Dataset 'folder' needs a folder of clips.", "Give --root DIR.")
        given = Path(root).expanduser().resolve()
        self._one = given if given.is_file() and given.suffix.lower() in MEDIA_SUFFIXES else None
        self.root = given.parent if self._one or (given.suffix.lower() == ".csv" and given.is_file()) else given
        if self.root.is_file():
            raise UsageError(
                f"{given} is a file, and neither a clip nor a csv.",
                "Give a clip, the folder of clips, or a csv of them.",
            )
        if not self.root.is_dir():
            raise UsageError(f"{given} is not a folder.", "Give a folder of clips, or a csv of them.")
        own = (name.strip().lower() for name in (options.get("extended") or "").split(","))
        self.extended = (*EXTENDED_EMOTIONS, *filter(None, own))
        labels = options.get("labels") or (given if given.is_file() and not self._one else None)
        default = self.root / _LABELS_FILE
        self.labels = Path(labels).resolve() if labels else default if default.is_file() else None
        self.references = Path(options["references"]).expanduser().resolve() if options.get("references") else None
        alone = self._one is not None and self.references is not None and self.references.is_file()
        if self.references is not None and not self.references.is_dir() and not alone:
            raise UsageError(f"{self.references} is not a folder.", "Give the folder of ground-truth clips.")
        self.workshop = Workshop(self.name, self.root)
        self.lengths = Lengths(self.name)

    @cached_property
    def entries(self) -> tuple[FolderClip, ...]:
        """Returns one entry per clip, in the order of the csv or of the paths. Raises UsageError for a wrong csv."""
        rows = self._csv_rows() if self.labels else [(path, {}, "") for path in self._media()]
        if self._one:
            rows = [row for row in rows if row[0] == self._one] or [(self._one, {}, "")]
        ids = unique_ids([path.relative_to(self.root) for path, _, _ in rows])
        return tuple(self._entry(name, *row) for name, row in zip(ids, rows, strict=True))

    def _media(self) -> list[Path]:
        paths = []
        for folder, subfolders, names in os.walk(self.root):
            subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
            for name in names:
                if Path(name).suffix.lower() in MEDIA_SUFFIXES and not name.startswith("."):
                    paths.append(Path(folder) / name)
        return sorted(paths, key=lambda path: path.relative_to(self.root).parts)

    def _csv_rows(self) -> list[tuple[Path, Mapping[str, str], str]]:
        assert self.labels is not None
        rows: list[tuple[Path, Mapping[str, str], str]] = []
        seen: set[Path] = set()
        for line, row in read_labels(self.labels):
            where = f"Line {line} of {self.labels}"
            if not row["clip"].strip():
                raise UsageError(f"{where} names no clip.", _MEND)
            path = inside(self.root, row["clip"], where)
            if path.is_dir():
                raise UsageError(f"{where}: '{row['clip']}' is a folder, not a clip.", _MEND)
            if path in seen:
                raise UsageError(f"{where} gives '{row['clip']}' a second time.", _MEND)
            seen.add(path)
            rows.append((path, row, where))
        return rows

    def _entry(self, name: str, clip: Path, row: Mapping[str, str], where: str) -> FolderClip:
        def path(column: str) -> Path | None:
            text = (row.get(column) or "").strip()
            return inside(self.root, text, where) if text else None

        word = (row.get("emotion") or "").strip()
        emotion = named(word, self.extended)
        words = [part for part in (row.get("speech") or "").split(";") if part.strip()]
        intensity = (row.get("intensity") or "").strip()
        if intensity and intensity not in ("1", "2", "3"):
            raise UsageError(f"{where}: intensity '{intensity}' is not 1, 2 or 3.", "Leave it empty if unknown.")
        return FolderClip(
            id=name,
            clip=clip,
            emotion=emotion,
            unrecognised="" if emotion else word,
            intensity=int(intensity) if intensity else None,
            identity=(row.get("identity") or "").strip() or name,
            reference=path("reference") or self._reference(clip),
            aligned=is_yes(row.get("aligned") or "", where),
            audio=path("audio"),
            image=path("image"),
            speech=tuple(inside(self.root, part, where) for part in words),
        )

    def _reference(self, clip: Path) -> Path | None:
        if self.references is None:
            return None
        if self.references.is_file():  # the ground truth of a clip alone
            return self.references
        twin = self.references / clip.relative_to(self.root)
        twins = (twin.with_suffix(suffix) for suffix in (twin.suffix, *MEDIA_SUFFIXES))
        return next((path for path in twins if path.is_file()), None)

    def samples(self) -> tuple[Sample, ...]:
        """Returns one sample per clip. Raises MissingError when there is none, UsageError when no reference
        fits any.
        """
        if not self.entries:
            raise self._empty()
        if self.references is not None and not any(entry.reference for entry in self.entries):
            raise UsageError(
                f"No file in {self.references} is called like a clip in {self.root}.",
                "Give --reference the folder with the ground truth, each file named as the clip it belongs to.",
            )
        self.lengths.measure(Length("sound", entry.audio) for entry in self.entries if entry.audio)
        self.lengths.measure(Length("clip", entry.clip) for entry in self.entries if not self._sound_frames(entry))
        return tuple(self._plan(entry)[0] for entry in self.entries)

    def _empty(self) -> MissingError:
        if self.labels is not None:
            return MissingError(f"{self.labels} names no clips.", "Give it a line for each clip, or take it away.")
        return MissingError(f"{self.root} holds no clips ({', '.join(MEDIA_SUFFIXES)}).", "Give another folder.")

    def _sound_frames(self, entry: FolderClip) -> int:
        """The frames of the sound that lies beside a clip; 0 where there is none."""
        return self.lengths.sound_frames(entry.audio) if entry.audio else 0

    def _plan(self, entry: FolderClip) -> tuple[Sample, tuple[DerivedFile, ...]]:
        frames = self._sound_frames(entry) or self.lengths.clip_frames(entry.clip)
        sound = self.workshop.recipe("sound", entry.audio or entry.clip, frames)
        picture = self.workshop.recipe("first_picture", entry.clip)
        pose = self.workshop.recipe("pose", entry.clip, frames)
        label = entry.emotion if entry.emotion in BASIC_EMOTIONS else None
        emotion = Emotion(entry.emotion, label, "truth", entry.intensity, entry.speech, unrecognised=entry.unrecognised)
        sample = Sample(
            id=entry.id,
            dataset=self.name,
            identity=entry.identity,
            emotion=emotion,
            source_image=entry.image or picture.target,
            driving_audio=sound.target,
            frames=frames,
            source_video=entry.clip,
            pose_video=pose.target,
            reference_video=entry.reference,
            reference_aligned=entry.aligned,
        )
        return sample, (sound, pose) if entry.image else (picture, sound, pose)

    def clip(self, sample: Sample) -> Path:
        """Returns the clip that a sample stands for, when the folder holds results to judge."""
        return self._entry_of(sample).clip

    @cached_property
    def _by_id(self) -> dict[str, FolderClip]:
        return {entry.id: entry for entry in self.entries}

    def _entry_of(self, sample: Sample) -> FolderClip:
        if sample.id not in self._by_id:
            raise UsageError(f"'{sample.id}' is not a clip of {self.root}.", "Start a new run: the folder has changed.")
        return self._by_id[sample.id]

    def materialise(self, sample: Sample) -> None:
        """Makes the files that generating from this sample needs. Raises MediaError for an unreadable clip."""
        for recipe in self._plan(self._entry_of(sample))[1]:
            make(recipe)
