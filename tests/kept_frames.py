"""An `Output` that keeps its frames in memory, for tests that compare them bit for bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from harness.media import read_audio
from harness.records import Clip


class KeptFrames:
    """Keeps the frames, how the clip was ended (`told`: used, notes), and the length and rate it took for its own."""

    def __init__(self) -> None:
        self.frames: list[npt.NDArray[np.uint8]] = []
        self.told = ("", "")
        self.timed: tuple[int, int] | None = None

    def image(self, path: Path, size: int) -> npt.NDArray[np.uint8]:
        return np.asarray(Image.open(path).convert("RGB").resize((size, size), Image.Resampling.BICUBIC))

    def audio(self, path: Path) -> npt.NDArray[np.float32]:
        return read_audio(path).samples

    def timing(self, frames: int, fps: int) -> None:
        self.timed = (frames, fps)

    def frame(self, frame: npt.NDArray[np.uint8]) -> None:
        self.frames.append(frame)

    def clip(self, used: str, notes: str = "", label: str = "") -> Clip:
        self.told = (used, notes)
        height, width = self.frames[0].shape[:2]
        return Clip(Path("none.mp4"), len(self.frames), height, width, used, notes=notes, label=label)
