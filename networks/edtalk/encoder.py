"""EDTalk's image encoder turns one picture into an appearance vector, a feature pyramid, and affine code heads."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping

from torch import Tensor, nn

from networks.stylegan2.layers import ConvLayer, EqualConv2d, EqualLinear, ResBlock, channels_last

OFFICIAL_CHANNELS: Mapping[int, int] = {4: 512, 8: 512, 16: 512, 32: 512, 64: 256, 128: 128, 256: 64, 512: 32, 1024: 16}
"""Channels by resolution in px at channel multiplier 1."""


def levels_of(size: int) -> int:
    """Returns the number of feature maps (8 px .. `size` px) for `size` x `size` pictures; ValueError if not 8
    * 2^n.
    """
    levels = size.bit_length() - 3
    if size < 8 or size != 8 << (levels - 1):
        raise ValueError(f"A generator's picture size must be a power of two of at least 8 px, not {size}.")
    return levels


class _Pyramid(nn.Module):
    """Holds the convolutions `convs` 0..n+1: 1x1 stem, halving residual blocks down to 4 px, one 4x4 convolution."""

    def __init__(self, size: int, style: int, channels: Mapping[int, int]) -> None:
        super().__init__()
        sizes = [size >> step for step in range(levels_of(size) + 1)]  # size .. 4
        layers: list[nn.Module] = [ConvLayer(3, channels[size], 1)]
        layers += [ResBlock(channels[above], channels[below]) for above, below in itertools.pairwise(sizes)]
        layers.append(EqualConv2d(channels[4], style, 4))
        self.convs = nn.ModuleList(layers)

    def forward(self, image: Tensor) -> tuple[Tensor, list[Tensor]]:
        maps = [self.convs[0](channels_last(image))]
        for block in list(self.convs)[1:-1]:
            maps.append(block(maps[-1]))
        vector = self.convs[-1](maps[-1])
        return vector.flatten(1), maps[-2::-1]


class Encoder(nn.Module):
    """Maps (B, 3, S, S) in [-1, 1] -> appearance `wa` (B, style) and feature maps from coarse (8 px) to fine (S px)."""

    def __init__(self, size: int, style: int, channels: Mapping[int, int]) -> None:
        super().__init__()
        self.net_app = _Pyramid(size, style, channels)

    def forward(self, image: Tensor) -> tuple[Tensor, list[Tensor]]:
        wa, features = self.net_app(image)
        return wa, features


def affine_chain(*widths: int) -> nn.Sequential:
    """Returns EqualLinear layers of the given widths, without anything between them (EDTalk has no
    non-linearity here).
    """
    return nn.Sequential(*(EqualLinear(a, b) for a, b in itertools.pairwise(widths)))


def checked_channels(size: int, channels: Mapping[int, int]) -> dict[int, int]:
    """Returns the widths of 4 px .. `size` px; ValueError where one is missing or not positive."""
    wanted = [4 << step for step in range(levels_of(size) + 1)]
    missing = [edge for edge in wanted if channels.get(edge, 0) < 1]
    if missing:
        raise ValueError(f"A generator for {size} px needs a width for every size {wanted}; {missing} have none.")
    return {edge: channels[edge] for edge in wanted}


def scaled_channels(multiplier: float) -> dict[int, int]:
    """Returns the official table with the widths of 64 px and above multiplied by `multiplier` (StyleGAN2's
    convention).
    """
    return {
        size: width if size < 64 else max(1, math.floor(width * multiplier))
        for size, width in OFFICIAL_CHANNELS.items()
    }
