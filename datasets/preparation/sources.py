"""A source lists the clips of one corpus on disk for `prepare`, which knows no corpus by name."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from datasets.clip_ids import unique_ids
from datasets.crema_d import CremaTree
from datasets.health import known_bad
from datasets.mead_layout import SOUND_SUFFIXES, MeadTree, read_remap
from datasets.meld_layout import SPLITS, MeldTree
from datasets.preparation import SOURCES
from datasets.preparation.jobs import Job
from harness import registry
from harness.errors import MissingError, UsageError, unknown_name
from harness.records import MEDIA_SUFFIXES


class ClipSource(ABC):
    """A corpus as `prepare` reads it. Clips that are known to be bad throughout are left out."""

    name: ClassVar[str]  # as settings of a prepared tree record it
    option: ClassVar[str] = ""  # the one option of `prepare` that it takes: remap, or split
    packs: ClassVar[bool] = False  # whether training reads its features, packed into one file

    def __init__(self, given: Path | str | None = None) -> None:
        self.given = given  # value of its option

    @abstractmethod
    def jobs(self, root: Path, out: Path) -> Iterator[Job]:
        """Yields one job per clip, in order; `out`, where results go, may lie inside `root` and is never read."""

    def cure(self, root: Path) -> str:
        """Returns the advice for a folder that holds no clips."""
        return "Give the folder of the corpus."


def source_of(corpus: str, remap: Path | None = None, split: str | None = None) -> ClipSource:
    """Returns the source of a corpus (a name, or path/to/file.py:Class). UsageError for an option that it lacks."""
    kind: type[ClipSource] = registry.load(registry.resolve("corpus", corpus, SOURCES))
    given = {"remap": remap, "split": split}
    for option, value in given.items():
        if value is not None and option != kind.option:
            raise UsageError(f"--{option} says nothing about {corpus}.", "Leave it out.")
    return kind(given.get(kind.option))


def jobs_of(source: ClipSource, root: Path, out: Path) -> list[Job]:
    """Returns a job for every clip of a corpus on disk, in order. Raises MissingError when there is none."""
    if not root.is_dir():
        raise UsageError(f"{root} is not a folder.", "Give the folder of the corpus.")
    if out.resolve() == root.resolve():
        raise UsageError("OUT must not be the folder that is read.", "Give another folder.")
    jobs = list(source.jobs(root, out))
    if not jobs:
        raise MissingError(f"{root} holds no clips of {source.name}.", source.cure(root))
    return jobs


class MeadSource(ClipSource):
    """MEAD's front view keeps its tree and gets canonical numbers (`--remap`)."""

    name = "mead"
    option = "remap"
    packs = True

    def jobs(self, root: Path, out: Path) -> Iterator[Job]:
        """Yields the clips that have a picture and a sound."""
        tree = MeadTree(root, read_remap(Path(self.given)) if self.given else None, out)
        for clip in sorted(tree.canonical_clips()):
            video, sound = tree.video(clip), tree.sound(clip)
            if video is not None and sound is not None:
                place = out / clip.identity / "front" / clip.emotion / f"level_{clip.level}" / f"{clip.number:03d}"
                yield Job(clip.name, video, sound, place)

    def cure(self, root: Path) -> str:
        """Names an archive that was downloaded and not unpacked, or the verb that knows more."""
        packed = MeadTree(root).still_packed()
        if packed:
            return f"Unpack the archives of the download first, e.g. {packed[0]}."
        return f"`python bench.py verify mead {root}` says why."


class CremaSource(ClipSource):
    """CREMA-D becomes one flat folder."""

    name = "crema_d"

    def jobs(self, root: Path, out: Path) -> Iterator[Job]:
        """Yields the clips that have a picture and a sound."""
        tree = CremaTree(root, without=out)
        for name in tree.names():
            video, sound = tree.video(name), tree.sound(name)
            if video is not None and sound is not None and not known_bad((self.name,), name):
                yield Job(name, video, sound, out / name)

    def cure(self, root: Path) -> str:
        """Names the verb that knows more."""
        return f"`python bench.py verify crema_d {root}` says why."


class MeldSource(ClipSource):
    """MELD gives speech only; `--split` says which split its clips are where no folder's name does."""

    name = "meld"
    option = "split"

    def jobs(self, root: Path, out: Path) -> Iterator[Job]:
        """Yields the lines that have a sound. UsageError for an unknown split."""
        if self.given not in (None, *SPLITS):
            raise unknown_name("split of MELD", str(self.given), SPLITS)
        tree = MeldTree(root, None if self.given is None else str(self.given), without=out)
        for line in tree.lines():
            sound = tree.sound(line)
            if sound is not None and not known_bad((self.name,), line.name):
                yield Job(line.name, None, sound, out / line.split / line.name.split("/")[1])

    def cure(self, root: Path) -> str:
        """Says what clips are called."""
        return "Clips are called dia0_utt0.mp4; --split says which split they are where no folder's name does."


class FolderSource(ClipSource):
    """Any folder: films with the sound file beside them, else with their own sound; sound files without a film."""

    name = "folder"

    def jobs(self, root: Path, out: Path) -> Iterator[Job]:
        """Yields the media files of the folder, which become one flat folder."""
        seen = [path for path in sorted(root.rglob("*")) if _is_media(path, root, out)]
        films = [path for path in seen if path.suffix.lower() in MEDIA_SUFFIXES]
        beside = {path.with_suffix(""): path for path in reversed(seen) if path.suffix.lower() in SOUND_SUFFIXES}
        filmed = {path.with_suffix("") for path in films}
        wanted = sorted([*films, *(path for stem, path in beside.items() if stem not in filmed)])
        names = unique_ids([path.relative_to(root) for path in wanted])
        for path, name in zip(wanted, names, strict=True):
            film = path if path.suffix.lower() in MEDIA_SUFFIXES else None
            yield Job(name, film, beside.get(path.with_suffix(""), path), out / name)

    def cure(self, root: Path) -> str:
        """Lists the endings of media files."""
        return f"Known: {', '.join((*MEDIA_SUFFIXES, *SOUND_SUFFIXES))}."


def _is_media(path: Path, root: Path, out: Path) -> bool:
    if path.suffix.lower() not in (*MEDIA_SUFFIXES, *SOUND_SUFFIXES) or path.is_relative_to(out) or path.is_dir():
        return False
    return not any(part.startswith(".") for part in path.relative_to(root).parts)
