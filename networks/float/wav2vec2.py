"""wav2vec 2.0 (Baevski et al. 2020) in PyTorch alone, for sound of any length: base, and XLSR large with a classifier.

The numbers are those of transformers' `Wav2Vec2Model` (a test compares both, and recorded outputs of the released
weights' layout do at full size). What differs is memory: the convolutions run over blocks of time, since their first
map of four minutes of sound would take 1.6 GB, and attention never holds its matrix. State-dict names are those of the
published files, except that a `masked_spec_embed`, which only training uses, has no place here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrizations

_EPS = 1e-5
_KERNELS = (10, 3, 3, 3, 3, 2, 2)
_STRIDES = (5, 2, 2, 2, 2, 2, 2)
_POSITION_KERNEL, _POSITION_GROUPS = 128, 16
_BLOCK_FRAMES = 100  # output frames, 50 a second, that the convolutions make at a time
_BLOCK_ROWS = 2048  # of a feed-forward layer at a time: its wide map of four minutes would take 200 MB
HOP_SAMPLES = 320
LEAST_SAMPLES = 400  # fewer do not reach the last convolution


@dataclass(frozen=True)
class Shape:
    """The widths of a network and its kind. `stable`: normalised before each part, and after every convolution."""

    width: int
    heads: int
    layers: int
    feed_forward: int
    stable: bool
    conv_width: int = 512


BASE = Shape(width=768, heads=12, layers=12, feed_forward=3072, stable=False)
LARGE = Shape(width=1024, heads=16, layers=24, feed_forward=4096, stable=True)


class _ConvLayer(nn.Module):
    def __init__(self, shape: Shape, index: int) -> None:
        super().__init__()
        inputs, kernel = (1 if index == 0 else shape.conv_width), _KERNELS[index]
        self.conv = nn.Conv1d(inputs, shape.conv_width, kernel, _STRIDES[index], bias=shape.stable)
        if shape.stable:
            self.layer_norm: nn.Module = nn.LayerNorm(shape.conv_width, eps=_EPS)
        elif index == 0:  # over time: `_Front` applies it
            self.layer_norm = nn.GroupNorm(shape.conv_width, shape.conv_width, eps=_EPS)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        if hasattr(self, "layer_norm"):
            x = self.layer_norm(x.transpose(1, 2)).transpose(1, 2)
        return F.gelu(x)


class _Front(nn.Module):
    """(n,) samples at 16 kHz -> (1, frames, conv width), 50 frames a second."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self._over_time = not shape.stable
        self.conv_layers = nn.ModuleList(_ConvLayer(shape, index) for index in range(len(_KERNELS)))

    def forward(self, wave: Tensor) -> Tensor:
        first: Callable[[Tensor], Tensor] = self._folded(wave) if self._over_time else self.conv_layers[0]
        count = (len(wave) - LEAST_SAMPLES) // HOP_SAMPLES + 1
        blocks = []
        for start in range(0, count, _BLOCK_FRAMES):
            stop = min(start + _BLOCK_FRAMES, count)
            x = first(wave[None, None, start * HOP_SAMPLES : (stop - 1) * HOP_SAMPLES + LEAST_SAMPLES])
            for layer in list(self.conv_layers)[1:]:
                x = layer(x)
            blocks.append(x.transpose(1, 2))
        return torch.cat(blocks, dim=1)

    def _folded(self, wave: Tensor) -> Callable[[Tensor], Tensor]:
        """The first layer for one wave: its norm over the whole time becomes part of its convolution.

        A channel is a linear function of the 10 samples of a window, so its mean and variance over all windows follow
        from the windows' own means and covariances, without the channel's map.
        """
        layer = self.conv_layers[0]
        assert isinstance(layer, _ConvLayer)
        assert isinstance(layer.layer_norm, nn.GroupNorm)
        weight, norm = layer.conv.weight[:, 0].double(), layer.layer_norm
        windows = wave.double().unfold(0, _KERNELS[0], _STRIDES[0])
        centre = windows.mean(0)
        covariance = windows.T @ windows / len(windows) - torch.outer(centre, centre)
        variance = ((weight @ covariance) * weight).sum(1).clamp(min=0)
        gain = norm.weight.double() * torch.rsqrt(variance + _EPS)
        kernel = (weight * gain[:, None])[:, None].to(wave.dtype)
        bias = (norm.bias.double() - (weight @ centre) * gain).to(wave.dtype)
        return lambda x: F.gelu(F.conv1d(x, kernel, bias, stride=_STRIDES[0]))


