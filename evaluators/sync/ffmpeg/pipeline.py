"""This module repeats the lossy files between a video and SyncNet in syncnet_python's pipeline.

First an MPEG-4 AVI and JPEGs of quality 2 of the whole picture, a frame or two more than the clip has (see avi_timing
next to this file); later an XVID file of the face crop and the hidden JPEGs of that, by PyAV's and OpenCV's codecs.
Measured against ffmpeg 5.1.9 with OpenCV 5.0: every pixel of 8-bit 4:2:0 video equal through all four passes,
where ffmpeg has as many threads; video of full range within a level on average (chroma of the scaler).
Facts: docs/reference/metrics.md, 'Pipeline conversion' and 'Face crop'.
"""

from __future__ import annotations

import tempfile
from collections import deque
from collections.abc import Iterable, Iterator
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt
from av.codec.context import CodecContext
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, VideoReformatter

from evaluators.sync.ffmpeg import avi_timing
from evaluators.sync.ffmpeg.mjpeg import JpegPass, JpegReader, is_full_range, jpeg_planes, shown_upright
from harness.errors import MissingError
from harness.media import grids
from harness.media.video import VideoReader
from harness.records import FPS

Frames = npt.NDArray[np.uint8]
#: -qscale:v 2 holds the Lagrange factor of every picture, key frames too, at 2 · 118 (118 is that of a quantiser); the
#: bit rate only has to be high enough never to ask for less.
_QUALITY_2 = {"qmin": "2", "qmax": "2", "lmin": "236", "lmax": "236", "i_qfactor": "1"}
_AMPLE_BITS_PER_SECOND = 20_000_000
#: ffmpeg takes one thread more than there are cores (16 at most) and gives each its own slice of the picture, in which
#: motion is searched apart: its AVI depends on the machine. These are those of two cores; the signature says so.
THREADS = 3


class Mpeg4Pass:
    """Passes frames through an MPEG-4 part 2 encoder at quality 2 and back."""

    def __init__(self, width: int, height: int) -> None:
        encoder, decoder = CodecContext.create("mpeg4", "w"), CodecContext.create("mpeg4", "r")
        assert isinstance(encoder, VideoCodecContext)
        encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
        encoder.time_base, encoder.framerate = Fraction(1, FPS), Fraction(FPS, 1)
        encoder.bit_rate, encoder.thread_count = _AMPLE_BITS_PER_SECOND, THREADS
        encoder.options = dict(_QUALITY_2)
        self._encoder, self._decoder = encoder, decoder
        self._reformatter = VideoReformatter()
        self._count = 0

    def passed(self, frame: VideoFrame | None) -> Iterator[VideoFrame]:
        """Yields the decoded frames that have become ready; None flushes."""
        if frame is not None:
            frame = self._fit(frame)
            frame.pts, frame.time_base, frame.pict_type = self._count, Fraction(1, FPS), 0
            self._count += 1
        for packet in [*self._encoder.encode(frame), *([None] if frame is None else [])]:
            yield from self._decoder.decode(packet)

    def _fit(self, frame: VideoFrame) -> VideoFrame:
        """The frame in the encoder's form: 4:2:0 of video range, which MPEG-4 part 2 always has."""
        size = self._encoder.width, self._encoder.height
        if not is_full_range(frame):
            return self._reformatter.reformat(frame, *size, "yuv420p")
        ranges = {"src_color_range": ColorRange.JPEG, "dst_color_range": ColorRange.MPEG}
        return self._reformatter.reformat(frame, *size, "yuv420p", interpolation="BICUBIC", **ranges)


class PipelineReader(VideoReader):
    """Reads a clip at 25 fps as syncnet_python's detector and cropper see it: a frame or two longer than the clip.

    `sound_rate` (Hz) is that of the separate sound where it is not the clip's own. `scene`: how many of the pictures,
    from the first on, belong to the scene that PySceneDetect sees.
    """

    def __init__(self, path: Path | str, sound_rate: int | None = None, like: VideoReader | None = None) -> None:
        self._sound_rate = sound_rate
        super().__init__(path, like=like)

    def _counted(self) -> grids.Counts:
        delay = avi_timing.delay_places(self.info.audio_rate if self._sound_rate is None else self._sound_rate)
        made = avi_timing.pictures(self._timing, avi_timing.late_seconds(self.path), delay)
        self.scene = made.held
        return made.counts

    def begin(self) -> None:
        """Start both encoders anew."""
        super().begin()
        width, height = self.info.width, self.info.height
        self._video, self._jpeg = Mpeg4Pass(width, height), JpegPass(width, height, quality_2=True)
        self._due: deque[int] = deque()  # how often each frame inside the encoder is to be shown

    def rest(self) -> Iterator[Frames]:
        """Yields the pictures that the encoder still holds."""
        yield from self._jpegs(self._video.passed(None))

    def _repeat(self, reformatter: Any, frame: VideoFrame, count: int) -> Iterator[Frames]:
        if count:
            self._due.append(count)
            yield from self._jpegs(self._video.passed(shown_upright(frame, reformatter)))

    def _jpegs(self, frames: Iterable[VideoFrame]) -> Iterator[Frames]:
        for frame in frames:
            planes = jpeg_planes(frame, VideoReformatter(), self.info.width, self.info.height)
            for _ in range(self._due.popleft()):
                yield self._jpeg.passed(planes)


def crop_file_frames(crops: Iterable[Frames], kind: str, size: int = 224) -> Iterator[Frames]:
    """Yields RGB crops (size, size, 3) through a crop file and the hidden JPEG: chunks (n, size, size, 3).

    `kind`: XVID (an AVI file) or mp4v (MP4) by OpenCV's encoder, h264crf23 by x264 from JPEGs of quality 95. Raises
    MissingError if this OpenCV cannot write it.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / ("crop.avi" if kind == "XVID" else "crop.mp4")
        (_write_h264 if kind == "h264crf23" else partial(_write_by_opencv, kind))(crops, path, size)
        yield from JpegReader(path)


def _write_by_opencv(fourcc: str, crops: Iterable[Frames], path: Path, size: int) -> None:
    writer: Any = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*fourcc), FPS, (size, size))
    if not writer.isOpened():
        raise MissingError(f"This OpenCV cannot write {fourcc} video.", "Install opencv-python-headless.")
    for crop in crops:
        writer.write(np.ascontiguousarray(crop[:, :, ::-1]))
    writer.release()


def _write_h264(crops: Iterable[Frames], path: Path, size: int) -> None:
    """JPEGs of quality 95 to H.264 as `ffmpeg -i %d.jpg` does it: their planes as they are, x264's default quality."""
    jpegs = CodecContext.create("mjpeg", "r")
    assert isinstance(jpegs, VideoCodecContext)
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=FPS, options={"crf": "23", "threads": "1"})
        stream.width, stream.height, stream.pix_fmt = size, size, "yuvj420p"
        for count, crop in enumerate(crops):
            _, file = cv2.imencode(".jpg", crop[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])
            for frame in jpegs.decode(Packet(file.tobytes())):
                frame.pts, frame.time_base, frame.pict_type = count, Fraction(1, FPS), 0
                output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
