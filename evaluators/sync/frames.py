"""A clip's frames come a second time here, from memory while they fit, decoded again when they do not; and first of all
as a dialect's own program sees them, from the same decoding that feeds every judge.

Tracks are known only after the last frame, crops are cut from the first one on. Clips of usual length are decoded
once; a ten-minute clip is decoded twice rather than kept (12 GB at 512 px).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from evaluators.sync.crop import stretched
from evaluators.sync.ffmpeg import avi_timing
from evaluators.sync.ffmpeg.mjpeg import JpegReader
from evaluators.sync.ffmpeg.pipeline import PipelineReader
from harness.errors import MediaError
from harness.evaluator import Chunk, ClipContext
from harness.media import VideoReader, grids
from harness.media.video import Source

Frames = npt.NDArray[np.uint8]
OwnFrames = Callable[[], VideoReader]  # opens the reader of frames that only some dialects see
KEEP_BYTES = 256 << 20


def own_frames(context: ClipContext, rate: str, sound_rate: int | None = None) -> tuple[str, OwnFrames | None]:
    """Returns a name for the frames that a dialect of this `rate` sees of a clip, and how they are read where they are
    not those that every judge is fed.
    """
    return context.once(f"lse:seen:{rate}:{sound_rate}", lambda: _own_frames(context, rate, sound_rate))


def _own_frames(context: ClipContext, rate: str, sound_rate: int | None) -> tuple[str, OwnFrames | None]:
    path, like = context.path, context.reader
    if rate == "ff-avi":
        return f"pipeline:{sound_rate or ''}", partial(PipelineReader, path, sound_rate=sound_rate, like=like)
    if rate == "ff" and not (reader := RateReader(path, like=like)).as_fed:
        return "ff", lambda: reader
    return "decoded", None


class RateReader(VideoReader):
    """Reads a clip at 25 fps as `-r 25` of ffmpeg makes it."""

    def _counted(self) -> grids.Counts:
        counts = avi_timing.constant(self._timing, avi_timing.late_seconds(self.path))
        self.as_fed = counts == super()._counted()
        return counts


class WholeReader(JpegReader):
    """Reads whole pictures after the JPEG pass, stretched to the network's square."""

    def __init__(
        self,
        path: Path,
        side_px: int,
        scaled: bool,
        counts: grids.Counts | None = None,
        like: VideoReader | None = None,
    ) -> None:
        super().__init__(path, (side_px, side_px) if scaled else None, counts, like)
        self._side_px = side_px

    def pictures(self, source: Iterable[Source]) -> Iterator[Frames]:
        """Yields the next pictures (side, side, 3)."""
        for picture in super().pictures(source):
            yield stretched(picture[None], self._side_px)[0]


class FrameStore:
    """Stores chunks of one clip, shared by every judge that asks the context for it by its kind of frames.

    `own` opens the reader of frames that are not those fed; `fed` is the reader that feeds the judges: what `own` wants
    of its decoding goes through `follow`, and without it the clip is decoded again by `read`.
    """

    def __init__(
        self, path: Path, own: OwnFrames | None = None, keep_bytes: int = KEEP_BYTES, fed: VideoReader | None = None
    ) -> None:
        self._path, self._own, self._room = path, own, keep_bytes
        self.scene: int | None = None  # of the pipeline's pictures, how many are its scene; None: all frames are
        self._kept: list[Chunk] | None = []
        self.frames = 0
        self.complete = False
        self._follower = self._reader() if own is not None and fed is not None else None
        self._next = 0  # first frame of the fed chunk that is next; -1 after an error
        if self._follower is not None and fed is not None:
            fed.keep(self._follower.counts)
            self._follower.begin()

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

    def follow(self, chunk: Chunk) -> list[Chunk]:
        """Returns the own frames (one chunk or none) that the coded ones of a fed chunk give, and keeps them."""
        if self._follower is None:
            return []
        return chunk.once(f"lse:follow:{id(self)}", lambda: self._followed(chunk))

    def _followed(self, chunk: Chunk) -> list[Chunk]:
        assert self._follower is not None
        if chunk.first != self._next:
            raise MediaError(f"Frames of {self._path} were lost to an error of another judge.", reason="crashed")
        self._next = -1
        new = self._added(self._follower.pictures(chunk.source))
        self._next = chunk.first + len(chunk.frames)
        return new

    def _added(self, pictures: Iterable[Frames]) -> list[Chunk]:
        new = list(pictures)
        if not new:
            return []
        chunk = Chunk(self.frames, np.stack(new))
        self.add(chunk)
        return [chunk]

    def finish(self) -> Iterable[Chunk]:
        """Returns the own frames that no fed chunk has brought: the last ones, or all by a first read."""
        if self._follower is None:
            return self.read()
        if not self.complete:
            self._last = self._added(self._follower.rest())
            self.complete = True
        if self.frames != self._follower.frames:
            raise MediaError(f"Frames of {self._path} were lost to an error of another judge.", reason="crashed")
        return self._last

    def read(self) -> Iterator[Chunk]:
        """Yields all frames, those that were neither fed nor followed from a first read, and keeps those that fit."""
        if self._follower is not None:
            self.finish()
        if self.complete or self.frames:
            yield from self.chunks()
            return
        try:
            for chunk in self._decode():
                self.add(chunk)
                yield chunk
            self.complete = True
        finally:
            if not self.complete:  # who asked wanted no more
                self._kept = None

    def chunks(self) -> Iterator[Chunk]:
        """Returns all chunks in order, from memory or decoded again."""
        return iter(self._kept) if self._kept is not None else self._decode()

    def _decode(self) -> Iterator[Chunk]:
        first = 0
        for frames in self._reader():
            yield Chunk(first, frames)
            first += len(frames)

    def _reader(self) -> VideoReader:
        if self._own is None:
            return VideoReader(self._path)
        reader = self._own()
        if isinstance(reader, PipelineReader):
            self.scene = reader.scene
        return reader
