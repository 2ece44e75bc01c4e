"""This module reads the pictures of a clip as RGB chunks at true 25 fps, decoding the clip once for every rule.

Time zero is the first picture; pictures are as shown (harness.media.picture). (docs/reference/metrics.md, 'Decoding')
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from harness.errors import MediaError
from harness.media import grids
from harness.media.container import open_media, undecodable
from harness.media.facts import MediaInfo, decoded, examine, video_stream
from harness.media.order import timed
from harness.media.picture import Frames, is_gray, rgb
from harness.media.timing import Timing
from harness.records import FPS

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

_CHUNK_BYTES = 64 << 20


class Source(NamedTuple):
    """Holds a decoded picture and the coded frames first … end − 1 that it stands for: more than one where others could
    not be decoded.
    """

    frame: VideoFrame
    first: int
    end: int


class VideoReader:
    """Iterates over a clip as uint8 RGB chunks (n ≤ chunk, height, width, 3), in presentation order.

    With `fps`, frames come by `harness.media.grids.near`: a clip that already has this constant rate comes out frame
    for frame, other rates lose or repeat frames and are never blended. With `fps=None`, coded frames.
    Memory holds one chunk, of at most 64 MiB or one frame. May be iterated more than once. Raises MediaError, also in
    the middle of a clip.

    A reader with a rule of its own need not decode the clip again: `like` is one that does, is asked to `keep` the
    coded frames of the other's counts, and has them in `source` after each chunk; they go through `begin`, `pictures`
    and `rest` of the other.
    """

    def __init__(
        self, path: Path | str, fps: float | None = float(FPS), chunk: int = 32, like: VideoReader | None = None
    ) -> None:
        self.path = Path(path)
        self.fps = fps
        self.chunk = chunk
        self._examined: tuple[MediaInfo, Timing, bool | None] = examine(self.path) if like is None else like._examined
        self.info, self._timing, self._is_gray = self._examined
        self.counts = self._counted()
        self.source: tuple[Source, ...] = ()  # of those asked for, what was decoded since the chunk before
        self._asked: list[grids.Counts] = []
        self._held: list[Source] = []

    def _counted(self) -> grids.Counts:
        """How often each coded frame is yielded."""
        return grids.coded(self._timing) if self.fps is None else grids.near(self._timing, self.fps)

    @property
    def frames(self) -> int:
        """Says how many frames an iteration yields."""
        return sum(self.counts)

    @property
    def notes(self) -> tuple[str, ...]:
        """Returns the reason codes (harness.reasons) of changes to the picture; `grayscale` by the frames read so
        far.
        """
        notes = []
        if self.fps is not None and not self._native:
            notes.append("vfr_resampled" if self.info.variable_rate else "fps_resampled")
        if self.info.order_mended:
            notes.append("stamps_sorted")
        if self.info.rotation:
            notes.append("rotation_applied")
        if self.info.pixel_aspect != 1:
            notes.append("pixel_aspect_applied")
        if self.info.hdr:
            notes.append("hdr_not_mapped")
        if self._is_gray:
            notes.append("grayscale")
        return tuple(notes)

    @property
    def _native(self) -> bool:
        """Whether the coded frames already lie on the grid k/fps."""
        assert self.fps is not None
        slack = self._timing.slack_seconds
        return all(abs(time - k / self.fps) <= slack for k, time in enumerate(self._timing.times))

    def keep(self, counts: grids.Counts) -> None:
        """Have the coded frames that another rule counts in `source`, beside the chunks of an iteration."""
        self._asked.append(counts)

    def __iter__(self) -> Iterator[Frames]:
        buffer: list[Frames] = []
        self._held = []
        for picture in self._decoded_pictures():
            if buffer and picture.shape != buffer[0].shape:
                why = f"{self.path} changes its picture size inside the clip."
                raise MediaError(why, "Encode it again at one size.", reason="size_mismatch")
            if buffer and len(buffer) >= min(self.chunk, _CHUNK_BYTES // picture.nbytes):
                yield self._chunk(buffer)
                buffer = []
            buffer.append(picture)
        if buffer:  # with all that was decoded after its last picture
            yield self._chunk(buffer)

    def _chunk(self, pictures: list[Frames]) -> Frames:
        gray = is_gray(pictures[len(pictures) // 2])
        if gray is not None:
            self._is_gray = gray and self._is_gray is not False
        self.source, self._held = tuple(self._held), []
        return np.stack(pictures)

    def begin(self) -> None:
        """Be ready for the first decoded picture."""
        from av.video.reformatter import VideoReformatter

        self._reformatter = VideoReformatter()  # one for the clip: making one per frame costs more than the conversion

    def pictures(self, source: Iterable[Source]) -> Iterator[Frames]:
        """Yields the next single pictures (height, width, 3), repeated or left out by this reader's counts."""
        for frame, first, end in source:
            yield from self._repeat(self._reformatter, frame, sum(self.counts[first:end]))

    def rest(self) -> Iterator[Frames]:
        """Yields the pictures that wait behind the last decoded one."""
        yield from ()

    def _decoded_pictures(self) -> Iterator[Frames]:
        self.begin()
        yield from self.pictures(self._watched())
        yield from self.rest()

    def _watched(self) -> Iterator[Source]:
        for one in self._source():
            if any(sum(counts[one.first : one.end]) for counts in self._asked):
                self._held.append(one)
            yield one

    def _source(self) -> Iterator[Source]:
        held: VideoFrame | None = None
        done = 0  # coded frames whose turn is over
        for frame, seconds in self._timed_frames():
            place = self._place(seconds)
            if held is not None and place > done:
                yield Source(held, done, place)
                done = place
            held = frame
        if held is not None:
            yield Source(held, done, len(self.counts))

    def _place(self, seconds: float) -> int:
        """Which of the coded frames has this time stamp."""
        if self.fps is None:
            return round(seconds)
        return max(0, bisect.bisect_right(self._timing.times, seconds + self._timing.slack_seconds / 4) - 1)

    def _timed_frames(self) -> Iterator[tuple[VideoFrame, float]]:
        """Decoded frames with their seconds from the first picture (their index where fps is None)."""
        with open_media(self.path) as container:
            stream = video_stream(container, self.path)
            count = 0
            frames = decoded(container, stream, self.path)
            for count, (frame, seconds) in enumerate(timed(frames, self._timing), start=1):
                yield frame, seconds if self.fps is not None else float(count - 1)
            if count < self.info.frames - 1 - self.info.frames // 50:
                raise undecodable(self.path, f"only {count} of {self.info.frames} frames decode")

    def _repeat(self, reformatter: Any, frame: VideoFrame, count: int) -> Iterator[Frames]:
        if not count:
            return
        picture = rgb(frame, reformatter, self.info.pixel_aspect)
        for _ in range(count):
            yield picture
