"""An input rule turns pictures into an Inception's input by its functions, and the signature's fields come from them.

A function that has no word of its own, such as one put in the place of another, is named with a digest of its code: no
text can stay while the code under it changes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt

from harness.sources import digest_of
from networks import imagenet

if TYPE_CHECKING:
    import torch

INPUT_PIXELS = 299
#: Feature widths by name of the tap: after the first and second max pool, after Mixed_6e, and at the end.
TAPS: tuple[int, ...] = (64, 192, 768, 2048)
Frames = npt.NDArray[np.uint8]  # (n, h, w, 3)


def same_order(frames: Frames) -> Frames:
    """Returns the RGB picture as it is."""
    return frames


def reversed_order(frames: Frames) -> Frames:
    """Returns the picture with red and blue swapped: EAT's script reverses pictures that were RGB already."""
    return frames[..., ::-1]


def torch_bilinear(frames: Frames) -> torch.Tensor:
    """Returns (n, 3, 299, 299) in [0, 1]: PyTorch's bilinear without antialiasing, as pytorch-fid resizes."""
    import torch
    import torch.nn.functional as F

    x = torch.tensor(frames).permute(0, 3, 1, 2).float() / 255
    return F.interpolate(x, size=(INPUT_PIXELS, INPUT_PIXELS), mode="bilinear", align_corners=False)


def opencv_linear(frames: Frames) -> torch.Tensor:
    """Returns (n, 3, 299, 299) in [0, 1]: OpenCV's bilinear on float pictures, as EAT resizes."""
    import torch

    size = (INPUT_PIXELS, INPUT_PIXELS)
    sized = [cv2.resize(picture.astype(np.float32) / 255, size, interpolation=cv2.INTER_LINEAR) for picture in frames]
    return torch.from_numpy(np.stack(sized)).permute(0, 3, 1, 2)


def plus_minus_one(x: torch.Tensor) -> torch.Tensor:
    """Returns values in [0, 1] mapped to [-1, 1]."""
    return 2 * x - 1


def plus_minus_one_and_imagenet(x: torch.Tensor) -> torch.Tensor:
    """Returns values in [0, 1] mapped to [-1, 1], with torchvision's own normalisation on top: EAT normalises twice."""
    import torch

    gain = torch.from_numpy(np.array(imagenet.STD) / 0.5).float()[:, None, None]
    shift = torch.from_numpy((np.array(imagenet.MEAN) - 0.5) / 0.5).float()[:, None, None]
    return plus_minus_one(x) * gain + shift


_WORDS: dict[Callable[..., object], str] = {
    same_order: "rgb",
    reversed_order: "bgr",
    torch_bilinear: "torch-bilinear",
    opencv_linear: "cv-linear",
    plus_minus_one: "pm1",
    plus_minus_one_and_imagenet: "pm1+in1k",
}


def word(function: Callable[..., object]) -> str:
    """Returns the word that signatures use for a function: its own, or its name with a digest of its code."""
    return _WORDS.get(function) or f"{function.__name__}@{digest_of(function)[:8]}"


@dataclass(frozen=True)
class InputRule:
    """Applies channels, then resize, then normalisation."""

    channels: Callable[[Frames], Frames]
    resize: Callable[[Frames], torch.Tensor]
    normalisation: Callable[[torch.Tensor], torch.Tensor]

    def __call__(self, frames: Frames) -> torch.Tensor:
        """uint8 RGB (n, h, w, 3) → float32 (n, 3, 299, 299)."""
        return self.normalisation(self.resize(self.channels(frames)))

    def fields(self) -> tuple[tuple[str, str], ...]:
        """Returns the signature's fields about the input."""
        return ("rs", word(self.resize)), ("norm", word(self.normalisation)), ("ch", word(self.channels))


#: pytorch-fid 0.3.0.
TF_FID = InputRule(same_order, torch_bilinear, plus_minus_one)
#: EAT's evaluation (docs/reference/metrics.md, 'FID of EAT').
EAT = InputRule(reversed_order, opencv_linear, plus_minus_one_and_imagenet)
