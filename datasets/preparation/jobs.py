"""This module lists the work of `prepare` for each corpus: one job per clip, named by the place of its results."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from datasets.crema_d import CremaTree
from datasets.folder import MEDIA_SUFFIXES, unique_ids
from datasets.health import known_bad
from datasets.mead_layout import SOUND_SUFFIXES, MeadTree, read_remap
from datasets.meld_layout import SPLITS, MeldTree
from harness.errors import MissingError, UsageError, unknown_name

CORPORA = ("mead", "crema_d", "meld", "folder")
_SYNONYMS = {"meld_extended": "meld"}  # the dataset whose speech it is
FEATURES = "emotion2vec+large_features"
#: Where `prepare` keeps what is its own. C-MET's scripts take every entry of the tree for an identity and list its
#: front view: ours is a folder with an empty one, so that they pass over it.
OWN = "cmet-bench"
FAILURES = f"{OWN}/failures.csv"


@dataclass(frozen=True)
class Job:
    """Describes the work on one clip: where it is, and the path of its results without extension. `video` is None for
    speech only.
    """

    name: str
    video: Path | None
    sound: Path
    target: Path

    @property
    def clip(self) -> Path:
        """Returns the path of the cropped clip, 25 fps."""
        return self.target.with_name(self.target.name + ".mp4")

    @property
    def wav(self) -> Path:
        """Returns the path of the clip's sound, 16 kHz mono."""
        return self.target.with_name(self.target.name + ".wav")

    @property
    def speech(self) -> Path:
        """Returns the path of the clip's speech feature, (1024,) float32."""
        return self.target.parent / FEATURES / f"{self.target.name}.npy"

    def codes(self, kind: str) -> Path:
        """Returns the path of the clip's EDTalk codes of a kind (exp, pose, lip), (frames, n) float32."""
        return self.target.with_name(f"{self.target.name}_ED_{kind}.npy")


def jobs_of(corpus: str, root: Path, out: Path, remap: Path | None = None, split: str | None = None) -> list[Job]:
    """Returns a job for every clip of a corpus on disk, in order. Raises MissingError when there is none.

    MEAD (front view) keeps its tree and gets canonical numbers (`remap`), CREMA-D and folders become flat, MELD gives
    speech only. Clips that are known to be bad throughout are left out; `out` may lie inside `root`.
    """
    corpus = _SYNONYMS.get(corpus, corpus)
    if corpus not in CORPORA:
        raise unknown_name("corpus", corpus, CORPORA)
    if not root.is_dir():
        raise MissingError(f"{root} is not a folder.", "Give the folder of the corpus.")
    if out.resolve() == root.resolve():
        raise UsageError("OUT must not be the folder that is read.", "Give another folder.")
    for option, value, its in (("--remap", remap, "mead"), ("--split", split, "meld")):
        if value is not None and corpus != its:
            raise UsageError(f"{option} is about {its}, not about {corpus}.", "Leave it out.")
    if corpus == "mead":
        jobs = list(_mead(MeadTree(root, read_remap(remap) if remap else None, out), out))
    elif corpus == "meld":
        jobs = list(_meld(root, out, split))
    else:
        jobs = list(_crema(root, out) if corpus == "crema_d" else _folder(root, out))
    if not jobs:
        raise MissingError(f"{root} holds no clips of {corpus}.", _cure(corpus, root))
    return jobs


def _cure(corpus: str, root: Path) -> str:
    packed = MeadTree(root).still_packed() if corpus == "mead" else []
    if packed:
        return f"Unpack the archives of the download first, e.g. {packed[0]}."
    if corpus == "folder":
        return f"Known: {', '.join((*MEDIA_SUFFIXES, *SOUND_SUFFIXES))}."
    if corpus == "meld":
        return "Clips are called dia0_utt0.mp4; --split says which split they are where no folder's name does."
    return f"`python bench.py verify {corpus} {root}` says why."


def _mead(tree: MeadTree, out: Path) -> Iterator[Job]:
    for clip in sorted(tree.canonical_clips()):
        video, sound = tree.video(clip), tree.sound(clip)
        if video is not None and sound is not None:
            place = out / clip.identity / "front" / clip.emotion / f"level_{clip.level}" / f"{clip.number:03d}"
            yield Job(clip.name, video, sound, place)


def _crema(root: Path, out: Path) -> Iterator[Job]:
    tree = CremaTree(root, without=out)
    for name in tree.names():
        video, sound = tree.video(name), tree.sound(name)
        if video is not None and sound is not None and not known_bad(("crema_d",), name):
            yield Job(name, video, sound, out / name)


def _meld(root: Path, out: Path, split: str | None) -> Iterator[Job]:
    if split not in (None, *SPLITS):
        raise unknown_name("split of MELD", str(split), SPLITS)
    tree = MeldTree(root, split, without=out)
    for line in tree.lines():
        sound = tree.sound(line)
        if sound is not None and not known_bad(("meld",), line.name):
            yield Job(line.name, None, sound, out / line.split / line.name.split("/")[1])


def _folder(root: Path, out: Path) -> Iterator[Job]:
    """Films with the sound file beside them, else with their own sound; sound files without a film."""
    seen = [path for path in sorted(root.rglob("*")) if _is_media(path, root, out)]
    films = [path for path in seen if path.suffix.lower() in MEDIA_SUFFIXES]
    beside = {path.with_suffix(""): path for path in reversed(seen) if path.suffix.lower() in SOUND_SUFFIXES}
    filmed = {path.with_suffix("") for path in films}
    wanted = sorted([*films, *(path for stem, path in beside.items() if stem not in filmed)])
    names = unique_ids([path.relative_to(root) for path in wanted])
    for path, name in zip(wanted, names, strict=True):
        film = path if path.suffix.lower() in MEDIA_SUFFIXES else None
        yield Job(name, film, beside.get(path.with_suffix(""), path), out / name)


def _is_media(path: Path, root: Path, out: Path) -> bool:
    if path.suffix.lower() not in (*MEDIA_SUFFIXES, *SOUND_SUFFIXES) or path.is_relative_to(out) or path.is_dir():
        return False
    return not any(part.startswith(".") for part in path.relative_to(root).parts)


def read_failures(out: Path) -> dict[str, dict[str, str]]:
    """Returns the clips that failed before, by name; their source's size and time tell whether it changed since."""
    try:
        with (out / FAILURES).open(encoding="utf-8", newline="") as stream:
            return {row["clip"]: row for row in csv.DictReader(stream)}
    except (OSError, KeyError, csv.Error):
        return {}


def fingerprint(job: Job) -> str:
    """Returns the size and time of a job's sources: equal while nobody touched them. A source that is gone has none."""
    marks = []
    for path in (job.video, job.sound):
        if path is not None:
            try:
                stat = path.stat()
            except OSError:
                marks.append("gone")
            else:
                marks.append(f"{stat.st_size}-{stat.st_mtime_ns}")
    return "|".join(marks)
