"""Deterministic stand-in weights fill any torch module from its parameter names alone.

A golden file then needs no checkpoint: two implementations of one architecture that
agree on state-dict names and shapes get bit-identical weights, so their outputs can be
compared number by number.

    from harness.seeded import fill
    fill(model)                 # parameters and BatchNorm statistics, in place
    fill(model, prefix="gen.")  # when the names live under a prefix in the checkpoint

Every tensor depends only on its (prefixed) name and shape. NumPy's legacy RandomState is
used because its stream is frozen across NumPy versions.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from torch import nn


def seeded_array(name: str, shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """Returns a float32 array of `shape`, a pure function of `name` and `shape`."""
    digest = hashlib.sha256(f"{name}|{tuple(shape)}".encode()).digest()
    rng = np.random.RandomState(int.from_bytes(digest[:4], "big"))
    if name.endswith("running_var"):
        return rng.uniform(0.5, 1.5, size=shape).astype(np.float32)
    if name.endswith("running_mean"):
        return (0.1 * rng.standard_normal(size=shape)).astype(np.float32)
    noise = rng.standard_normal(size=shape)
    if len(shape) >= 2:  # matrices, kernels, embeddings: unit-gain
        fan_in = int(np.prod(shape[1:]))
        return (noise / np.sqrt(fan_in)).astype(np.float32)
    if name.endswith("weight"):  # normalisation gains
        return (1.0 + 0.1 * noise).astype(np.float32)
    return (0.1 * noise).astype(np.float32)  # biases and other vectors


def fill(module: nn.Module, prefix: str = "") -> None:
    """Overwrite every parameter and BatchNorm statistic of `module` in place.

    Other buffers (blur kernels, positional tables) keep the values the architecture
    computed for them; `num_batches_tracked` is left alone.
    """
    import torch

    parameters = dict(module.named_parameters())
    statistics = {
        name: buffer for name, buffer in module.named_buffers() if name.endswith(("running_mean", "running_var"))
    }
    with torch.no_grad():
        for name, tensor in {**parameters, **statistics}.items():
            values = seeded_array(prefix + name, tuple(tensor.shape))
            tensor.copy_(torch.from_numpy(np.asarray(values)).reshape(tensor.shape).to(tensor.dtype))
