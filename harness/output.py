"""A method's frames go through one encoder here, get the canonical sound, and are verified."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import TracebackType

import numpy as np
import numpy.typing as npt

from harness import liveness
from harness.media import VideoWriter, read_audio, read_image
from harness.method import Frame
from harness.records import SAMPLES_PER_FRAME, Clip, Failed, Request

#: A result may be this many frames short (its last frame is held) and this many too long (they are cut).
MAX_SHORT_FRAMES = 2
MAX_EXTRA_FRAMES = 1


class ClipWriter:
    """Implements the `Output` of one request. Frames are encoded as they come, so memory does not grow with length.

    Use as a context manager: the file appears under its final name only when `clip` has verified it, and nothing else
    stays behind. `still_allowed` is for the still-face anchor: from anyone else a clip whose frames are all equal is a
    bad output. `through` is applied to each frame before it is written.
    """

    def __init__(
        self,
        request: Request,
        target: Path,
        still_allowed: bool = False,
        through: Callable[[Frame], Frame] | None = None,
    ) -> None:
        self._through = through
        self._request = request
        self._target = target
        self._still_allowed = still_allowed
        self._writer: VideoWriter | None = None
        self._first: Frame | None = None
        self._last: Frame | None = None
        self._moves = False
        self.finished = False  # the file is in place
        self._count = 0
        self._problem = ""
        self._samples: int | None = request.frames * SAMPLES_PER_FRAME
        self._started = time.perf_counter()
        self._write_seconds = 0.0

    def __enter__(self) -> ClipWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.discard()

    def alive(self) -> None:
        """Tell that work goes on, where it takes minutes before a frame; every frame tells it too."""
        liveness.alive()

    def image(self, path: Path, size: int) -> Frame:
        """Returns the picture as uint8 RGB (size, size, 3), bicubic like the official readers."""
        from PIL import Image

        picture = Image.fromarray(read_image(path))
        if picture.size != (size, size):
            picture = picture.resize((size, size), Image.Resampling.BICUBIC)
        return np.asarray(picture)

    def audio(self, path: Path) -> npt.NDArray[np.float32]:
        """Returns the sound as float32 (n,) in [-1, 1), 16 kHz mono."""
        return read_audio(path).samples

    def timing(self, frames: int, fps: int) -> None:
        """Take another length and rate than the request's, with the whole sound. Call before the first frame."""
        self._request = replace(self._request, frames=frames, fps=fps)
        self._samples = None

    def frame(self, frame: Frame) -> None:
        """Append one uint8 RGB frame; a wrong one is remembered and makes `clip` return a Failed."""
        liveness.alive()
        if self._problem or self._count >= self._request.frames + MAX_EXTRA_FRAMES:
            self._count += 1
            return
        array = np.asarray(frame if self._through is None else self._through(frame))
        if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3:
            self._problem = f"frame {self._count} is {array.dtype} {array.shape}, expected uint8 (height, width, 3)"
        elif array.shape[0] % 2 or array.shape[1] % 2 or not array.size:
            self._problem = f"frame {self._count} is {array.shape}: H.264 needs an even height and width"
        elif self._first is not None and array.shape != self._first.shape:
            self._problem = f"frame {self._count} is {array.shape}, the first one {self._first.shape}"
        else:
            self._append(array)
        self._count += 1

    def _append(self, array: Frame) -> None:
        if self._first is None:
            self._first = array.copy()
            self._target.parent.mkdir(parents=True, exist_ok=True)
            sound = self.audio(self._request.driving_audio)[: self._samples]
            self._writer = VideoWriter(self._target, array.shape[1], array.shape[0], fps=self._request.fps, audio=sound)
        self._moves = self._moves or not np.array_equal(array, self._first)
        if self._count < self._request.frames:
            self._encode(array)
        self._last = array

    def _encode(self, array: Frame) -> None:
        assert self._writer is not None
        began = time.perf_counter()
        self._writer.write(array)
        self._write_seconds += time.perf_counter() - began

    def clip(self, used: str, notes: str = "", label: str = "") -> Clip | Failed:
        """Verify, add the driving sound, put the file in place."""
        problem = self._problem or self._verdict()
        if problem or self._writer is None or self._last is None:  # the last two only for the type checker
            self.discard()
            return Failed("bad-output", f"{self._request.id}: {problem}.", "Check the method's output for this sample.")
        short = self._request.frames - self._count
        for _ in range(short):
            self._encode(self._last)
        if short > 0:
            notes = f"{notes}; held the last frame {short} times".strip("; ")
        began = time.perf_counter()
        self._writer.close()
        self._writer = None
        self.finished = True
        self._write_seconds += time.perf_counter() - began
        total = time.perf_counter() - self._started
        seconds = {"generate": total - self._write_seconds, "write": self._write_seconds}
        height, width = self._last.shape[:2]
        return Clip(self._target, self._request.frames, height, width, used, seconds, notes=notes, label=label)

    def _verdict(self) -> str:
        expected = self._request.frames
        if self._count == 0:
            return "no frame was written"
        if self._writer is None:
            return "the clip was finished before"
        if not expected - MAX_SHORT_FRAMES <= self._count <= expected + MAX_EXTRA_FRAMES:
            return f"{self._count} frames were written, {expected} expected"
        if not self._moves and not self._still_allowed and expected > 1:
            return "all frames are equal"
        return ""

    def discard(self) -> None:
        """Drop all frames of an unfinished clip; nothing stays behind."""
        if self._writer is not None:
            self._writer.abort()
            self._writer = None
