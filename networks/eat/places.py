"""A table of sines and cosines tells EAT's transformers where in a sequence a token stands.

It is the table of the first transformer (Vaswani et al., NeurIPS 2017). State-dict names are those of `pos_enc.` in the
released EAT checkpoints, which hold the table too.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

LONGEST = 20
_PERIOD = 10_000.0


def sinusoids(places: int, width: int) -> Tensor:
    """Returns (places, width): sines in the even columns, cosines in the odd ones, computed in float64."""
    pair = torch.arange(width) // 2
    angles = torch.arange(places)[:, None] / torch.pow(torch.tensor(_PERIOD, dtype=torch.float64), 2 * pair / width)
    return torch.where(torch.arange(width) % 2 == 0, angles.sin(), angles.cos()).float()


class Places(nn.Module):
    """Adds each place's row of the table to the token there; sequences have at most `longest` tokens."""

    pos_table: Tensor

    def __init__(self, width: int, longest: int = LONGEST) -> None:
        super().__init__()
        self.register_buffer("pos_table", sinusoids(longest, width)[None])

    def forward(self, tokens: Tensor) -> Tensor:
        """Returns tokens (B, L, width) with their places."""
        return tokens + self.pos_table[:, : tokens.shape[1]]
