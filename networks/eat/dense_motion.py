"""EAT's dense motion network finds where in a portrait's volume each voxel of a frame comes from, and what is hidden.

It is that of face-vid2vid (Wang, Mallya, Liu, CVPR 2021) without rotations of its own: each keypoint proposes its own
shift for the whole volume, one more proposal is no shift, and an hourglass weighs the proposals voxel by voxel.
State-dict names are those of `generator.dense_motion_network.` in the released checkpoints.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from networks.eat.convolution_blocks import ConvolutionBlock, as_map
from networks.eat.grids import blobs, coordinates, resampled
from networks.eat.volume_convolution import VolumeConvolution

KEYPOINTS = 15
WIDTHS = (64, 128, 256, 512, 1024)
LAST_WIDTH = 32
COMPRESSED = 4


@dataclass(frozen=True)
class Motion:
    """Holds sampling coordinates (B, D, H, W, 3) of frames, and the visible share (B, 1, H, W) of each pixel."""

    deformation: Tensor
    occlusion: Tensor


class _Encoder(nn.Module):
    def __init__(self, inputs: int, widths: Sequence[int]) -> None:
        super().__init__()
        self.down_blocks = nn.ModuleList(ConvolutionBlock(3, a, b, "halve") for a, b in pairwise((inputs, *widths)))


class _Decoder(nn.Module):
    def __init__(self, inputs: int, widths: Sequence[int], last: int) -> None:
        super().__init__()
        deepest, *others = reversed(widths)
        entering = (deepest, *(2 * width for width in others))
        self.up_blocks = nn.ModuleList(
            ConvolutionBlock(3, a, b, "double") for a, b in zip(entering, (*others, last), strict=True)
        )
        self.conv = VolumeConvolution(inputs + last, inputs + last, 3)
        self.norm = nn.BatchNorm3d(inputs + last)


class _Hourglass(nn.Module):
    """Makes (B, inputs + last, D, H, W) of (B, inputs, D, H, W), looking at ever larger surroundings."""

    def __init__(self, inputs: int, widths: Sequence[int], last: int) -> None:
        super().__init__()
        self.encoder, self.decoder = _Encoder(inputs, widths), _Decoder(inputs, widths, last)

    def forward(self, x: Tensor) -> Tensor:
        passed = [x]
        for block in self.encoder.down_blocks:
            passed.append(block(passed[-1]))
        y = passed.pop()
        for block in self.decoder.up_blocks:
            y = torch.cat((block(y), passed.pop()), dim=1)
        return F.relu(self.decoder.norm(self.decoder.conv(y)))


class DenseMotionNetwork(nn.Module):
    """The network; without arguments the official full-size one.

    channels, depth: of the portrait's volume; keypoints: their number; compressed: width to which the volume is reduced
    before each proposal samples it; widths, last: of the hourglass.
    """

    def __init__(
        self,
        channels: int = 32,
        depth: int = 16,
        keypoints: int = KEYPOINTS,
        compressed: int = COMPRESSED,
        widths: Sequence[int] = WIDTHS,
        last: int = LAST_WIDTH,
    ) -> None:
        super().__init__()
        proposals = keypoints + 1
        inputs = proposals * (compressed + 1)
        self.hourglass = _Hourglass(inputs, widths, last)
        self.mask = VolumeConvolution(inputs + last, proposals, 7)
        self.compress = nn.Conv3d(channels, compressed, 1)
        self.norm = nn.BatchNorm3d(compressed)
        self.occlusion = nn.Conv2d((inputs + last) * depth, 1, 7, padding=3)

    def compressed(self, volume: Tensor) -> Tensor:
        """Returns reduced volumes (B, 4, D, H, W) of portraits' volumes (B, channels, D, H, W)."""
        return F.relu(self.norm(self.compress(volume)))

    def forward(self, compressed: Tensor, portrait: Tensor, driving: Tensor) -> Motion:
        """Returns the motion to the keypoints of B frames (B, K, 3) from those of their portrait (1, K, 3), or of a
        portrait each.
        """
        shifts = F.pad(portrait - driving, (0, 0, 1, 0))  # the first proposal is no shift
        seen = self.hourglass(_proposals(compressed, portrait, driving, shifts))
        shares = self.mask(seen).softmax(dim=1)
        deformation = coordinates(compressed) + torch.einsum("bpdhw,bpc->bdhwc", shares, shifts)
        return Motion(deformation, self.occlusion(as_map(seen)).sigmoid())


def _proposals(compressed: Tensor, portrait: Tensor, driving: Tensor, shifts: Tensor) -> Tensor:
    """Returns (B, P * 5, D, H, W): of each proposal where its keypoint went, then the volume as it moves it."""
    frames, proposals, _ = shifts.shape
    went = blobs(driving, compressed) - blobs(portrait, compressed)
    went = F.pad(went, (0, 0, 0, 0, 0, 0, 1, 0))  # no keypoint, no blob
    at = coordinates(compressed) + shifts.flatten(0, 1)[:, None, None, None]
    each = compressed.expand(frames, -1, -1, -1, -1).repeat_interleave(proposals, 0)
    moved = resampled(each, at)
    return torch.cat((went[:, :, None], moved.unflatten(0, (frames, proposals))), dim=2).flatten(1, 2)
