"""Audio2Lip turns a mel window of 0.2 s of sound into the lip code of the frame in its middle."""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class _Conv:
    """Describes one layer of the stack: output width as a share of `width` (32ths of 32), kernel, stride, padding,
    residual.
    """

    multiple: int
    kernel: int = 3
    stride: int | tuple[int, int] = 1
    padding: int = 1
    residual: bool = False


_STACK = (
    _Conv(1),
    _Conv(1, residual=True),
    _Conv(1, residual=True),
    _Conv(2, stride=(3, 1)),
    _Conv(2, residual=True),
    _Conv(2, residual=True),
    _Conv(4, stride=3),
    _Conv(4, residual=True),
    _Conv(4, residual=True),
    _Conv(8, stride=(3, 2)),
    _Conv(8, residual=True),
    _Conv(16, padding=0),
    _Conv(16, kernel=1, padding=0),
)


class _Block(nn.Module):
    """Applies convolution, batch norm, optional `+ input`, ReLU."""

    def __init__(self, inputs: int, outputs: int, conv: _Conv) -> None:
        super().__init__()
        self.conv_block = nn.Sequential(
            nn.Conv2d(inputs, outputs, conv.kernel, conv.stride, conv.padding), nn.BatchNorm2d(outputs)
        )
        self.residual = conv.residual

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv_block(x)
        return F.relu(y + x if self.residual else y)


class Audio2Lip(nn.Module):
    """Implements EDTalk's Audio2Lip. Input: mel windows (N, 1, 80, 16) of `networks.edtalk.mel`; output: lip codes (N,
    lip).

    width: channels of the first layers (official 32, the last have 16 times as many); lip: size of the code.
    Frames are independent of each other: batch them freely.
    """

    def __init__(self, lip: int = 20, width: int = 32) -> None:
        super().__init__()
        widths = [1] + [width * conv.multiple for conv in _STACK]
        self.audio_encoder = nn.Sequential(
            *(_Block(widths[index], widths[index + 1], conv) for index, conv in enumerate(_STACK))
        )
        self.mapping = nn.Linear(widths[-1], lip)

    def forward(self, windows: Tensor) -> Tensor:
        return self.mapping(self.audio_encoder(windows).flatten(1))
