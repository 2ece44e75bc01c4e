"""Finds the basis and the mean of puppets' expressions: principal axes of how faces move their keypoints.

EAT takes both from MEAD. Offsets are divided by the volume of a face's hull, as EAT multiplies by it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from datasets.puppets.identity import TRAIN_IDENTITIES
from networks.eat.keypoint_motion import hull_volume
from recipes.eat import anatomy
from recipes.faces import random_states

_SEEN = 4000


@dataclass(frozen=True)
class Expressions:
    """Holds `basis` (45, 45), whose columns are principal axes as long as expressions spread along them, and `mean`
    (45,).
    """

    basis: Tensor
    mean: Tensor


@lru_cache(maxsize=1)
def volumes() -> tuple[float, ...]:
    """Returns the volume of the hull of each training puppet's canonical keypoints."""
    return tuple(hull_volume(anatomy.canonical(who)) for who in TRAIN_IDENTITIES)


def expressions() -> Expressions:
    """Returns the basis and the mean over random faces whose lids do not blink, since sound tells nothing of that."""
    state = random_states(np.random.default_rng([2024, 76]), _SEEN)
    state = replace(state, pose=np.zeros_like(state.pose))
    moved = anatomy.state_offsets(state).double() / float(np.mean(volumes()))
    mean = moved.mean(0)
    _, spread, axes = torch.linalg.svd(moved - mean, full_matrices=False)
    signs = axes.gather(1, axes.abs().argmax(1, keepdim=True)).sign()  # the largest part of an axis is positive
    return Expressions((axes * signs).T.mul(spread / _SEEN**0.5).float().contiguous(), mean.float())
