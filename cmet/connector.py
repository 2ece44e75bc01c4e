"""C-MET's connector turns a difference of speech emotions and a track of expression codes into directions.

Two small convolution stacks embed the codes of the source and the directions predicted so far, a linear layer embeds
the speech difference, and a transformer fuses the 2T + 1 tokens. State-dict names and shapes are those of the released
checkpoint at the default widths.
"""

from __future__ import annotations

import math
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

MAX_WINDOW = 512
"""Rows of the position tables, hence the longest window."""

_REFERENCE, _SPEECH, _EXPRESSION = 1, 2, 3  # rows of the modality table; row 0 is padding and never looked up

_STEM = (  # channels in, out, kernel, stride, padding, residual: a code of length 10 shrinks to length 1
    (1, 4, 3, 1, 1, False),
    (4, 8, 3, 2, 1, False),
    (8, 8, 3, 1, 1, True),
    (8, 8, 3, 1, 1, True),
    (8, 16, 3, 2, 1, False),
    (16, 16, 3, 1, 1, True),
    (16, 16, 3, 1, 1, True),
    (16, 32, 2, 2, 0, False),
)


class _ConvBlock(nn.Module):
    """Computes a 1-D convolution, batch norm, optional `+ input`, ReLU (tanh in the last block)."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, stride: int, padding: int, residual: bool, last: bool = False
    ) -> None:
        super().__init__()
        self.conv_block = nn.Sequential(nn.Conv1d(inputs, outputs, kernel, stride, padding), nn.BatchNorm1d(outputs))
        self.residual = residual
        self.last = last

    def forward(self, x: Tensor) -> Tensor:
        conv, norm = cast("tuple[nn.Conv1d, nn.BatchNorm1d]", tuple(self.conv_block))
        if conv.kernel_size == (1,) and x.shape[2] == 1:  # a matrix product, which is what it costs least as
            y = norm(F.linear(x.squeeze(2), conv.weight.squeeze(2), conv.bias)).unsqueeze(2)
        else:
            y = norm(conv(x))
        if self.residual:
            y = y + x
        return torch.tanh(y) if self.last else F.relu(y)


def _code_encoder(code: int, hidden: int) -> nn.Sequential:
    """Convolution stack (N, 1, code) -> (N, hidden, 1): the stem, then widths doubling from 32 up to `hidden`."""
    length = (code + 3) // 4  # after the two strides of 2
    if length not in (2, 3):
        raise ValueError(f"The connector's convolutions need codes of 5 to 12 numbers, not {code}.")
    widths = [32]
    while widths[-1] * 2 < hidden:
        widths.append(widths[-1] * 2)
    widths.append(hidden)
    blocks = [_ConvBlock(*settings) for settings in _STEM]
    for index in range(len(widths) - 1):
        last = index == len(widths) - 2
        blocks.append(_ConvBlock(widths[index], widths[index + 1], 1, 1, 0, residual=False, last=last))
    return nn.Sequential(*blocks)


class _SpeechEncoder(nn.Module):
    """Applies a linear layer, GELU, then LayerNorm."""

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__()
        self.proj = nn.Linear(inputs, hidden)
        self.norm = nn.LayerNorm(hidden)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(F.gelu(self.proj(x)))


class _Positions(nn.Module):
    """Holds sine and cosine position codes as a persistent buffer `pe` (1, MAX_WINDOW, hidden)."""

    pe: Tensor

    def __init__(self, hidden: int) -> None:
        super().__init__()
        position = torch.arange(MAX_WINDOW, dtype=torch.float32)[:, None]
        rates = torch.exp(torch.arange(0, hidden, 2, dtype=torch.float32) * (-math.log(10000.0) / hidden))
        table = torch.zeros(1, MAX_WINDOW, hidden)
        table[0, :, 0::2] = torch.sin(position * rates)
        table[0, :, 1::2] = torch.cos(position * rates)
        self.register_buffer("pe", table)


def _attend(layer: nn.TransformerEncoderLayer, tokens: Tensor, queries: Tensor) -> Tensor:
    """Multi-head attention of `layer` from `queries` (B, Q, H) over `tokens` (B, S, H), before the residual sum."""
    attention = layer.self_attn
    batch, count, hidden = queries.shape
    heads = attention.num_heads
    weight, bias = attention.in_proj_weight, attention.in_proj_bias
    if queries is tokens:
        q, k, v = F.linear(tokens, weight, bias).chunk(3, dim=-1)
    else:
        q = F.linear(queries, weight[:hidden], bias[:hidden])
        k, v = F.linear(tokens, weight[hidden:], bias[hidden:]).chunk(2, dim=-1)
    q, k, v = (part.reshape(batch, -1, heads, hidden // heads).transpose(1, 2) for part in (q, k, v))
    dropout = attention.dropout if layer.training else 0.0
    mixed = F.scaled_dot_product_attention(q, k, v, dropout_p=dropout)
    return attention.out_proj(mixed.transpose(1, 2).reshape(batch, count, hidden))


def _encoder_layer(layer: nn.TransformerEncoderLayer, tokens: Tensor, keep: int | None = None) -> Tensor:
    """Post-norm encoder layer; with `keep`, only the last `keep` tokens leave it, and only they are computed."""
    queries = tokens if keep is None else tokens[:, -keep:]
    x = layer.norm1(queries + layer.dropout1(_attend(layer, tokens, queries)))
    inner = layer.linear2(layer.dropout(F.relu(layer.linear1(x))))
    return layer.norm2(x + layer.dropout2(inner))


class _Fusion(nn.Module):
    """Adds position and modality codes to the three kinds of tokens and runs the transformer over them."""

    def __init__(self, hidden: int, layers: int, heads: int, feedforward: int, dropout: float) -> None:
        super().__init__()
        self.position_r = _Positions(hidden)
        self.position_e = _Positions(hidden)
        self.modality = nn.Embedding(4, hidden, padding_idx=0)
        self.dropout = nn.Dropout(dropout)
        prototype = nn.TransformerEncoderLayer(hidden, heads, feedforward, dropout, batch_first=True)
        # The container copies the prototype: in_proj starts out identical in all layers, as in the released training.
        self.transformer_encoder = nn.TransformerEncoder(prototype, layers, enable_nested_tensor=False)

    def tokens(self, reference: Tensor, speech: Tensor, expression: Tensor) -> Tensor:
        """Returns (B, 2T + 1, H): reference, speech, expression; speech has no position code."""
        window = reference.shape[1]
        modality = self.modality.weight
        parts = (
            reference + self.position_r.pe[:, :window] + modality[_REFERENCE],
            speech + modality[_SPEECH],
            expression + self.position_e.pe[:, :window] + modality[_EXPRESSION],
        )
        return self.dropout(torch.cat(parts, dim=1))

    def forward(self, reference: Tensor, speech: Tensor, expression: Tensor, keep: int | None = None) -> Tensor:
        """Returns fused tokens (B, 2T + 1, H), or only the last `keep` of them."""
        tokens = self.tokens(reference, speech, expression)
        layers = list(self.transformer_encoder.layers)
        for layer in layers[:-1]:
            tokens = _encoder_layer(layer, tokens)
        return _encoder_layer(layers[-1], tokens, keep)


class _Projector(nn.Module):
    """Turns a token into a code: linear, GELU, linear."""

    def __init__(self, hidden: int, code: int) -> None:
        super().__init__()
        self.projector = nn.Sequential(nn.Linear(hidden, code), nn.GELU(), nn.Linear(code, code))

    def forward(self, tokens: Tensor) -> Tensor:
        return self.projector(tokens)


class Connector(nn.Module):
    """Is C-MET's cross-modal connector; without arguments the official full-size network (27.7 M parameters).

    window: frames per window, T (no parameter depends on it); hidden: token width; exp: size of an expression code
    (5 to 12); speech: size of a speech-emotion vector; layers, heads, feedforward, dropout: of the transformer.
    """

    def __init__(
        self,
        window: int = 5,
        hidden: int = 1024,
        exp: int = 10,
        speech: int = 1024,
        layers: int = 4,
        heads: int = 4,
        feedforward: int = 1024,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        if not 1 <= window <= MAX_WINDOW:
            raise ValueError(f"A window has 1 to {MAX_WINDOW} frames, not {window}.")
        self.window = window
        self.exp = exp
        self.fusion_transformer_encoder = _Fusion(hidden, layers, heads, feedforward, dropout)
        self.exp_encoder = _code_encoder(exp, hidden)
        self.ref_encoder = _code_encoder(exp, hidden)
        self.speaker_encoder = _SpeechEncoder(speech, hidden)
        self.projector = _Projector(hidden, exp)
        self.Norm = nn.LayerNorm(hidden)
        self.apply(_initialise)

    def _embed_codes(self, encoder: nn.Module, codes: Tensor) -> Tensor:
        batch, window, size = codes.shape
        return self.Norm(encoder(codes.reshape(batch * window, 1, size)).squeeze(-1)).reshape(batch, window, -1)

    def embed(self, reference: Tensor, speech: Tensor, expression: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Returns the embeddings before fusion: reference (B, T, H), speech (B, 1, H), expression (B, T, H)."""
        return (
            self._embed_codes(self.ref_encoder, reference),
            self.speaker_encoder(speech),
            self._embed_codes(self.exp_encoder, expression),
        )

    def forward(
        self, reference: Tensor, speech: Tensor, expression: Tensor
    ) -> tuple[Tensor, tuple[Tensor, Tensor, Tensor]]:
        """Returns the directions (B*T, exp) and the three embeddings before fusion.

        reference: the T directions before this window (B, T, exp), zeros where there are none; speech: emotion vector
        of the target minus that of the source (B, 1, speech); expression: codes of the source clip (B, T, exp).
        ValueError if reference and expression differ in shape.
        """
        if reference.shape != expression.shape:
            raise ValueError(
                f"Reference {tuple(reference.shape)} and expression {tuple(expression.shape)} must have one shape."
            )
        embeddings = self.embed(reference, speech, expression)
        fused = self.fusion_transformer_encoder(*embeddings, keep=expression.shape[1])
        return self.projector(fused).reshape(-1, self.exp), embeddings


def _initialise(module: nn.Module) -> None:
    """Xavier-normal linear weights and zero biases, as the released training starts; the rest as PyTorch does."""
    if isinstance(module, nn.Linear):
        nn.init.xavier_normal_(module.weight)
        nn.init.zeros_(module.bias)
