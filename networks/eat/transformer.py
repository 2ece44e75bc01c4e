"""A transformer whose last token is an emotion's prompt, another one before each layer: EAT's deep prompts.

Encoder and decoder are those of the first transformer (Vaswani et al., NeurIPS 2017), norms after each part; deep
prompts are those of visual prompt tuning (Jia et al., ECCV 2022). The same six prompts serve both halves. State-dict
names are those of `audio2kptransformer.transformer.` in the released checkpoint.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from networks.eat.places import Places

LAYERS, HEADS, FEED_FORWARD = 6, 8, 1024


class Encoder(nn.Module):
    """Holds post-norm encoder layers without a norm after the last."""

    def __init__(self, width: int, layers: int, heads: int, feed_forward: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(width, heads, feed_forward, batch_first=True) for _ in range(layers)
        )

    def forward(self, tokens: Tensor) -> Tensor:
        """Returns (B, L, width) of tokens (B, L, width), layer after layer."""
        for layer in self.layers:
            tokens = layer(tokens)
        return tokens


class _Decoder(nn.Module):
    def __init__(self, width: int, layers: int, heads: int, feed_forward: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.TransformerDecoderLayer(width, heads, feed_forward, batch_first=True) for _ in range(layers)
        )
        self.norm = nn.LayerNorm(width)


class PromptedTransformer(nn.Module):
    """The encoder and the decoder, of `layers` layers each, for tokens of `width` numbers."""

    def __init__(self, width: int, layers: int = LAYERS, heads: int = HEADS, feed_forward: int = FEED_FORWARD) -> None:
        super().__init__()
        self.encoder = Encoder(width, layers, heads, feed_forward)
        self.decoder = _Decoder(width, layers, heads, feed_forward)

    def forward(self, seen: Tensor, asked: Tensor, prompts: Tensor, places: Places) -> Tensor:
        """Returns (B, A, width): the answers to `asked`.

        seen: (B, S, width) of the encoder; asked: (B, A, width) of the decoder; prompts: (1 or B, layers, width), one
        before each layer of either half. The first prompt and no other has a place, the one after the last token.
        """
        x = places(_with(seen, prompts[:, 0]))
        for index, layer in enumerate(self.encoder.layers):
            x = layer(x if index == 0 else _with(x[:, :-1], prompts[:, index]))
        memory, y = x, places(_with(asked, prompts[:, 0]))
        for index, layer in enumerate(self.decoder.layers):
            y = layer(y if index == 0 else _with(y[:, :-1], prompts[:, index]), memory)
        answers: Tensor = self.decoder.norm(y[:, :-1])
        return answers


def _with(tokens: Tensor, prompt: Tensor) -> Tensor:
    """Tokens (B, L, width) and behind them a prompt (1 or B, width): (B, L + 1, width)."""
    return torch.cat((tokens, prompt[:, None].expand(len(tokens), -1, -1)), dim=1)
