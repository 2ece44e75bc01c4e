"""SyncNet's weights are the published file by its hash, the demo's own file, or one that passes a plausibility gate.

The gate: training leaves neighbouring taps of a first layer alike (pictures and spectra are smooth) and running
variances of one layer orders of magnitude apart; fresh or seeded weights show neither. The published example
clip (data/example.avi of syncnet_python) checks more: its README gives offset 3, LSE-D 5.353, LSE-C
10.021 for run on the clip as it is (no tracking).
"""

from __future__ import annotations

from collections.abc import Mapping

import torch

from evaluators.sync.syncnet import SyncNet
from evaluators.weights.judge_weights import loaded
from networks.files.plausibility import ImplausibleError, require_trained
from networks.files.weights import Weights

_FIRST_LAYER = "netcnnlip.0.weight"
_LEAST_ALIKE = 0.1  # independent taps of this layer: 0.00 ± 0.01; first layers of the trained MTCNN: 0.15 to 0.56
_CURE = "Type: python bench.py weights fetch syncnet; for your own tests set gate = off, which the signature will say."


def neighbours_alike(kernel: torch.Tensor) -> float:
    """Returns the correlation of horizontally and vertically neighbouring taps of a kernel (out, in, …, h, w)."""
    kernel = kernel.double()
    first = torch.cat([kernel[..., :, :-1].flatten(), kernel[..., :-1, :].flatten()])
    second = torch.cat([kernel[..., :, 1:].flatten(), kernel[..., 1:, :].flatten()])
    return float(torch.corrcoef(torch.stack([first, second]))[0, 1])


def require_plausible(name: str, state: Mapping[str, torch.Tensor]) -> None:
    """Raise ImplausibleError for weights that look untrained or are not finite."""
    require_trained(name, state)
    alike = neighbours_alike(state[_FIRST_LAYER])
    if not alike >= _LEAST_ALIKE:
        raise ImplausibleError(
            f"The weights '{name}' look untrained: neighbouring taps of the first lip layer correlate by {alike:.2f}, "
            f"trained ones by at least {_LEAST_ALIKE}.",
            _CURE,
        )


def load(weights: Weights) -> SyncNet:
    """Returns the network of `weights`, gated where nothing vouches for them."""
    net = loaded(SyncNet, weights)
    if weights.must_pass_gate:
        require_plausible(weights.name, net.state_dict())
    return net
