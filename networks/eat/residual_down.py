"""A residual block halves a map; EAT's audio transformer and its side branch condense pictures with chains of them.

The blocks are pre-activation ones (He et al., ECCV 2016): norm, leaky ReLU, convolution, twice. Where the width
changes, the straight path is norm and convolution alone. State-dict names are those of the released EAT checkpoints.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

#: Widths of the chain in the audio transformer's decoder and in the side branch: 64 px become 2.
FACE_WIDTHS = (32, 48, 64, 96, 128)
_SLOPE = 0.2


class _NormFirst(nn.Module):
    """Applies batch norm, a leaky ReLU of slope `slope` and a convolution."""

    def __init__(self, inputs: int, outputs: int, kernel: int, slope: float = _SLOPE) -> None:
        super().__init__()
        self._slope = slope
        norm, conv = nn.BatchNorm2d(inputs), nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2)
        self.layers = nn.ModuleDict({"norm": norm, "conv": conv})

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layers["conv"](F.leaky_relu(self.layers["norm"](x), self._slope))
        return y


class ResidualDown(nn.Module):
    """Halves (B, inputs, H, W) to (B, outputs, H/2, W/2); `hidden` is the width between the two convolutions."""

    def __init__(self, inputs: int, hidden: int, outputs: int) -> None:
        super().__init__()
        self.conv_block_0 = _NormFirst(inputs, hidden, 3)
        self.conv_block_1 = _NormFirst(hidden, outputs, 3)
        if inputs != outputs:
            self.conv_block_s = _NormFirst(inputs, outputs, 1, slope=1.0)

    def forward(self, x: Tensor) -> Tensor:
        """Returns the halved map."""
        straight = self.conv_block_s(x) if hasattr(self, "conv_block_s") else x
        summed: Tensor = self.conv_block_1(self.conv_block_0(x)) + straight
        return F.avg_pool2d(summed, 2)


def chain(inputs: int, widths: Sequence[int] = FACE_WIDTHS) -> nn.Sequential:
    """Returns blocks that lead from `inputs` channels through `widths`; a map shrinks by 2 ** len(widths)."""
    return nn.Sequential(*(ResidualDown(a, a, b) for a, b in pairwise((inputs, *widths))))
