"""EAT's keypoint detector finds 15 points in space on a portrait, in a canonical pose, and a map around them.

It is the canonical keypoint detector of face-vid2vid (Wang, Mallya, Liu, CVPR 2021): an hourglass whose lower half is a
picture and whose upper half is a volume. The map is also what EAT's sound and emotion networks see of the face.
State-dict names are those of `kp_detector.` in the released checkpoints.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from networks.eat.convolution_blocks import ConvolutionBlock, as_volume
from networks.eat.grids import coordinates
from networks.eat.volume_convolution import VolumeConvolution

KEYPOINTS = 15
SHRINK = 4  # a portrait of 256 px is read at 64 px
WIDTHS = (64, 128, 256, 512, 1024)
DEPTH = 16
LAST_WIDTH = 32
_TEMPERATURE = 0.1


@dataclass(frozen=True)
class Face:
    """Holds canonical keypoints (B, K, 3) of portraits in [-1, 1], and the map (B, K, D, H/4, W/4) of their logits."""

    keypoints: Tensor
    map: Tensor


def gaussian_kernel(shrink: int) -> Tensor:
    """Returns the square low-pass kernel (13, 13 for 4) of sum 1 that precedes taking every `shrink`-th pixel."""
    sigma = (shrink - 1) / 2
    reach = round(4 * sigma)
    taps = torch.exp(-(torch.arange(-reach, reach + 1) ** 2) / (2 * sigma**2))
    kernel = torch.outer(taps, taps)
    return kernel / kernel.sum()


class _Shrink(nn.Module):
    """Filters each channel with a Gaussian, which the checkpoint holds too, and takes every `shrink`-th pixel."""

    weight: Tensor

    def __init__(self, channels: int, shrink: int) -> None:
        super().__init__()
        self._shrink = shrink
        self.register_buffer("weight", gaussian_kernel(shrink).expand(channels, 1, -1, -1).clone())

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.weight, stride=self._shrink, padding=self.weight.shape[-1] // 2, groups=x.shape[1])


class _Predictor(nn.Module):
    """Makes a volume (B, last, depth, H, W) of a picture (B, 3, H, W)."""

    def __init__(self, channels: int, widths: Sequence[int], depth: int, last: int) -> None:
        super().__init__()
        down = [ConvolutionBlock(2, a, b, "halve") for a, b in pairwise((channels, *widths))]
        up = [ConvolutionBlock(3, a, b, "double") for a, b in pairwise((*reversed(widths), last))]
        self.down_blocks = nn.Sequential(OrderedDict((f"down{k}", block) for k, block in enumerate(down)))
        self.conv = nn.Conv2d(widths[-1], widths[-1] * depth, 1)
        self.up_blocks = nn.Sequential(OrderedDict((f"up{k}", block) for k, block in enumerate(up)))
        self._deepest = widths[-1]

    def forward(self, picture: Tensor) -> Tensor:
        volume: Tensor = self.up_blocks(as_volume(self.conv(self.down_blocks(picture)), self._deepest))
        return volume


class KeypointDetector(nn.Module):
    """The network; without arguments the official full-size one.

    keypoints: their number; widths: of the picture's half, from the top; depth: of the volume; last: its width;
    shrink: by how much the portrait is made smaller first.
    """

    def __init__(
        self,
        keypoints: int = KEYPOINTS,
        widths: Sequence[int] = WIDTHS,
        depth: int = DEPTH,
        last: int = LAST_WIDTH,
        shrink: int = SHRINK,
    ) -> None:
        super().__init__()
        self.predictor = _Predictor(3, widths, depth, last)
        self.kp = VolumeConvolution(last, keypoints, 3)
        self.down = _Shrink(3, shrink)

    def forward(self, pictures: Tensor) -> Face:
        """Returns keypoints and map of pictures (B, 3, H, W) in [0, 1]; H and W: 256, or what shrinks evenly."""
        logits = self.kp(self.predictor(self.down(pictures)))
        return Face(mean_places(logits), logits)


def mean_places(logits: Tensor) -> Tensor:
    """Returns (B, K, 3): the mean x, y, z under the softmax over each of the volumes (B, K, D, H, W).

    Summed in float64: 65 536 voxels in float32 would cost the last digit that the goldens show.
    """
    exact = logits.double()
    share = (exact.flatten(2) / _TEMPERATURE).softmax(dim=-1)
    return (share @ coordinates(exact).flatten(0, 2)).to(logits.dtype)
