"""Says how the demo EAT's mapping network begins, and what it tells several people at once.

Its shallow prompts, by which the generator draws emotions, stay as they begin: so the generator and what moves the face
are trained apart from each other. What they hold is learnt by the layers that read them.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from networks.eat.mapping import MappingNetwork
from recipes.eat.sizes import WIDTHS
from recipes.recipe_run import RecipeRun


def mapping_start(run: RecipeRun) -> MappingNetwork:
    """Returns the mapping network as it begins, by the run's seed, without gradients."""
    with run.seeded():
        return MappingNetwork(**WIDTHS.mapping).to(run.device).requires_grad_(False)


def prompts_of(mapping: MappingNetwork, emotions: Sequence[int], noise: Tensor) -> Tensor:
    """Returns prompts (n, prompts, width) of numbers of emotions (n,) and noise (n, 16)."""
    return torch.cat([mapping(row, emotion) for row, emotion in zip(noise.split(1), emotions, strict=True)])
