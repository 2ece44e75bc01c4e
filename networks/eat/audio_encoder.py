"""EAT's audio encoder gives a mel spectrum the colour of an emotion: a map of 64 channels over bands and columns.

It has the form of StarGANv2-VC's generator (Li, Zare, Mesgarani, Interspeech 2021), whose style is the emotion's
shallow prompt here. Blocks halve the bands three times and never the columns; the pitch network's features join;
blocks modulated by the prompt bring the bands back. Three things differ from that publication and were found by
agreement with the recorded output: the encoding blocks normalise groups of channels, not single ones, the pitch's
features are not shrunk, and scales and shifts pass through a tanh. State-dict names are those of
`audio2kptransformer.audioencoder.` in the released checkpoint.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from networks.eat.emotion_modulation import EmotionModulation
from networks.eat.mapping import PROMPT_WIDTH

WIDTHS = (64, 128, 256, 512)
PITCH_WIDTH = 256
GROUPS = 8
_BOTTLENECKS = 2
_SLOPE = 0.2
_BANDS_ONLY = (2, 1)


def halved_bands(x: Tensor) -> Tensor:
    """Returns (B, C, bands / 2, columns): means of two neighbouring bands."""
    return F.avg_pool2d(x, _BANDS_ONLY)


def doubled_bands(x: Tensor) -> Tensor:
    """Returns (B, C, bands * 2, columns): every band twice."""
    return x.repeat_interleave(2, dim=2)


def _three_by_three(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, padding=1)


class _Residual(nn.Module):
    """Holds what both kinds of blocks share: two convolutions, a straight path, and their sum over the root of two."""

    def __init__(self, inputs: int, between: int, outputs: int, resizes: bool) -> None:
        super().__init__()
        self.conv1, self.conv2 = _three_by_three(inputs, between), _three_by_three(between, outputs)
        if inputs != outputs:
            self.conv1x1 = nn.Conv2d(inputs, outputs, 1, bias=False)
        self._resizes = resizes

    def _straight(self, x: Tensor) -> Tensor:
        passed: Tensor = self.conv1x1(x) if hasattr(self, "conv1x1") else x
        return passed


class EncodingBlock(_Residual):
    """Applies group norm, leaky ReLU and a convolution, twice; may halve the bands between the two."""

    def __init__(self, inputs: int, outputs: int, halves: bool) -> None:
        super().__init__(inputs, inputs, outputs, halves)
        self.norm1, self.norm2 = nn.GroupNorm(GROUPS, inputs), nn.GroupNorm(GROUPS, inputs)

    def forward(self, x: Tensor) -> Tensor:
        """Returns (B, outputs, bands or half of them, columns) of (B, inputs, bands, columns)."""
        straight, y = self._straight(x), self.conv1(F.leaky_relu(self.norm1(x), _SLOPE))
        if self._resizes:
            straight, y = halved_bands(straight), halved_bands(y)
        y = self.conv2(F.leaky_relu(self.norm2(y), _SLOPE))
        return (y + straight) / math.sqrt(2)


class DecodingBlock(_Residual):
    """Applies instance norm, an emotion's modulation, leaky ReLU and a convolution, twice; may double the bands."""

    def __init__(self, inputs: int, outputs: int, prompt: int, doubles: bool) -> None:
        super().__init__(inputs, outputs, outputs, doubles)
        self.norm1, self.norm2 = EmotionModulation(prompt, inputs), EmotionModulation(prompt, outputs)

    def forward(self, x: Tensor, prompt: Tensor) -> Tensor:
        """Returns (B, outputs, bands or twice as many, columns) of (B, inputs, bands, columns) and prompts (B or 1,
        width).
        """
        straight, y = self._straight(x), F.leaky_relu(self.norm1(F.instance_norm(x), prompt), _SLOPE)
        if self._resizes:
            straight, y = doubled_bands(straight), doubled_bands(y)
        y = F.leaky_relu(self.norm2(F.instance_norm(self.conv1(y)), prompt), _SLOPE)
        return (self.conv2(y) + straight) / math.sqrt(2)


class AudioEncoder(nn.Module):
    """The encoder; without arguments the official full-size one.

    widths: of the stem and after each block that halves the bands; pitch: channels of the pitch network's features,
    half of which remain; prompt: width of a prompt. Widths must be multiples of eight.
    """

    def __init__(self, widths: Sequence[int] = WIDTHS, pitch: int = PITCH_WIDTH, prompt: int = PROMPT_WIDTH) -> None:
        super().__init__()
        first, last, joined = widths[0], widths[-1], widths[-1] + pitch // 2
        self.stem = _three_by_three(1, first)
        halving = [EncodingBlock(inputs, outputs, halves=True) for inputs, outputs in pairwise(widths)]
        deep = [EncodingBlock(last, last, halves=False) for _ in range(_BOTTLENECKS)]
        self.encode = nn.ModuleList([*halving, *deep])
        self.F0_conv = nn.Sequential(EncodingBlock(pitch, pitch // 2, halves=False))
        flat = [(joined, joined)] * _BOTTLENECKS + [(joined, last)]
        deep_ones = [DecodingBlock(inputs, outputs, prompt, doubles=False) for inputs, outputs in flat]
        growing = [DecodingBlock(b, a, prompt, doubles=True) for a, b in reversed(list(pairwise(widths)))]
        self.decode = nn.ModuleList([*deep_ones, *growing])

    def forward(self, mel: Tensor, pitch: Tensor, prompt: Tensor) -> Tensor:
        """Returns maps (B, 64, bands, columns).

        mel: (B, 1, bands, columns), bands a multiple of eight; pitch: the pitch network's features (B, 256, bands / 8,
        columns); prompt: an emotion's shallow one, (B or 1, 128).
        """
        x = self.stem(mel)
        for block in self.encode:
            x = block(x)
        x = torch.cat((x, self.F0_conv(pitch)), dim=1)
        for block in self.decode:
            x = block(x, prompt)
        return x
