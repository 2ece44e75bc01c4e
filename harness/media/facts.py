"""This module reads the facts of a clip: one pass over its packets, and one picture decoded.

(docs/reference/metrics.md, 'Decoding')
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import MediaError
from harness.media.container import COPY_AGAIN, check_complete, make_decodable, open_media, undecodable
from harness.media.limits import check_pixels, check_span, limits
from harness.media.order import last_mended, steps_back
from harness.media.picture import is_gray, is_hdr, pixel_aspect, rgb
from harness.media.timing import Timing, read_timing

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream


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


def video_stream(container: InputContainer, path: Path) -> VideoStream:
    """Returns the first stream of pictures that is no cover, ready to be decoded. Raises MediaError."""
    from av.stream import Disposition

    for stream in container.streams.video:
        if not stream.disposition & Disposition.attached_pic:
            make_decodable(path, stream)
            check_pixels(path, stream.codec_context.width, stream.codec_context.height)
            stream.codec_context.options = {"max_pixels": str(int(limits().pixels))}
            return stream
    raise MediaError(f"{path} has no video stream.", "Give a file with pictures.", reason="unreadable")


def decoded(container: InputContainer, stream: VideoStream, path: Path) -> Iterator[VideoFrame]:
    """Yields the pictures of a stream as they are decoded. Raises MediaError for a damaged or too large one."""
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


def examine(path: Path) -> tuple[MediaInfo, Timing, bool | None]:
    """Returns the facts of a clip, when its pictures are shown, and whether the first one is gray (None: too plain)."""
    from av.video.reformatter import VideoReformatter

    with open_media(path) as container:
        stream = video_stream(container, path)
        check_complete(path, stream)
        timing = read_timing(container, stream, path)
        check_span(path, timing.duration_seconds, timing.longest_gap_seconds)
        has_audio, rate, channels = _audio_facts(container)
    with open_media(path) as container:
        stream = video_stream(container, path)
        pictures = decoded(container, stream, path)
        frame = next(pictures, None)
        if frame is None:
            raise MediaError(f"{path} has no frames.", COPY_AGAIN, reason="empty")
        aspect = pixel_aspect(stream)
        check_pixels(path, round(frame.width * aspect), frame.height)
        picture = rgb(frame, VideoReformatter(), aspect)
        rotation, hdr = int(frame.rotation), is_hdr(frame)
        in_doubt = timing.of_packets and stream.codec_context.has_b_frames and container.format.name != "avi"
        order_mended = bool(in_doubt) and steps_back(chain((frame,), pictures))
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
    return examine(Path(path))[0]
