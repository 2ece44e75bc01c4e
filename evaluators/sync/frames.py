"""A clip's frames are read a second time here: from memory while they fit, decoded again when they do not.

Tracks are known only after the last frame, crops are cut from the first one on. Clips of usual length are decoded
once; a ten-minute clip is decoded twice rather than kept (12 GB at 512 px).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from evaluators.sync.ffmpeg.pipeline import PipelineReader
from harness.evaluator import Chunk
from harness.media import VideoReader

Frames = npt.NDArray[np.uint8]
KEEP_BYTES = 256 << 20


class FrameStore:
    """Stores chunks of one clip, shared by every judge that asks the context for it by its kind of frames."""

    def __init__(self, path: Path, pipeline: bool, keep_bytes: int = KEEP_BYTES, sound_rate: int | None = None) -> None:
        self._path, self._pipeline, self._room = path, pipeline, keep_bytes
        self._sound_rate = sound_rate
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
        """Yields frames that were not fed (the pipeline's) from a first read, and keeps those that fit."""
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
        if not self._pipeline:
            return VideoReader(self._path)
        reader = PipelineReader(self._path, sound_rate=self._sound_rate)
        self.repeats = reader.repeats
        return reader
