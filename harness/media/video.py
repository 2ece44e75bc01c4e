"""This module reads the pictures of a clip: facts by one pass over the packets, frames as RGB chunks at true 25 fps.

Time zero is the first picture; pictures are as shown (harness.media.picture). (docs/reference/metrics.md, 'Decoding')
"""

from __future__ import annotations

import bisect
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.errors import MediaError
from harness.media import grids
from harness.media.container import COPY_AGAIN, check_complete, make_decodable, open_media, undecodable
from harness.media.limits import check_pixels, check_span, limits
from harness.media.order import last_mended, steps_back, timed
from harness.media.picture import Frames, is_gray, is_hdr, pixel_aspect, rgb
from harness.media.timing import Timing, read_timing
from harness.records import FPS

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

_CHUNK_BYTES = 64 << 20


@dataclass(frozen=True)
class MediaInfo:
    """Holds facts of a clip; width and height are those shown, after `pixel_aspect` and `rotation`."""

    width: int
    height: int
    fps: float  # mean rate of the coded frames
    frames: int  # coded frames
    duration_seconds: float  # of the picture
    rotation: int  # degrees counter-clockwise that the display matrix asks for
    pixel_aspect: Fraction  # width : height of a stored pixel
    hdr: bool  # colours for a display of high dynamic range
    has_audio: bool
    audio_rate: int  # Hz; 0 without sound
    audio_channels: int
    variable_rate: bool
    order_mended: bool  # its stamps step back: they were sorted (harness.media.order)


def _video_stream(container: InputContainer, path: Path) -> VideoStream:
    from av.stream import Disposition

    for stream in container.streams.video:
        if not stream.disposition & Disposition.attached_pic:
            make_decodable(path, stream)
            check_pixels(path, stream.codec_context.width, stream.codec_context.height)
            stream.codec_context.options = {"max_pixels": str(int(limits().pixels))}
            return stream
    raise MediaError(f"{path} has no video stream.", "Give a file with pictures.", reason="unreadable")


def _decoded(container: InputContainer, stream: VideoStream, path: Path) -> Iterator[VideoFrame]:
    size = (0, 0)
    for frame in container.decode(stream):
        if frame.is_corrupt:
            raise undecodable(path, "a frame is damaged")
        if (frame.width, frame.height) != size:
            size = (frame.width, frame.height)
            check_pixels(path, *size)
        yield frame


def _audio_facts(container: InputContainer) -> tuple[bool, int, int]:
    for stream in container.streams.audio:
        if stream.codec_context is None:  # an unknown codec: reading it says so
            return True, 0, 0
        return True, int(stream.rate or 0), int(stream.channels or 0)
    return False, 0, 0


def _examine(path: Path) -> tuple[MediaInfo, Timing, bool | None]:
    from av.video.reformatter import VideoReformatter

    with open_media(path) as container:
        stream = _video_stream(container, path)
        check_complete(path, stream)
        timing = read_timing(container, stream, path)
        check_span(path, timing.duration_seconds, timing.longest_gap_seconds)
        has_audio, rate, channels = _audio_facts(container)
    with open_media(path) as container:
        stream = _video_stream(container, path)
        decoded = _decoded(container, stream, path)
        frame = next(decoded, None)
        if frame is None:
            raise MediaError(f"{path} has no frames.", COPY_AGAIN, reason="empty")
        aspect = pixel_aspect(stream)
        check_pixels(path, round(frame.width * aspect), frame.height)
        picture = rgb(frame, VideoReformatter(), aspect)
        rotation, hdr = int(frame.rotation), is_hdr(frame)
        in_doubt = timing.of_packets and stream.codec_context.has_b_frames and container.format.name != "avi"
        order_mended = bool(in_doubt) and steps_back(chain((frame,), decoded))
        timing = last_mended(timing) if order_mended else timing
    info = MediaInfo(
        width=picture.shape[1],
        height=picture.shape[0],
        fps=round(len(timing.times) / timing.duration_seconds, 6),
        frames=len(timing.times),
        duration_seconds=timing.duration_seconds,
        rotation=rotation,
        pixel_aspect=aspect,
        hdr=hdr,
        has_audio=has_audio,
        audio_rate=rate,
        audio_channels=channels,
        variable_rate=timing.variable,
        order_mended=order_mended,
    )
    return info, timing, is_gray(picture)


