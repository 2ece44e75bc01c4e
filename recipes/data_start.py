"""Gives equalised networks a data-dependent start (Salimans & Kingma 2016): every layer begins centred, of unit spread.

At StyleGAN2's random start the pictures' mean drowns what differs between them; with few steps to spend, that matters.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from networks.stylegan2.layers import EqualConv2d, EqualLinear, FusedLeakyReLU


def _activation_hook(convolution: EqualConv2d) -> Callable[[FusedLeakyReLU, tuple[Tensor]], tuple[Tensor]]:
    def hook(activation: FusedLeakyReLU, inputs: tuple[Tensor]) -> tuple[Tensor]:
        (x,) = inputs
        mean, spread = x.mean((0, 2, 3)), x.std((0, 2, 3)) + 1e-4
        convolution.weight.div_(spread[:, None, None, None])
        activation.bias.copy_(-(mean / spread)[None, :, None, None])
        return (x / spread[None, :, None, None],)

    return hook


def _linear_hook(layer: EqualLinear, _: Any, output: Tensor) -> Tensor:
    mean, spread = output.mean(0), output.std(0) + 1e-4
    layer.weight.div_(spread[:, None])
    layer.bias.copy_(-mean / spread)
    return (output - mean) / spread


def _last_hook(layer: EqualConv2d, _: Any, output: Tensor) -> Tensor:
    spread = output.std() + 1e-4
    layer.weight.div_(spread)
    return output / spread


@torch.no_grad()
def centre(pyramid: Sequence[nn.Module], chains: Sequence[nn.Sequential], run: Callable[[], Any]) -> None:
    """Rescale the encoder's `convs` and the code chains so that `run()` (one batch of data) finds them centred."""
    handles = []
    for block in pyramid:
        layers = [m for m in block.modules() if isinstance(m, EqualConv2d | FusedLeakyReLU)]
        for convolution, activation in itertools.pairwise(layers):
            if isinstance(convolution, EqualConv2d) and isinstance(activation, FusedLeakyReLU):
                handles.append(activation.register_forward_pre_hook(_activation_hook(convolution)))
    last = pyramid[-1]
    if isinstance(last, EqualConv2d):
        handles.append(last.register_forward_hook(_last_hook))
    for chain in chains:
        handles += [m.register_forward_hook(_linear_hook) for m in chain if isinstance(m, EqualLinear)]
    run()
    for handle in handles:
        handle.remove()
