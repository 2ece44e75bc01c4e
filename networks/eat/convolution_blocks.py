"""Three kinds of convolution blocks, for pictures and for volumes, make up EAT's keypoint detector and its generator.

They are those of the First Order Motion Model (Siarohin et al., NeurIPS 2019) and of its three-dimensional successor
(Wang, Mallya, Liu, CVPR 2021, "face-vid2vid"). Volumes are (B, channels, depth, height, width); their depth is never
resized. State-dict names are those of the released EAT checkpoints.
"""

from __future__ import annotations

from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

from networks.eat.volume_convolution import VolumeConvolution

Resize = Literal["none", "halve", "double"]

#: Classes by the number of dimensions.
_NORM: dict[int, type[nn.BatchNorm2d | nn.BatchNorm3d]] = {2: nn.BatchNorm2d, 3: nn.BatchNorm3d}


def halved(x: Tensor) -> Tensor:
    """Returns (B, C, [D,] H/2, W/2): means over 2 x 2 pixels."""
    return F.avg_pool2d(x, 2) if x.dim() == 4 else F.avg_pool3d(x, (1, 2, 2))


def doubled(x: Tensor) -> Tensor:
    """Returns (B, C, [D,] 2H, 2W): every pixel repeated 2 x 2 times."""
    return F.interpolate(x, scale_factor=2.0 if x.dim() == 4 else (1.0, 2.0, 2.0))


class ConvolutionBlock(nn.Module):
    """Applies a 3 x 3 (x 3) convolution, batch norm and ReLU; doubles the map before or halves it after.

    dimensions: 2 or 3; slope: of the ReLU's negative side.
    """

    def __init__(self, dimensions: int, inputs: int, outputs: int, resize: Resize = "none", slope: float = 0.0) -> None:
        super().__init__()
        flat = dimensions == 2
        self.conv = nn.Conv2d(inputs, outputs, 3, padding=1) if flat else VolumeConvolution(inputs, outputs, 3)
        self.norm = _NORM[dimensions](outputs)
        self._resize, self._slope = resize, slope

    def forward(self, x: Tensor) -> Tensor:
        """Returns (B, outputs, [D,] height, width) of (B, inputs, [D,] height, width), resized."""
        x = doubled(x) if self._resize == "double" else x
        x = F.leaky_relu(self.norm(self.conv(x)), self._slope)
        return halved(x) if self._resize == "halve" else x


class VolumeResidual(nn.Module):
    """Adds to a volume (B, C, D, H, W) what two rounds of batch norm, ReLU and convolution make of it."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = VolumeConvolution(channels, channels, 3)
        self.conv2 = VolumeConvolution(channels, channels, 3)
        self.norm1 = nn.BatchNorm3d(channels)
        self.norm2 = nn.BatchNorm3d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """Returns a volume of the same shape."""
        y = self.conv1(F.relu(self.norm1(x)))
        added: Tensor = x + self.conv2(F.relu(self.norm2(y)))
        return added


def as_volume(x: Tensor, channels: int) -> Tensor:
    """Returns a map (B, channels * D, H, W) as a volume (B, channels, D, H, W)."""
    return x.unflatten(1, (channels, -1))


def as_map(x: Tensor) -> Tensor:
    """Returns a volume (B, C, D, H, W) as a map (B, C * D, H, W)."""
    return x.flatten(1, 2)
