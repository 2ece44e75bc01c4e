"""Stand-in weights fill EAT's networks from their parameter names, so that goldens need no checkpoint.

As `harness.seeded` does it, and for the generator's spectrally normalised convolutions one step of the power iteration
from a vector that is made of its name: without that, an arbitrary pair of vectors would scale the weights by chance.
"""

from __future__ import annotations

from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import nn

from harness.seeded import fill, seeded_array
from networks.eat.spade import SpectralConvolution

_N = TypeVar("_N", bound=nn.Module)


def filled(network: _N, prefix: str) -> _N:
    """Returns `network`, filled by its names under `prefix` (such as "generator."), in eval mode, without gradients."""
    fill(network, prefix)
    for name, module in network.named_modules():
        if isinstance(module, SpectralConvolution):
            drawn = seeded_array(f"{prefix}{name}.weight_u", tuple(module.weight_u.shape))
            with torch.no_grad():
                module.weight_u.copy_(F.normalize(torch.from_numpy(drawn), dim=0))
            module.iterate()
    return network.eval().requires_grad_(False)
