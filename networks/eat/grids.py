"""Keypoints in space become blobs in a volume, and moved coordinates resample a volume: the geometry of EAT's networks.

Coordinates run from -1 to 1 from the first to the last voxel's centre, in the order x, y, z. The published networks
resample by the other convention all the same (-1 and 1 are the outer edges), and their weights were trained with that.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def coordinates(like: Tensor) -> Tensor:
    """Returns (D, H, W, 3) coordinates x, y, z of the voxels of a volume (..., D, H, W), on its device."""
    axes = [torch.linspace(-1, 1, size, dtype=like.dtype, device=like.device) for size in like.shape[-3:]]
    z, y, x = torch.meshgrid(*axes, indexing="ij")
    return torch.stack((x, y, z), dim=-1)


def blobs(keypoints: Tensor, like: Tensor, variance: float = 0.01) -> Tensor:
    """Returns (B, K, D, H, W): a Gaussian of height 1 around each keypoint (B, K, 3) in the voxels of `like`.

    The three axes are factors, so that a blob costs D + H + W exponentials.
    """
    factors = [
        torch.exp(-0.5 / variance * (torch.linspace(-1, 1, size, dtype=like.dtype, device=like.device) - at) ** 2)
        for size, at in zip(reversed(like.shape[-3:]), keypoints.split(1, dim=-1), strict=True)
    ]
    x, y, z = factors
    return z[..., :, None, None] * y[..., None, :, None] * x[..., None, None, :]


def resampled(volume: Tensor, at: Tensor) -> Tensor:
    """Returns (B, C, D, H, W): trilinear samples of `volume` (B, C, d, h, w) at coordinates (B, D, H, W, 3).

    Outside of the volume there is zero.
    """
    return F.grid_sample(volume, at, align_corners=False)
