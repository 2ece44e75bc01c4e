"""A rule says which frames of a clip are the windows that a video network sees."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from evaluators.pairing import Indices
from evaluators.settings import choice, unused, whole
from harness.errors import UsageError

#: Settings of a judge that are read here.
SETTINGS = ("preset", "frames", "stride", "first", "most", "crop", "size")


@dataclass(frozen=True)
class Windows:
    """Cuts a clip into windows of consecutive frames at 25 fps.

    frames: of one window; stride: frames from one window's start to the next; first: where the first one starts;
    most: at most so many windows, 0 for all that fit.
    """

    frames: int
    stride: int
    first: int
    most: int

    def of(self, total: int) -> Indices:
        """Returns the frames' indices, (windows, frames), for a clip of `total` frames; no window is padded."""
        starts = np.arange(self.first, total - self.frames + 1, self.stride, dtype=np.int64)
        starts = starts[: self.most] if self.most else starts
        return starts[:, None] + np.arange(self.frames, dtype=np.int64)

    @property
    def least(self) -> int:
        """Says how many frames a clip must have."""
        return self.first + self.frames

    def text(self) -> str:
        """Returns the rule as the signature says it: frames, stride, first frame, number of windows."""
        return f"{self.frames}/{self.stride}@{self.first}" + (f"x{self.most}" if self.most else "")


@dataclass(frozen=True)
class Spread:
    """Takes one window of frames spread over the whole clip, from the first to the last."""

    frames: int

    def of(self, total: int) -> Indices:
        """Returns the frames' indices, (1, frames); (0, frames) for a clip with fewer."""
        if total < self.frames:
            return np.zeros((0, self.frames), dtype=np.int64)
        return (np.arange(self.frames, dtype=np.int64) * (total - 1) // max(1, self.frames - 1))[None]

    @property
    def least(self) -> int:
        """Says how many frames a clip must have."""
        return self.frames

    def text(self) -> str:
        """Returns the rule as the signature says it."""
        return f"even{self.frames}"


@dataclass(frozen=True)
class Preset:
    """Holds a published choice of windows and pictures."""

    windows: Windows
    crop: str  # frame: the whole picture; face: MTCNN's box of the largest face
    size: int  # px of the square that the network is given; 0: as decoded


#: StyleGAN-V draws each clip's window at random; here every window counts, so that no draw moves the number.
PRESETS = {
    "stylegan-v-16": Preset(Windows(16, 16, 0, 0), "frame", 0),
    "latentsync": Preset(Windows(16, 16, 20, 1), "face", 224),
}


def preset(settings: Mapping[str, str]) -> Preset:
    """Returns the windows and pictures that the settings ask for. Raises UsageError for what cannot be."""
    name = choice(settings, "preset", (*PRESETS, "own"), "stylegan-v-16")
    base = PRESETS.get(name, PRESETS["stylegan-v-16"])
    if name != "own":
        unused(f"The preset '{name}'", settings, [key for key in SETTINGS if key != "preset"])
        return base
    frames = whole(settings, "frames", base.windows.frames, least=2)
    stride = whole(settings, "stride", frames)
    windows = Windows(frames, stride, whole(settings, "first", 0, least=0), whole(settings, "most", 0, least=0))
    crop = choice(settings, "crop", ("frame", "face"), "frame")
    size = whole(settings, "size", 224 if crop == "face" else 0, least=0)
    if crop == "face" and not size:
        raise UsageError("Crops of faces have no size of their own.", "Set size, for instance size = 224.")
    return Preset(windows, crop, size)
