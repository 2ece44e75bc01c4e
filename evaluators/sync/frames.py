"""A clip's frames are read a second time here: from memory while they fit, decoded again when they do not.

Tracks are known only after the last frame, crops are cut from the first one on. Clips of usual length are decoded
once; a ten-minute clip is decoded twice rather than kept (12 GB at 512 px).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from evaluators.sync.ffmpeg import avi_timing
from evaluators.sync.ffmpeg.pipeline import PipelineReader
from harness.evaluator import Chunk, ClipContext
from harness.media import VideoReader, grids

Frames = npt.NDArray[np.uint8]
OwnFrames = Callable[[], VideoReader]  # opens the reader of frames that only some dialects see
KEEP_BYTES = 256 << 20


def own_frames(context: ClipContext, rate: str, sound_rate: int | None = None) -> tuple[str, OwnFrames | None]:
    """Returns a name for the frames that a dialect of this `rate` sees of a clip, and how they are read where they are
    not those that every judge is fed.
    """
    return context.once(f"lse:seen:{rate}:{sound_rate}", lambda: _own_frames(context.path, rate, sound_rate))


def _own_frames(path: Path, rate: str, sound_rate: int | None) -> tuple[str, OwnFrames | None]:
    if rate == "ff-avi":
        return f"pipeline:{sound_rate or ''}", partial(PipelineReader, path, sound_rate=sound_rate)
    if rate == "ff" and not (reader := RateReader(path)).as_fed:
        return "ff", lambda: reader
    return "decoded", None


class RateReader(VideoReader):
    """Reads a clip at 25 fps as `-r 25` of ffmpeg makes it."""

    def _counted(self) -> grids.Counts:
        counts = avi_timing.constant(self._timing, avi_timing.late_seconds(self.path))
        self.as_fed = counts == super()._counted()
        return counts


class FrameStore:
    """Stores chunks of one clip, shared by every judge that asks the context for it by its kind of frames."""

    def __init__(self, path: Path, own: OwnFrames | None = None, keep_bytes: int = KEEP_BYTES) -> None:
        self._path, self._own, self._room = path, own, keep_bytes
        self.repeats: frozenset[int] = frozenset()  # of the pipeline's pictures, once they were read
        self._kept: list[Chunk] | None = []
        self.frames = 0
        self.complete = False

    def add(self, chunk: Chunk) -> None:
        """Keep the next chunk; one that is known already (another judge brought it) is left alone."""
        if chunk.first != self.frames:
            return
        self.frames += len(chunk.frames)
        self._room -= chunk.frames.nbytes
        if self._room < 0:
            self._kept = None
        if self._kept is not None:
            self._kept.append(chunk)

    def read(self) -> Iterator[Chunk]:
        """Yields frames that were not fed (a dialect's own) from a first read, and keeps those that fit."""
        if self.complete or self.frames:
            yield from self.chunks()
            return
        for chunk in self._decode():
            self.add(chunk)
            yield chunk
        self.complete = True

    def chunks(self) -> Iterator[Chunk]:
        """Returns all chunks in order, from memory or decoded again."""
        return iter(self._kept) if self._kept is not None else self._decode()

    def _decode(self) -> Iterator[Chunk]:
        first = 0
        for frames in self._reader():
            yield Chunk(first, frames)
            first += len(frames)

    def _reader(self) -> Iterable[Frames]:
        if self._own is None:
            return VideoReader(self._path)
        reader = self._own()
        if isinstance(reader, PipelineReader):
            self.repeats = reader.repeats
        return reader
