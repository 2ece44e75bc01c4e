"""The hidden JPEG of the sync protocols is ffmpeg's MJPEG encoder at its default 200 kbit/s.

The references write frames with ``ffmpeg -f image2 %06d.jpg`` and no quality, so that quality falls during the
first thirteen frames and depends on a frame's place in the clip. The same encoder and rate control are in PyAV's
libavcodec; the change since ffmpeg 5.1 is libswscale's step to full range, whose old 15-bit arithmetic is redone
here. The rate control counts every byte of a file: one that names the shape of its pixels gets a JFIF header of 18.
Measured against the JPEGs of ffmpeg 5.1.9: 8-bit 4:2:0 video at native size, every pixel equal; scaled by
libswscale on the way (EAT's 224 px from other sizes), luma 0.01 and chroma 0.2 levels off on average.
Facts: docs/reference/metrics.md, 'Hidden JPEG'.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from av.codec.context import CodecContext
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter

from harness.media import grids
from harness.media.container import open_media
from harness.media.picture import display_matrix, oriented
from harness.media.video import VideoReader
from harness.records import FPS

Frame = npt.NDArray[np.uint8]  # (height, width, 3) RGB
Plane = npt.NDArray[np.uint8]
Planes = tuple[Plane, Plane, Plane]  # Y, U, V of 4:2:0
_BITS_PER_SECOND = 200_000
_JPEG_RANGE = 2
_LUMA, _CHROMA = (30189, 19077, -39057361, 14), (30775, 4663, -9289992, 12)  # limit, factor, offset, shift


def _stretched(values: npt.NDArray[np.int64], constants: tuple[int, int, int, int]) -> Plane:
    """15-bit video-range samples to 8-bit full range, with ffmpeg 5.1's integers."""
    limit, factor, offset, shift = constants
    wide = (np.minimum(values, limit) * factor + offset) >> shift
    return np.clip((wide + 64) >> 7, 0, 255).astype(np.uint8)


def full_range(planes: Planes) -> Planes:
    """Returns the video-range 8-bit planes as ffmpeg 5.1 stretches them for JPEG."""
    y, u, v = (plane.astype(np.int64) << 7 for plane in planes)
    return _stretched(y, _LUMA), _stretched(u, _CHROMA), _stretched(v, _CHROMA)


def _array(plane: Any, dtype: type = np.uint8) -> npt.NDArray[Any]:
    values: npt.NDArray[Any] = np.frombuffer(plane, dtype)
    return values.reshape(plane.height, -1)[:, : plane.width]


def _planes(frame: VideoFrame, dtype: type = np.uint8) -> Any:
    return tuple(_array(plane, dtype) for plane in frame.planes)


def is_full_range(frame: VideoFrame) -> bool:
    """Says whether black and white are 0 and 255, not 16 and 235."""
    return frame.format.name.startswith("yuvj") or int(frame.color_range) == _JPEG_RANGE


def jpeg_planes(frame: VideoFrame, reformatter: VideoReformatter, width: int, height: int) -> Planes:
    """Returns the full-range planes of a decoded frame at (width, height), scaled with libswscale's bicubic if
    need be.
    """
    full = is_full_range(frame)
    if full or (frame.width, frame.height) == (width, height):
        name = "yuvj420p" if full else "yuv420p"
        same = frame.format.name == name and (frame.width, frame.height) == (width, height)
        fit = frame if same else reformatter.reformat(frame, width, height, name, interpolation="BICUBIC")
        planes: Planes = _planes(fit)
        return planes if full else full_range(planes)
    luma = _planes(reformatter.reformat(frame, width, height, "yuvj420p", interpolation="BICUBIC"))[0]
    deep = _planes(reformatter.reformat(frame, width, height, "yuv420p14le", interpolation="BICUBIC"), np.uint16)
    u, v = (_stretched(plane.astype(np.int64) << 1, _CHROMA) for plane in deep[1:])
    return luma, u, v