class _FeatureProjection(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.layer_norm = nn.LayerNorm(shape.conv_width, eps=_EPS)
        self.projection = nn.Linear(shape.conv_width, shape.width)

    def forward(self, x: Tensor) -> Tensor:
        projected: Tensor = self.projection(self.layer_norm(x))
        return projected


class _Positions(nn.Module):
    """A grouped convolution over time whose kernel is stored as a direction and a gain for each tap."""

    def __init__(self, width: int) -> None:
        super().__init__()
        conv = nn.Conv1d(width, width, _POSITION_KERNEL, padding=_POSITION_KERNEL // 2, groups=_POSITION_GROUPS)
        self.conv = parametrizations.weight_norm(conv, dim=2)

    def forward(self, x: Tensor) -> Tensor:
        return F.gelu(self.conv(x.transpose(1, 2))[..., :-1]).transpose(1, 2)  # an even kernel gives one too many


class _Attention(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self._heads = shape.heads
        self.k_proj = nn.Linear(shape.width, shape.width)
        self.v_proj = nn.Linear(shape.width, shape.width)
        self.q_proj = nn.Linear(shape.width, shape.width)
        self.out_proj = nn.Linear(shape.width, shape.width)

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = (
            part(x).unflatten(-1, (self._heads, -1)).transpose(1, 2) for part in (self.q_proj, self.k_proj, self.v_proj)
        )
        mixed = F.scaled_dot_product_attention(query, key, value)
        joined: Tensor = self.out_proj(mixed.transpose(1, 2).flatten(2))
        return joined


class _FeedForward(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.intermediate_dense = nn.Linear(shape.width, shape.feed_forward)
        self.output_dense = nn.Linear(shape.feed_forward, shape.width)

    def forward(self, x: Tensor) -> Tensor:
        parts = [self.output_dense(F.gelu(self.intermediate_dense(part))) for part in x.split(_BLOCK_ROWS, dim=1)]
        return torch.cat(parts, dim=1)


class _Layer(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self._stable = shape.stable
        self.attention = _Attention(shape)
        self.layer_norm = nn.LayerNorm(shape.width, eps=_EPS)
        self.feed_forward = _FeedForward(shape)
        self.final_layer_norm = nn.LayerNorm(shape.width, eps=_EPS)

    def forward(self, x: Tensor) -> Tensor:
        if self._stable:
            x = x + self.attention(self.layer_norm(x))
            return x + self.feed_forward(self.final_layer_norm(x))
        x = self.layer_norm(x + self.attention(x))
        normal: Tensor = self.final_layer_norm(x + self.feed_forward(x))
        return normal


class _Encoder(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self._stable = shape.stable
        self.pos_conv_embed = _Positions(shape.width)
        self.layer_norm = nn.LayerNorm(shape.width, eps=_EPS)
        self.layers = nn.ModuleList(_Layer(shape) for _ in range(shape.layers))

    def forward(self, x: Tensor) -> Iterator[Tensor]:
        x = x + self.pos_conv_embed(x)
        x = x if self._stable else self.layer_norm(x)
        for index, layer in enumerate(self.layers):
            x = layer(x)
            last = index == len(self.layers) - 1
            yield self.layer_norm(x) if self._stable and last else x


class Wav2Vec2(nn.Module):
    """The network of a shape; `BASE` and `LARGE` are the published ones."""

    def __init__(self, shape: Shape = BASE) -> None:
        super().__init__()
        self.feature_extractor = _Front(shape)
        self.feature_projection = _FeatureProjection(shape)
        self.encoder = _Encoder(shape)

    def features(self, wave: Tensor) -> Tensor:
        """Returns (1, frames, conv width), 50 frames a second, of (n,) normalised samples at 16 kHz, n >=
        LEAST_SAMPLES.
        """
        found: Tensor = self.feature_extractor(wave)
        return found

    def hidden(self, features: Tensor) -> Iterator[Tensor]:
        """Yields the output (1, frames, width) of each transformer layer for the features of `features`."""
        layers: Iterator[Tensor] = self.encoder(self.feature_projection(features))
        return layers


class _Head(nn.Module):
    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        self.dense = nn.Linear(width, width)
        self.out_proj = nn.Linear(width, classes)


class EmotionRecogniser(nn.Module):
    """wav2vec 2.0, the mean of its last layer over time, two linear layers with tanh between: logits of 7 emotions."""

    def __init__(self, shape: Shape = LARGE, classes: int = 7) -> None:
        super().__init__()
        self.wav2vec2 = Wav2Vec2(shape)
        self.classifier = _Head(shape.width, classes)

    def forward(self, wave: Tensor) -> Tensor:
        """Returns (1, classes) logits of (n,) normalised samples at 16 kHz."""
        layers = self.wav2vec2.hidden(self.wav2vec2.features(wave))
        last = deque(layers, maxlen=1).pop()  # the others need not be held
        logits: Tensor = self.classifier.out_proj(torch.tanh(self.classifier.dense(last.mean(1))))
        return logits
