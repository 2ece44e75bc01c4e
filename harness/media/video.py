"""This module reads the pictures of a clip: facts by one pass over the packets, frames as RGB chunks at true 25 fps.

Colours: libswscale with its default flags, which is bit-identical to `ffmpeg -pix_fmt rgb24` and to OpenCV
(docs/reference/metrics.md, 'Decoding'). Time zero is the first picture. Rotation and mirroring of the display matrix
are applied.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from harness.errors import MediaError
from harness.media import grids
from harness.media.container import COPY_AGAIN, check_complete, open_media, undecodable
from harness.media.order import last_mended, steps_back, timed
from harness.media.timing import Timing, read_timing
from harness.records import FPS

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

Frames = npt.NDArray[np.uint8]  # (n, height, width, 3) RGB
_ATTACHED_PICTURE = 0x400  # libavformat's AV_DISPOSITION_ATTACHED_PIC: a cover, not a film


@dataclass(frozen=True)
class MediaInfo:
    """Holds facts of a clip; width and height are those shown, after `rotation`."""

    width: int
    height: int
    fps: float  # mean rate of the coded frames
    frames: int  # coded frames
    duration_seconds: float  # of the picture
    rotation: int  # degrees counter-clockwise that the display matrix asks for
    has_audio: bool
    audio_rate: int  # Hz; 0 without sound
    audio_channels: int
    variable_rate: bool
    order_mended: bool  # its stamps step back: they were sorted (harness.media.order)


def _video_stream(container: InputContainer, path: Path) -> VideoStream:
    for stream in container.streams.video:
        if not int(stream.disposition) & _ATTACHED_PICTURE:
            stream.codec_context.thread_count = 1  # parallel over clips, not inside one
            return stream
    raise MediaError(f"{path} has no video stream.", "Give a file with pictures.", reason="unreadable")


def _display_matrix(frame: VideoFrame) -> tuple[int, int, int, int]:
    """(a, b, c, d) with x' = a x + c y and y' = b x + d y; identity where there is no matrix."""
    entry: Any = frame.side_data.get("DISPLAYMATRIX")
    if entry is not None:
        a, b, _, c, d = (int(value) for value in np.frombuffer(entry, dtype=np.int32)[:5])
        return a, b, c, d
    return 1, 0, 0, 1


def _oriented(picture: Frames, matrix: tuple[int, int, int, int]) -> Frames:
    """The picture (height, width, 3) turned and mirrored as its display matrix says (quarter turns)."""
    a, b, c, d = matrix
    if abs(a) >= abs(b):
        turned, flip_x, flip_y = picture, a < 0, d < 0
    else:
        turned, flip_x, flip_y = picture.transpose(1, 0, 2), c < 0, b < 0
    turned = turned[::-1] if flip_y else turned
    return turned[:, ::-1] if flip_x else turned


def _gray(picture: Frames) -> bool | None:
    """Whether the picture is gray; None when it is too plain (a black lead-in) to tell."""
    small = picture[::4, ::4].astype(np.int16)
    if small.std() < 2.0:
        return None
    return int(np.abs(small[..., :2] - small[..., 1:]).max()) <= 1


def _decoded(container: InputContainer, stream: VideoStream, path: Path) -> Iterator[VideoFrame]:
    for frame in container.decode(stream):
        if frame.is_corrupt:
            raise undecodable(path, "a frame is damaged")
        yield frame


def _audio_facts(container: InputContainer) -> tuple[bool, int, int]:
    for stream in container.streams.audio:
        return True, int(stream.rate or 0), int(stream.channels or 0)
    return False, 0, 0


def _examine(path: Path) -> tuple[MediaInfo, Timing, bool | None]:
    with open_media(path) as container:
        stream = _video_stream(container, path)
        check_complete(path, stream)
        timing = read_timing(container, stream, path)
        has_audio, rate, channels = _audio_facts(container)
    with open_media(path) as container:
        stream = _video_stream(container, path)
        decoded = _decoded(container, stream, path)
        frame = next(decoded, None)
        if frame is None:
            raise MediaError(f"{path} has no frames.", COPY_AGAIN, reason="empty")
        picture = _oriented(np.asarray(frame.to_ndarray(format="rgb24"), dtype=np.uint8), _display_matrix(frame))
        rotation = int(frame.rotation)
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
        has_audio=has_audio,
        audio_rate=rate,
        audio_channels=channels,
        variable_rate=timing.variable,
        order_mended=order_mended,
    )
    return info, timing, _gray(picture)


def probe(path: Path | str) -> MediaInfo:
    """Returns the facts of a clip; reads all packets and decodes one frame. Raises MediaError."""
    return _examine(Path(path))[0]


class VideoReader:
    """Iterates over a clip as uint8 RGB chunks (n ≤ chunk, height, width, 3), in presentation order.

    With `fps`, frames come by `harness.media.grids.near`: a clip that already has this constant rate comes out frame
    for frame, other rates lose or repeat frames and are never blended. With `fps=None`, coded frames.
    Memory holds one chunk. May be iterated more than once. Raises MediaError, also in the middle of a clip.
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
            if len(buffer) == self.chunk:
                yield self._chunk(buffer)
                buffer = []
        if buffer:
            yield self._chunk(buffer)

    def _chunk(self, pictures: list[Frames]) -> Frames:
        gray = _gray(pictures[len(pictures) // 2])
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
        rgb = reformatter.reformat(frame, format="rgb24").to_ndarray()
        picture = np.ascontiguousarray(_oriented(rgb, _display_matrix(frame)))
        for _ in range(count):
            yield picture
