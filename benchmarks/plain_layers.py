"""What EDTalk's generator and FLOAT's autoencoder compute, in the plain order of work, on our weights.

Weights are scaled and modulated anew for every layer of every frame, blurs are single-channel convolutions, the last
level paints and warps whole maps, and what depends on the source picture alone is worked out for every frame: the other
side of bench_edtalk.py and bench_float.py, written from the formulas of docs/reference/edtalk.md.
"""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from networks.edtalk.decoder import Decoder, base_grid
from networks.edtalk.encoder import Encoder
from networks.stylegan2.layers import Blur, EqualConv2d
from networks.stylegan2.modulation import ModulatedConv2d


def _blurred(x: Tensor, kernel: Tensor, pad: tuple[int, int]) -> Tensor:
    batch, channels, height, width = x.shape
    x = F.pad(x.reshape(batch * channels, 1, height, width), pad * 2)
    x = F.conv2d(x, kernel.flip(0, 1)[None, None])
    return x.reshape(batch, channels, *x.shape[-2:])


def _doubled(x: Tensor, kernel: Tensor) -> Tensor:
    batch, channels, height, width = x.shape
    x = F.pad(x.reshape(batch, channels, height, 1, width, 1), (0, 1, 0, 0, 0, 1))
    return _blurred(x.reshape(batch, channels, 2 * height, 2 * width), kernel, (2, 1))


def _activated(x: Tensor, bias: Tensor) -> Tensor:
    return F.leaky_relu(x + bias, 0.2) * math.sqrt(2)


def _layer(layers: nn.Sequential, x: Tensor) -> Tensor:
    stride = 1
    for layer in layers:
        if isinstance(layer, Blur):
            x, stride = _blurred(x, layer.kernel, (layer.pad, layer.pad)), 2
        elif isinstance(layer, EqualConv2d):
            padding = layer.weight.shape[-1] // 2 if stride == 1 else 0
            x = F.conv2d(x, layer.weight * layer.scale, stride=stride, padding=padding)
        else:
            x = _activated(x, layer.bias)  # type: ignore[arg-type]
    return x


def _modulated(conv: ModulatedConv2d, x: Tensor, latent: Tensor) -> Tensor:
    factors = F.linear(latent, conv.modulation.weight * conv.modulation.scale, conv.modulation.bias)
    weight = conv.scale * conv.weight * factors[:, None, :, None, None]
    if conv.demodulate:
        weight = weight * torch.rsqrt(weight.pow(2).sum((2, 3, 4)) + 1e-8)[:, :, None, None, None]
    if conv.upsample:
        y = F.conv_transpose2d(x, weight[0].transpose(0, 1), stride=2)
        return _blurred(y, conv.blur.kernel, (1, 1))
    return F.conv2d(x, weight[0], padding=weight.shape[-1] // 2)


def _styled(layer: Any, x: Tensor, latent: Tensor) -> Tensor:
    return _activated(_modulated(layer.conv, x, latent), layer.activate.bias)


def portrait(encoder: Encoder, image: Tensor) -> tuple[Tensor, list[Tensor]]:
    """Appearance code and feature maps, coarse to fine."""
    convs: list[Any] = list(encoder.net_app.convs)
    maps = [_layer(convs[0], image)]
    for block in convs[1:-1]:
        x = maps[-1]
        main = _layer(block.conv2, _layer(block.conv1, x))
        maps.append((main + _layer(block.skip, x)) / math.sqrt(2))
    vector = F.conv2d(maps[-1], convs[-1].weight * convs[-1].scale)
    return vector.flatten(1), maps[-2::-1]


def _expressive(block: Any, feature: Tensor, expression: Tensor) -> Tensor:
    """A source map under an expression latent; the block's first half is worked out and thrown away."""
    gamma, beta = block.norm1(expression)
    F.leaky_relu(F.instance_norm(block.conv1(feature)) * (1 + gamma) + beta, 0.2)
    gamma, beta = block.norm2(expression)
    return feature + F.instance_norm(block.conv2(feature)) * (1 + gamma) + beta


def frame(decoder: Decoder, latent: Tensor, features: list[Tensor], expression: Tensor | None = None) -> Tensor:
    """The picture of one latent, every level in full; with EDTalk's blocks of an expression latent."""
    dec: Any = decoder
    hidden = _styled(dec.conv1, dec.input.input, latent)
    picture, raw = None, None
    for level, feature in enumerate(features):
        hidden = _styled(dec.convs[2 * level], hidden, latent)
        hidden = _styled(dec.convs[2 * level + 1], hidden, latent)
        flow, paint = dec.to_flows[level], dec.to_rgbs[level]
        upper = 0 if raw is None else _doubled(raw, flow.upsample.kernel)
        raw = _modulated(flow.conv, hidden, latent) + flow.bias + upper
        grid = base_grid(raw.shape[-1], raw.device) + torch.tanh(raw[:, :2]).permute(0, 2, 3, 1)
        mask = torch.sigmoid(raw[:, 2:])
        if expression is not None:
            feature = _expressive(dec.fineadainresblock[level], feature, expression)
        warp = F.grid_sample(feature, grid, align_corners=False) * mask
        hidden = warp + hidden * (1.0 - mask)
        below = 0 if picture is None else _doubled(picture, paint.upsample.kernel)
        picture = _layer(paint.conv, warp) + paint.bias + below
    assert picture is not None
    return picture
