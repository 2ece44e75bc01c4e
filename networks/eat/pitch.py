"""A pitch network hears a voice's melody in a mel spectrum; EAT's audio encoder takes its features, not its pitch.

It is the joint detection and classification network of Kum and Nam (Applied Sciences 2019) as StarGANv2-VC (Li, Zare,
Mesgarani, Interspeech 2021) trained it for mel spectra. EAT stops before the last pooling: the recurrent layers and the
pitch they would give are never computed, but the released file holds them (`audio2kptransformer.f0_model.`), so that
they have their names here.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

WIDTHS = (64, 128, 192, 256)
BANDS = 80
HIDDEN = 256
_SLOPE = 0.01
_HALVES_BANDS = (1, 2)  # maps are (B, channels, columns, bands) inside
_LAST_POOL_BANDS = 4
_VOICED_SCORES = 2


def _norm_and_relu(channels: int) -> list[nn.Module]:
    return [nn.BatchNorm2d(channels), nn.LeakyReLU(_SLOPE)]


def _convolution(inputs: int, outputs: int, kernel: int = 3) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False)


class _HalvingBlock(nn.Module):
    """Applies norm, leaky ReLU and max pooling of bands, then adds two convolutions to one of 1 x 1."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.pre_conv = nn.Sequential(*_norm_and_relu(inputs), nn.MaxPool2d(_HALVES_BANDS))
        self.conv = nn.Sequential(
            _convolution(inputs, outputs), *_norm_and_relu(outputs), _convolution(outputs, outputs)
        )
        self.conv1by1 = _convolution(inputs, outputs, kernel=1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pre_conv(x)
        summed: Tensor = self.conv(x) + self.conv1by1(x)
        return summed


class PitchNetwork(nn.Module):
    """The network; without arguments the official full-size one.

    widths: of the first convolutions and of the three blocks that halve the bands; bands: of the spectrum; hidden: of
    the two recurrent layers that are not used.
    """

    def __init__(self, widths: Sequence[int] = WIDTHS, bands: int = BANDS, hidden: int = HIDDEN) -> None:
        super().__init__()
        first, last = widths[0], widths[-1]
        self.conv_block = nn.Sequential(_convolution(1, first), *_norm_and_relu(first), _convolution(first, first))
        blocks = [_HalvingBlock(inputs, outputs) for inputs, outputs in pairwise(widths)]
        self.res_block1, self.res_block2, self.res_block3 = blocks
        self.pool_block = nn.Sequential(*_norm_and_relu(last))
        self.detector_conv = nn.Sequential(_convolution(sum(widths), last, kernel=1), *_norm_and_relu(last))
        heard = last * (bands // 2 ** len(blocks) // _LAST_POOL_BANDS)
        self.bilstm_classifier = nn.LSTM(heard, hidden, batch_first=True, bidirectional=True)
        self.bilstm_detector = nn.LSTM(heard, hidden, batch_first=True, bidirectional=True)
        self.classifier = nn.Linear(2 * hidden, 1)
        self.detector = nn.Linear(2 * hidden, _VOICED_SCORES)

    def forward(self, mel: Tensor) -> Tensor:
        """Returns features (B, 256, bands / 8, columns) of mel spectra (B, 1, bands, columns)."""
        x = self.conv_block(mel.mT)
        for block in (self.res_block1, self.res_block2, self.res_block3):
            x = block(x)
        features: Tensor = self.pool_block(x)
        return features.mT
