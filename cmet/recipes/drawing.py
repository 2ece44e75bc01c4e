"""Drawing with the demo generator in training: half-size decoding and the loss over pictures."""

from __future__ import annotations

from collections.abc import Mapping

import torch.nn.functional as F
from torch import Tensor

from cmet.decoder import Decoder
from cmet.edtalk import Encoding, Generator


def picture_loss(made: Tensor, true: Tensor, source: Tensor, by_change: bool = True) -> Tensor:
    """L1 of pictures and of their gradients at three sizes, weighted by what had to change between source and truth.

    `by_change` measures a change against all changes of its own picture: a mouth that should have opened counts as much
    in its picture as a head that should have turned in another. That finishes faces, but faces must be there first:
    a fresh decoder learns far sooner from plain weights, where nothing counts less than once or more than four times.
    """
    total = made.new_zeros(())
    for _ in range(3):
        change = (true - source).abs().mean(1, keepdim=True)
        if by_change:
            weight = 0.3 + (change / (change.mean((1, 2, 3), keepdim=True) + 0.004)).clamp(max=40.0)
        else:
            weight = 1.0 + 5.0 * change.clamp(max=0.6)
        error = made - true
        total = total + (weight * error.abs()).mean()
        for axis in (2, 3):
            part = weight.narrow(axis, 1, weight.shape[axis] - 1)
            total = total + 0.5 * (part * error.diff(dim=axis).abs()).mean()
        made, true, source = (F.avg_pool2d(x, 2) for x in (made, true, source))
    return total


def half_size(generator: Generator, style: int, channels: Mapping[int, int]) -> Decoder:
    """A decoder for half the picture size that shares the generator's layers, all but the finest level's."""
    whole = generator.dec
    half = Decoder(generator.size // 2, style, channels)
    half.input, half.conv1, half.convs = whole.input, whole.conv1, whole.convs[:-2]
    half.to_rgbs, half.to_flows = whole.to_rgbs[:-1], whole.to_flows[:-1]
    half.fineadainresblock = whole.fineadainresblock[:-1]
    return half


def decode(generator: Generator, half: Decoder | None, faces: Encoding) -> Tensor:
    """The faces with the codes they hold; at half size when that decoder is given."""
    if half is None:
        return generator.render(faces, faces.lip, faces.pose, faces.exp)
    motion, expression = generator.motion(faces.lip, faces.pose, faces.exp)
    return half(faces.wa + motion, faces.features[:-1], expression)