def probe(path: Path | str) -> MediaInfo:
    """Returns the facts of a clip; reads all packets and decodes one frame. Raises MediaError."""
    return _examine(Path(path))[0]


class VideoReader:
    """Iterates over a clip as uint8 RGB chunks (n ≤ chunk, height, width, 3), in presentation order.

    With `fps`, frames come by `harness.media.grids.near`: a clip that already has this constant rate comes out frame
    for frame, other rates lose or repeat frames and are never blended. With `fps=None`, coded frames.
    Memory holds one chunk, of at most 64 MiB or one frame. May be iterated more than once. Raises MediaError, also in
    the middle of a clip.
    """

    def __init__(self, path: Path | str, fps: float | None = float(FPS), chunk: int = 32) -> None:
        self.path = Path(path)
        self.fps = fps
        self.chunk = chunk
        self.info, self._timing, self._is_gray = _examine(self.path)
        self.counts = self._counted()

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

    def __iter__(self) -> Iterator[Frames]:
        buffer: list[Frames] = []
        for picture in self._pictures():
            if buffer and picture.shape != buffer[0].shape:
                why = f"{self.path} changes its picture size inside the clip."
                raise MediaError(why, "Encode it again at one size.", reason="size_mismatch")
            buffer.append(picture)
            if len(buffer) >= min(self.chunk, _CHUNK_BYTES // picture.nbytes):
                yield self._chunk(buffer)
                buffer = []
        if buffer:
            yield self._chunk(buffer)

    def _chunk(self, pictures: list[Frames]) -> Frames:
        gray = is_gray(pictures[len(pictures) // 2])
        if gray is not None:
            self._is_gray = gray and self._is_gray is not False
        return np.stack(pictures)

    def _pictures(self) -> Iterator[Frames]:
        """Single pictures (height, width, 3), repeated or left out to meet `fps`."""
        from av.video.reformatter import VideoReformatter

        reformatter = VideoReformatter()  # one for the clip: making one per frame costs more than the conversion
        held: VideoFrame | None = None
        done = 0  # coded frames whose turn is over
        for frame, seconds in self._timed_frames():
            place = self._place(seconds)
            if held is not None and place > done:
                yield from self._repeat(reformatter, held, sum(self.counts[done:place]))
                done = place
            held = frame
        if held is not None:
            yield from self._repeat(reformatter, held, sum(self.counts[done:]))

    def _place(self, seconds: float) -> int:
        """Which of the coded frames has this time stamp."""
        if self.fps is None:
            return round(seconds)
        return max(0, bisect.bisect_right(self._timing.times, seconds + self._timing.slack_seconds / 4) - 1)

    def _timed_frames(self) -> Iterator[tuple[VideoFrame, float]]:
        """Decoded frames with their seconds from the first picture (their index where fps is None)."""
        with open_media(self.path) as container:
            stream = _video_stream(container, self.path)
            count = 0
            decoded = _decoded(container, stream, self.path)
            for count, (frame, seconds) in enumerate(timed(decoded, self._timing), start=1):
                yield frame, seconds if self.fps is not None else float(count - 1)
            if count < self.info.frames - 1 - self.info.frames // 50:
                raise undecodable(self.path, f"only {count} of {self.info.frames} frames decode")

    def _repeat(self, reformatter: Any, frame: VideoFrame, count: int) -> Iterator[Frames]:
        if not count:
            return
        picture = rgb(frame, reformatter, self.info.pixel_aspect)
        for _ in range(count):
            yield picture
