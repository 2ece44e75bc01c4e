"""Mozilla's frozen graph becomes the network `networks.eat.deepspeech` here, without TensorFlow.

The graph's gates are in the order input, candidate, forget, output, and its forget gate adds 1 (TensorFlow's
BasicLSTMCell).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from baselines.eat.frozen_graph import Floats, float_constants
from harness.errors import UsageError
from networks.eat.deepspeech import INPUTS, LETTERS, WIDTH, DeepSpeech

_FORGET_BIAS = 1.0
_LSTMS = {"fw": "", "bw": "_reverse"}


def load(path: Path) -> DeepSpeech:
    """Returns the network of a frozen graph, of whatever width, in eval mode, float32, on the CPU.

    Raises UsageError for a file that is cut off, no frozen graph, or the graph of another network.
    """
    constants = float_constants(path)
    width = constants["h1"].shape[-1] if "h1" in constants else WIDTH
    with torch.device("meta"):
        network = DeepSpeech(width)
    network.load_state_dict(_state(constants, width, path), strict=True, assign=True)
    return network.eval().requires_grad_(False)


def _state(constants: Mapping[str, Floats], width: int, path: Path) -> dict[str, Tensor]:
    state = {}
    sizes = {1: (INPUTS, width), 2: (width, width), 3: (width, 2 * width), 5: (2 * width, width), 6: (width, LETTERS)}
    for layer, size in sizes.items():
        state[f"layers.{layer}.weight"] = _tensor(constants, f"h{layer}", size, path).T.contiguous()
        state[f"layers.{layer}.bias"] = _tensor(constants, f"b{layer}", size[1:], path)
    for way, ending in _LSTMS.items():
        cell = f"bidirectional_rnn/{way}/basic_lstm_cell/"
        kernel = _in_our_order(_tensor(constants, f"{cell}kernel", (3 * width, 4 * width), path))
        bias = _in_our_order(_tensor(constants, f"{cell}bias", (4 * width,), path))
        bias[width : 2 * width] += _FORGET_BIAS
        state[f"lstm.weight_ih_l0{ending}"] = kernel[: 2 * width].T.contiguous()
        state[f"lstm.weight_hh_l0{ending}"] = kernel[2 * width :].T.contiguous()
        state[f"lstm.bias_ih_l0{ending}"] = bias
        state[f"lstm.bias_hh_l0{ending}"] = torch.zeros_like(bias)
    return state


def _in_our_order(gates: Tensor) -> Tensor:
    """Columns of the gates input, candidate, forget, output as input, forget, candidate, output."""
    given, candidate, forget, output = gates.chunk(4, dim=-1)
    return torch.cat((given, forget, candidate, output), dim=-1)


def _tensor(constants: Mapping[str, Floats], name: str, shape: tuple[int, ...], path: Path) -> Tensor:
    cure = "Name Mozilla's DeepSpeech 0.1.0 as a frozen graph (`python bench.py weights list eat-deepspeech`)."
    if name not in constants:
        raise UsageError(f"{path} is the graph of another network: it has no constant '{name}'.", cure)
    found = constants[name]
    if found.shape != shape:
        raise UsageError(
            f"{path} is the graph of another network: '{name}' must be {shape}, found {found.shape}.", cure
        )
    if not np.isfinite(found).all():
        raise UsageError(f"{path} holds values that are not finite, in '{name}'.", cure)
    return torch.from_numpy(found.copy())
