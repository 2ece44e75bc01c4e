"""A 3 x 3 convolution of a map whose pixels were repeated is computed at the map's own size, from far fewer products.

A cell of 4 x 4 equal pixels gives 16 outputs, of which only 3 x 3 differ: those at the cell's edges see a neighbour,
those within see one value nine times over. Summed kernels of one or two taps an axis give each of them, 25 products in
place of 144. EAT's decoder needs that for the feature map that guides its two largest blocks.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def convolved(x: Tensor, weight: Tensor, bias: Tensor | None, factor: int) -> Tensor:
    """Returns (B, O, factor * H, factor * W): `x` (B, C, H, W), each pixel repeated `factor` times on both axes, padded
    by zeros and convolved with `weight` (O, C, 3, 3) plus `bias` (O,), if any.
    """
    if factor == 1:
        return F.conv2d(x, weight, bias, padding=1)
    batch, _, height, width = x.shape
    padded = F.pad(x, (1, 1, 1, 1))
    result = x.new_empty(batch, len(weight), height, factor, width, factor)
    for rows, first_row, kernel in _parts(weight, 2, factor):
        for columns, first_column, taps in _parts(kernel, 3, factor):
            part = padded[:, :, first_row : height + first_row + taps.shape[2] - 1]
            part = part[..., first_column : width + first_column + taps.shape[3] - 1]
            result[:, :, :, rows, :, columns] = F.conv2d(part, taps, bias)[:, :, :, None, :, None]
    return result.reshape(batch, len(weight), factor * height, factor * width)


def _parts(weight: Tensor, axis: int, factor: int) -> list[tuple[slice, int, Tensor]]:
    """Outputs of a cell that are equal, along an axis: which they are, the first padded pixel they see, their taps."""
    before, at, after = weight.split(1, dim=axis)
    first = slice(0, 1), 0, torch.cat((before, at + after), dim=axis)
    last = slice(factor - 1, factor), 1, torch.cat((before + at, after), dim=axis)
    within = slice(1, factor - 1), 1, before + at + after
    return [first, last, within] if factor > 2 else [first, last]
