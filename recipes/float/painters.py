"""Solves the decoder's painters: the 1x1 convolutions that turn warped maps into colours, at all sizes at once.

Given flows and masks, a picture is a sum of warped maps, each times its painter and enlarged. Where every painter's
activation is moved into its straight half by a large bias, that sum is linear in the painters, so the best ones follow
from least squares over pictures. Without EDTalk's expression block, whose maps the shipped generator's painters were
made for, that is where drawing begins again: gradients alone leave pictures blurred for thousands of steps.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

from networks.edtalk.decoder import ToRGB
from networks.float.autoencoder import MotionAutoencoder
from networks.stylegan2.layers import EqualConv2d, FusedLeakyReLU

_BIAS = 6.0  # further than any painter goes below nothing
_GAIN = math.sqrt(2)  # of the activation
_RIDGE = 1e-4  # share of the mean square that a painter's use costs


def warped(network: MotionAutoencoder, latent: Tensor, maps: list[Tensor]) -> Iterator[Tensor]:
    """Yields each level's warped map (B, channels, S, S), coarse to fine, of latents (B, style)."""
    decoder = network.dec
    hidden = decoder.conv1(decoder.input.input.expand(len(latent), -1, -1, -1), latent)
    flow: Tensor | None = None
    for level, feature in enumerate(maps):
        hidden = decoder.convs[2 * level + 1](decoder.convs[2 * level](hidden, latent), latent)
        warp, hidden, flow = decoder.to_flows[level](hidden, latent, feature, flow)
        yield warp


def joined(network: MotionAutoencoder, latent: Tensor, maps: list[Tensor]) -> Tensor:
    """Returns (B, all channels + 1, size, size): every level's warped map enlarged, and ones."""
    parts: list[Tensor] = []
    for level, warp in enumerate(warped(network, latent, maps)):
        if parts:
            parts = [network.dec.to_rgbs[level].upsample(torch.cat(parts, dim=1))]  # type: ignore[operator]
        parts.append(warp)
    whole = torch.cat(parts, dim=1)
    return torch.cat((whole, torch.ones_like(whole[:, :1])), dim=1)


@torch.no_grad()
def solve(network: MotionAutoencoder, batches: Iterable[tuple[Tensor, list[Tensor], Tensor, Tensor]]) -> None:
    """Sets the painters to the best for batches of latents, source maps, true pictures and weights (B, 1, S, S)."""
    squares = products = torch.zeros(())
    for latent, maps, true, weight in batches:
        known = joined(network, latent, maps).transpose(0, 1).flatten(1)
        weighed = known * weight.transpose(0, 1).flatten(1)
        squares = squares + (weighed @ known.T).double()
        products = products + (weighed @ true.transpose(0, 1).flatten(1).T).double()
    ridge = _RIDGE * squares.diagonal()
    ridge[-1] = 0
    found = torch.linalg.solve(squares + ridge.diag(), products).float()
    rest = found[-1]
    painters = [layer for layer in network.dec.to_rgbs if isinstance(layer, ToRGB)]
    widths = [layer.colour_weight().shape[1] for layer in painters]
    for layer, part in zip(painters, found[:-1].split(widths), strict=True):
        convolution, activation = layer.conv
        assert isinstance(convolution, EqualConv2d)
        assert isinstance(activation, FusedLeakyReLU)
        convolution.weight.copy_((part.T / _GAIN / convolution.scale)[:, :, None, None])
        activation.bias.fill_(_BIAS)
        layer.bias.fill_(-_BIAS * _GAIN)
    painters[-1].bias.add_(rest[None, :, None, None])
