"""What `prepare` has to do for each corpus: one job a clip, named by where its results go."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from datasets.crema_d import CremaTree
from datasets.folder import MEDIA_SUFFIXES, clip_id
from datasets.health import known_bad
from datasets.mead_layout import MeadTree, read_remap
from datasets.meld_layout import MeldTree
from harness.errors import MissingError, UsageError, unknown_name

CORPORA = ("mead", "crema_d", "meld", "folder")
FEATURES = "emotion2vec+large_features"


@dataclass(frozen=True)
class Job:
    """One clip: where it is, and the path of its results without extension. `video` is None for speech only."""

    name: str
    video: Path | None
    sound: Path
    target: Path

    @property
    def clip(self) -> Path:
        """The cropped clip, 25 fps."""
        return self.target.with_name(self.target.name + ".mp4")

    @property
    def wav(self) -> Path:
        """Its sound, 16 kHz mono."""
        return self.target.with_name(self.target.name + ".wav")

    @property
    def speech(self) -> Path:
        """Its speech feature, (1024,) float32."""
        return self.target.parent / FEATURES / f"{self.target.name}.npy"

    def codes(self, kind: str) -> Path:
        """Its EDTalk codes of a kind (exp, pose, lip), (frames, n) float32."""
        return self.target.with_name(f"{self.target.name}_ED_{kind}.npy")


def jobs_of(corpus: str, root: Path, out: Path, remap: Path | None = None, split: str | None = None) -> list[Job]:
    """Every clip of a corpus on disk, in order. Raises MissingError when there is none.

    MEAD (front view) keeps its tree and gets canonical numbers (`remap`), CREMA-D and folders become flat, MELD gives
    speech only. Clips that are known to be bad throughout are left out.
    """
    if corpus not in CORPORA:
        raise unknown_name("corpus", corpus, CORPORA)
    if not root.is_dir():
        raise MissingError(f"{root} is not a folder.", "Give the folder of the corpus.")
    if out.resolve() == root.resolve():
        raise UsageError("OUT must not be the folder that is read.", "Give another folder.")
    maker = {"mead": _mead, "crema_d": _crema, "folder": _folder}.get(corpus)
    found = list(maker(root, out, remap) if maker else _meld(root, out, split))
    found = [job for job in found if not job.video or not job.video.is_relative_to(out)]
    if not found:
        raise MissingError(f"{root} holds no clips of {corpus}.", f"`python bench.py verify {corpus} {root}` says why.")
    return found


def _mead(root: Path, out: Path, remap: Path | None) -> Iterator[Job]:
    tree = MeadTree(root, read_remap(remap) if remap else None)
    for clip in sorted(tree.canonical_clips()):
        video, sound = tree.video(clip), tree.sound(clip)
        if video is not None and sound is not None:
            place = out / clip.identity / "front" / clip.emotion / f"level_{clip.level}" / f"{clip.number:03d}"
            yield Job(clip.name, video, sound, place)


def _crema(root: Path, out: Path, remap: Path | None) -> Iterator[Job]:
    tree = CremaTree(root)
    for name in tree.names():
        video, sound = tree.video(name), tree.sound(name)
        if video is not None and sound is not None and not known_bad(("crema_d",), name):
            yield Job(name, video, sound, out / name)


def _meld(root: Path, out: Path, split: str | None) -> Iterator[Job]:
    tree = MeldTree(root, split)
    for line in tree.lines():
        sound = tree.sound(line)
        if sound is not None and not known_bad(("meld",), line.name):
            yield Job(line.name, None, sound, out / line.split / line.name.split("/")[1])


def _folder(root: Path, out: Path, remap: Path | None) -> Iterator[Job]:
    paths = (path for path in sorted(root.rglob("*")) if path.suffix.lower() in MEDIA_SUFFIXES)
    for path in paths:
        if not path.name.startswith("."):
            name = clip_id(path.relative_to(root))
            yield Job(name, path, path, out / name)


FAILURES = "prepare_failures.csv"


def read_failures(out: Path) -> dict[str, dict[str, str]]:
    """Clips that failed before, by name; their source's size and time tell whether it changed since."""
    try:
        with (out / FAILURES).open(encoding="utf-8", newline="") as stream:
            return {row["clip"]: row for row in csv.DictReader(stream)}
    except (OSError, KeyError, csv.Error):
        return {}


def fingerprint(job: Job) -> str:
    """Size and time of a job's sources: equal while nobody touched them."""
    marks = []
    for path in (job.video, job.sound):
        if path is not None:
            stat = path.stat()
            marks.append(f"{stat.st_size}-{stat.st_mtime_ns}")
    return "|".join(marks)
