"""Measures batch norms' statistics anew, since averaged weights are not those that they were taken with."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

PASSES = 40


@torch.no_grad()
def settle(network: nn.Module, use: Callable[[int], object]) -> None:
    """Sets the statistics of all batch norms in `network` to the means over `use(0)` .. `use(PASSES - 1)`, which run
    it; everything else is in eval mode then, and stays so.
    """
    network.eval()
    norms = [module for module in network.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
        norm.train()
    for number in range(PASSES):
        use(number)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    network.eval()
