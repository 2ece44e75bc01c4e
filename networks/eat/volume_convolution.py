"""A convolution over a volume that is no deeper than its kernel is computed as one over pictures.

Depth and channels become channels, and the kernel a band matrix over depth: its taps beyond the volume, which would
meet padding alone, are left out. That is what makes small networks, whose volumes are three voxels deep, trainable on a
CPU (docs/speed.md); the released ones have sixteen and are computed as ever.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class VolumeConvolution(nn.Conv3d):
    """Is a convolution of stride 1 with a cube of an odd number of taps, padded by zeros to the input's size."""

    def __init__(self, inputs: int, outputs: int, kernel: int) -> None:
        super().__init__(inputs, outputs, kernel, padding=kernel // 2)

    def forward(self, x: Tensor) -> Tensor:
        """Returns (B, outputs, D, H, W) of (B, inputs, D, H, W)."""
        if x.shape[2] > self.kernel_size[0]:
            return super().forward(x)
        assert self.bias is not None
        depth = x.shape[2]
        kernel, bias = _over_depth(self.weight, depth), self.bias.repeat_interleave(depth)
        return F.conv2d(x.flatten(1, 2), kernel, bias, padding=self.kernel_size[1] // 2).unflatten(1, (-1, depth))


def _over_depth(weight: Tensor, depth: int) -> Tensor:
    """(O * depth, C * depth, k, k) of (O, C, k, k, k): the tap at e - d for output depth d and input depth e."""
    reach = weight.shape[2] // 2
    padded = F.pad(weight, (0, 0, 0, 0, max(0, depth - 1 - reach), max(0, depth - 1 - reach)))
    middle = padded.shape[2] // 2
    rows = [padded[:, :, middle - d : middle - d + depth] for d in range(depth)]
    return torch.stack(rows, dim=1).flatten(2, 3).flatten(0, 1)
