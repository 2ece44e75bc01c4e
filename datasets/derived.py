"""This module makes files from corpus files when a sample needs them: cut sound, first picture, pose clip.

They live in the cache, never in the corpus. Making one is idempotent, atomic, and safe when two processes do it at
once: both write the same bytes and the last rename wins. A file older than its source is made again.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from harness import liveness
from harness.digest import cache_dir, recall, remember
from harness.errors import MediaError
from harness.guard import Crash, attempt
from harness.parallel import each
from harness.reasons import CHANGES_PICTURES
from harness.records import FPS, SAMPLE_RATE_HZ, SAMPLES_PER_FRAME

_MEASURING_SECONDS = 300.0
_WORTH_A_PROCESS = 16  # files
Kind = Literal["first_picture", "middle_picture", "sound", "whole_sound", "pose"]
_STEM = 40  # characters of a source's name: room for a key and a prefix in the 255 bytes that a name has


@dataclass(frozen=True)
class DerivedFile:
    """Says how one file is made. `frames` counts at 25 fps; it matters for `sound` and `pose`."""

    kind: Kind
    source: Path
    target: Path
    frames: int = 0


class Workshop:
    """Names the derived files of one corpus folder."""

    def __init__(self, corpus: str, root: Path) -> None:
        key = hashlib.sha256(os.fsencode(root.resolve())).hexdigest()[:12]
        self.folder = cache_dir() / "derived" / f"{corpus}-{key}"

    def recipe(self, kind: Kind, source: Path, frames: int = 0) -> DerivedFile:
        """Returns the recipe of a file made from `source`; equal requests name the same file."""
        suffix = {"first_picture": ".png", "middle_picture": ".png", "pose": ".mp4"}.get(kind, ".wav")
        key = hashlib.sha256(os.fsencode(source)).hexdigest()[:8]
        count = f"-{frames}" if kind in ("sound", "pose") else ""
        return DerivedFile(kind, source, self.folder / kind / f"{source.stem[:_STEM]}-{key}{count}{suffix}", frames)


def make(recipe: DerivedFile) -> Path:
    """Makes the file if it is absent or older than its source, and returns its path. Raises MediaError."""
    if not fresh(recipe.target, recipe.source):
        {
            "first_picture": _picture,
            "middle_picture": _picture,
            "sound": _sound,
            "whole_sound": _sound,
            "pose": _pose,
        }[recipe.kind](recipe)
    return recipe.target


def fresh(target: Path, *sources: Path) -> bool:
    """Says whether `target` exists and is not older than any of the sources."""
    try:
        made = target.stat()
        return made.st_size > 0 and all(made.st_mtime_ns >= source.stat().st_mtime_ns for source in sources)
    except OSError:
        return False


def _picture(recipe: DerivedFile) -> None:
    from PIL import Image

    from harness.atomic import replacing
    from harness.media import VideoReader

    reader = VideoReader(recipe.source, chunk=1)
    wanted = reader.frames // 2 if recipe.kind == "middle_picture" else 0
    picture = next((chunk[0] for index, chunk in enumerate(reader) if index == wanted), None)
    if picture is None:
        raise MediaError(f"{recipe.source} has no frames.", reason="empty")
    with replacing(recipe.target) as partial:
        Image.fromarray(picture).save(partial, format="PNG", compress_level=1)


def _sound(recipe: DerivedFile) -> None:
    from harness.media import read_audio, write_wav

    samples = read_audio(recipe.source).samples
    if recipe.kind == "sound":
        samples = exact_length(samples, recipe.frames * SAMPLES_PER_FRAME)
    write_wav(recipe.target, samples)


def exact_length(samples: npt.NDArray[np.float32], count: int) -> npt.NDArray[np.float32]:
    """Returns the first `count` samples; silence is appended where there are fewer."""
    return np.pad(samples[:count], (0, max(0, count - len(samples))))


def mirrored_index(frame: int, count: int) -> int:
    """Returns the index, below `count`, of frame `frame` of a clip played forwards and backwards (edge frames twice).

    Facts: docs/reference/cmet.md, 'C-MET inference'.
    """
    position = frame % (2 * count)
    return position if position < count else 2 * count - 1 - position


def _pose(recipe: DerivedFile) -> None:
    """Exactly `frames` frames at 25 fps, mirrored in time where the source is shorter; no bit of a frame changes.

    A clip that is so already is copied; others are stored without loss.
    """
    from harness.atomic import replacing
    from harness.media import VideoReader, VideoWriter

    reader = VideoReader(recipe.source)
    count, wanted = reader.frames, recipe.frames
    if count == wanted and not CHANGES_PICTURES & set(reader.notes):
        with replacing(recipe.target) as partial:
            shutil.copyfile(recipe.source, partial)
        return
    tail: deque[npt.NDArray[np.uint8]] = deque(maxlen=min(count, max(0, wanted - count)))  # all that mirroring needs
    with VideoWriter(recipe.target, reader.info.width, reader.info.height, fps=FPS, lossless=True) as writer:
        for frame in (frame for chunk in reader for frame in chunk):
            if writer.frames == wanted:
                return
            writer.write(frame)
            tail.append(frame)
        for index in range(writer.frames, wanted):
            writer.write(tail[mirrored_index(index, count) - count + len(tail)])


@dataclass(frozen=True)
class Length:
    """Asks for the frames of a file: whole ones of its `sound`, or of a `clip`, which without sound has those of its
    picture at 25 fps.
    """

    what: Literal["sound", "clip"]
    path: Path


class Lengths:
    """Counts the frames of sound and picture of files and remembers them in the cache: a corpus is measured once."""

    def __init__(self, corpus: str) -> None:
        self._memory = cache_dir() / "derived" / f"lengths-{corpus}.json"
        self._known = recall(self._memory)
        self._news: dict[str, str | None] = {}

    def measure(self, wanted: Iterable[Length]) -> None:
        """Decodes the files whose lengths are not known, in processes of their own: a file that ends its decoder, or
        keeps it busy, has no frames, and the others have theirs.
        """
        unknown = [one for one in dict.fromkeys(wanted) if self._remembered(one) is None]
        jobs = min(os.cpu_count() or 1, 1 + len(unknown) // _WORTH_A_PROCESS)
        for done in each(_measure, unknown, jobs, apart=True):
            self._remember(done.item, 0 if isinstance(done.result, Crash) else done.result)
        self.save()

    def sound_frames(self, path: Path) -> int:
        """Returns the number of whole frames of sound: floor(samples at 16 kHz / 640). 0 for a file that cannot be
        decoded.
        """
        return self._look_up(Length("sound", path))

    def clip_frames(self, path: Path) -> int:
        """Returns the same of a clip; without sound, the frames of its picture at 25 fps. 0 if it cannot be decoded."""
        return self._look_up(Length("clip", path))

    def _look_up(self, one: Length) -> int:
        known = self._remembered(one)
        if known is None:
            found = attempt(lambda: _measure(one))
            known = 0 if isinstance(found, Crash) else found
            self._remember(one, known)
        return known

    def _remembered(self, one: Length) -> int | None:
        """What is known without decoding; 0 for a file that is not there."""
        key = _key(one)
        if key and key not in self._known:
            quick = _wav_frames(one.path) if one.what == "sound" else None
            if quick is None:
                return None
            self._remember(one, quick)
        return int(self._known[key]) if key else 0

    def _remember(self, one: Length, frames: int) -> None:
        key = _key(one)
        if key:
            self._known[key] = self._news[key] = str(frames)

    def save(self) -> None:
        """Writes the measured lengths; does nothing if there are none."""
        if self._news:
            remember(self._memory, self._news)
            self._news = {}


def _key(one: Length) -> str:
    """The name of a file as it is now; empty where there is none."""
    try:
        stat = one.path.stat()
    except OSError:
        return ""
    return f"4|{one.what}|{one.path}|{stat.st_size}|{stat.st_mtime_ns}"


def _measure(one: Length) -> int:
    from harness.media import VideoReader, read_audio

    with liveness.limited(_MEASURING_SECONDS, "decoding"):
        sound = attempt(lambda: len(read_audio(one.path).samples) // SAMPLES_PER_FRAME)
        if isinstance(sound, int) and (sound or one.what == "sound"):
            return sound
        return VideoReader(one.path).frames if one.what == "clip" else 0


def _wav_frames(path: Path) -> int | None:
    """Whole frames of a plain 16 kHz wav by its header; None for any other file."""
    import wave

    if path.suffix.lower() != ".wav":
        return None
    try:
        with wave.open(str(path)) as stream:
            samples = stream.getnframes()
            whole = samples * stream.getnchannels() * stream.getsampwidth() + 44 <= path.stat().st_size
            return samples // SAMPLES_PER_FRAME if whole and stream.getframerate() == SAMPLE_RATE_HZ else None
    except (OSError, EOFError, wave.Error):
        return None