def shown_upright(frame: VideoFrame, reformatter: VideoReformatter) -> VideoFrame:
    """Returns the frame itself, or its picture turned as the display matrix says, as 4:2:0 video."""
    matrix = display_matrix(frame)
    if matrix[1] == matrix[2] == 0 and matrix[0] > 0 and matrix[3] > 0:
        return frame
    rgb: Any = reformatter.reformat(frame, format="rgb24").to_ndarray()
    picture = oriented(rgb, matrix)
    turned = VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
    return VideoReformatter().reformat(turned, format="yuv420p", interpolation="BICUBIC")


def named_aspect(path: Path) -> Fraction | None:
    """Returns the shape of a pixel that a video names: MPEG-4 in AVI always does, H.264 often names none."""
    with open_media(path) as container:
        return container.streams.video[0].sample_aspect_ratio


class JpegPass:
    """Passes one clip's frames through the encoder, in order: quality depends on earlier frames, unless fixed at 2.

    `pixel_aspect`: width to height of a pixel as the video names it; None where it names none.
    """

    def __init__(self, width: int, height: int, quality_2: bool = False, pixel_aspect: Fraction | None = None) -> None:
        self.width, self.height = width, height
        encoder = CodecContext.create("mjpeg", "w")
        assert isinstance(encoder, VideoCodecContext)
        encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuvj420p"
        encoder.time_base, encoder.framerate = Fraction(1, FPS), Fraction(FPS, 1)
        encoder.bit_rate, encoder.thread_count = _BITS_PER_SECOND, 1
        encoder.color_range = _JPEG_RANGE
        if pixel_aspect:
            encoder.sample_aspect_ratio = pixel_aspect
        if quality_2:
            encoder.options = {"qmin": "2", "qmax": "2"}
            encoder.bit_rate = 100 * _BITS_PER_SECOND
        self._encoder = encoder
        self._count = 0

    def encode(self, planes: Planes) -> bytes:
        """Returns the next frame's JPEG file."""
        frame = VideoFrame(self.width, self.height, "yuvj420p")
        for target, plane in zip(frame.planes, planes, strict=True):
            padded = np.zeros((target.height, target.line_size), np.uint8)
            padded[:, : target.width] = plane
            target.update(padded.tobytes())
        frame.color_range = _JPEG_RANGE
        frame.pts, frame.time_base = self._count, Fraction(1, FPS)
        self._count += 1
        return b"".join(bytes(packet) for packet in self._encoder.encode(frame))

    def passed(self, planes: Planes) -> Frame:
        """Returns the next frame as a reader of its JPEG sees it, RGB."""
        bgr = cv2.imdecode(np.frombuffer(self.encode(planes), np.uint8), cv2.IMREAD_COLOR)
        assert bgr is not None
        return np.ascontiguousarray(bgr[:, :, ::-1]).astype(np.uint8)


class JpegReader(VideoReader):
    """Reads a clip at true 25 fps, every frame after the JPEG pass; `size` (width, height) asks libswscale to scale
    first.
    """

    def __init__(
        self,
        path: Path | str,
        size: tuple[int, int] | None = None,
        counts: grids.Counts | None = None,
        like: VideoReader | None = None,
    ) -> None:
        super().__init__(path, like=like)
        self.counts = counts or self.counts  # by another rule than the house's
        self._size = size or (self.info.width, self.info.height)

    def begin(self) -> None:
        """Start the rate control anew."""
        super().begin()
        self._jpeg = JpegPass(*self._size, pixel_aspect=named_aspect(self.path))

    def _repeat(self, reformatter: Any, frame: VideoFrame, count: int) -> Iterator[Frame]:
        if not count:
            return
        planes = jpeg_planes(shown_upright(frame, reformatter), reformatter, *self._size)
        for _ in range(count):  # a repeated frame is encoded again, by a rate control that has moved on
            yield self._jpeg.passed(planes)
