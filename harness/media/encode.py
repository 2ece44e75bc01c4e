"""One encoder writes every clip that is made here, so that codecs never decide a comparison.

H.264 (libx264) crf 18, preset veryfast, yuv420p, one thread: the same frames give the same bytes. RGB is converted
with libswscale's default BT.601 matrix, limited range, and tagged so (smpte170m): players and decoders that honour
the tag and those that ignore it show the same colours. Sound is AAC; its encoder delay is cancelled by the edit
list, so sound and picture start together after decoding.
"""

from __future__ import annotations

import contextlib
import os
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from harness.atomic import cannot_write, partial_path
from harness.errors import MediaError
from harness.records import FPS, SAMPLE_RATE_HZ

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import OutputContainer
    from av.video.stream import VideoStream

_AAC_BITS_PER_SECOND = 96_000
_AAC_FRAME = 1024
_SMPTE170M = 6  # ITU-T H.273 matrix coefficients of BT.601 (525 lines); same numbers as BT.470BG
_LIMITED_RANGE = 1


def refusals() -> tuple[type[Exception], ...]:
    """Returns what the system and FFmpeg raise for a file that they do not write; FFmpeg's own are no OSError."""
    import av

    return OSError, av.FFmpegError


class VideoWriter:
    """Writes frames (height, width, 3) uint8 RGB, and optionally sound, to an mp4 file that appears when complete.

    `audio` is float32 (n,) 16 kHz mono in [-1, 1). Use as a context manager: the file takes its name on success;
    after an exception (Ctrl-C included) nothing is left. `lossless` stores RGB bit for bit (tests, crops that are
    judged again). Raises MediaError for odd sizes, wrong frames, or when the system refuses to write.
    """

    def __init__(
        self,
        path: Path | str,
        width: int,
        height: int,
        fps: int | Fraction = FPS,
        audio: npt.NDArray[np.float32] | None = None,
        lossless: bool = False,
    ) -> None:
        self.path = Path(path)
        self.frames = 0
        self._shape = (height, width, 3)
        self._fps = Fraction(fps)
        self._lossless = lossless
        if not lossless and (width % 2 or height % 2):
            raise MediaError(f"{self.path} cannot be written: {width}x{height} is odd, H.264 4:2:0 needs even sizes.")
        self._sound = None if audio is None else np.ascontiguousarray(audio, dtype=np.float32)
        self._sound_sent = 0
        self._partial = partial_path(self.path)
        self._container: OutputContainer | None = None
        try:
            with contextlib.ExitStack() as undone:
                undone.callback(self.abort)
                self._open()
                undone.pop_all()
        except refusals() as error:
            raise cannot_write(self.path, error) from error

    def _open(self) -> None:
        import av

        self.path.parent.mkdir(parents=True, exist_ok=True)
        options = {"movflags": "+faststart", "fflags": "+bitexact"}
        self._container = av.open(f"file:{self._partial}", "w", format="mp4", options=options)
        self._video: VideoStream = self._add_video(self._container)
        self._audio: AudioStream | None = None
        if self._sound is not None:
            self._audio = self._container.add_stream("aac", rate=SAMPLE_RATE_HZ, layout="mono")
            self._audio.bit_rate = _AAC_BITS_PER_SECOND
            self._audio.codec_context.flags |= 0x800000  # AV_CODEC_FLAG_BITEXACT: no version string in the stream

    def _add_video(self, container: OutputContainer) -> VideoStream:
        from av.video.stream import VideoStream

        quality = {"qp": "0"} if self._lossless else {"crf": "18"}
        options = {"preset": "veryfast", "threads": "1", **quality}
        stream = container.add_stream("libx264rgb" if self._lossless else "libx264", rate=self._fps, options=options)
        assert isinstance(stream, VideoStream)  # older PyAV does not tell by the codec's name
        stream.height, stream.width = self._shape[:2]
        stream.pix_fmt = "rgb24" if self._lossless else "yuv420p"
        stream.codec_context.thread_count = 1
        stream.codec_context.time_base = 1 / self._fps
        if not self._lossless:
            stream.codec_context.colorspace = _SMPTE170M
            stream.codec_context.color_range = _LIMITED_RANGE
        return stream

    def write(self, frame: npt.NDArray[np.uint8]) -> None:
        """Append one frame, uint8 RGB (height, width, 3)."""
        import av

        if frame.shape != self._shape or frame.dtype != np.uint8:
            raise MediaError(
                f"Frame {self.frames} of {self.path} is {frame.dtype} {frame.shape}; expected uint8 {self._shape}."
            )
        try:
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
        except av.FFmpegError as error:  # no OSError
            size = f"{self._shape[1]}x{self._shape[0]}"
            raise MediaError(
                f"{self.path} cannot be written: FFmpeg makes no {size} pictures.", "Scale them."
            ) from error
        picture.pts, picture.time_base = self.frames, 1 / self._fps
        self.frames += 1
        self._mux(self._video, picture)
        self._send_sound(float(self.frames / self._fps))

    def _send_sound(self, until_seconds: float) -> None:
        """Encode sound up to a time, so that both streams lie interleaved in the file."""
        import av

        while self._sound is not None and self._sound_sent < min(len(self._sound), until_seconds * SAMPLE_RATE_HZ):
            block = self._sound[self._sound_sent : self._sound_sent + _AAC_FRAME]
            sound = av.AudioFrame.from_ndarray(np.ascontiguousarray(block[None]), format="fltp", layout="mono")
            sound.sample_rate, sound.pts = SAMPLE_RATE_HZ, self._sound_sent
            sound.time_base = Fraction(1, SAMPLE_RATE_HZ)
            self._sound_sent += len(block)
            self._mux(self._audio, sound)

    def _mux(self, stream: Any, frame: Any) -> None:
        assert self._container is not None, "the writer is closed"
        try:
            self._container.mux(stream.encode(frame))
        except refusals() as error:
            raise cannot_write(self.path, error) from error

    def close(self) -> None:
        """Finish and give the file its name. Raises MediaError without frames."""
        if self._container is None:
            return
        try:
            if not self.frames:
                raise MediaError(f"{self.path} cannot be written: it got no frames.", reason="empty")
            self._send_sound(float("inf"))
            self._mux(self._video, None)
            if self._audio is not None:
                self._mux(self._audio, None)
            self._container.close()
            os.replace(self._partial, self.path)
            self._container = None
        except refusals() as error:
            raise cannot_write(self.path, error) from error
        finally:
            self.abort()

    def abort(self) -> None:
        """Drop all written frames and sound; nothing stays on disk."""
        container, self._container = self._container, None
        if container is not None:
            with contextlib.suppress(*refusals()):  # the disk is full or gone: the partial file goes next
                container.close()
        self._partial.unlink(missing_ok=True)

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()
