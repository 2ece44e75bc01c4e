"""SyncNet's weights: the published file by its hash, the demo's own file, or one that passes a plausibility gate.

The gate: training leaves neighbouring taps of a first layer alike (pictures and spectra are smooth) and running
variances of one layer orders of magnitude apart; fresh or seeded weights show neither. Whoever has the published
example clip (data/example.avi of syncnet_python) can check more: its README gives offset 3, LSE-D 5.353, LSE-C
10.021 for run on the clip as it is (no tracking).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from evaluators.weights.judge_weights import JudgeWeights
from evaluators.weights.plausibility import ImplausibleError, require_trained

if TYPE_CHECKING:
    from evaluators.sync.syncnet import SyncNet

_FIRST_LAYER = "netcnnlip.0.weight"
_LEAST_ALIKE = 0.1  # independent taps of this layer: 0.00 ± 0.01; first layers of the trained MTCNN: 0.15 to 0.56
_CURE = "Type: python bench.py weights fetch syncnet; for your own tests set gate = off, which the signature will say."


def neighbours_alike(kernel: torch.Tensor) -> float:
    """Correlation of horizontally and vertically neighbouring taps of a kernel (out, in, …, h, w)."""
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


def fitted(net: SyncNet, state: Mapping[str, torch.Tensor], name: str) -> SyncNet:
    """`net` in eval mode with `state`, strictly; only the counters `num_batches_tracked` may be absent."""
    own = net.state_dict()
    counters = {key: value for key, value in own.items() if key.endswith("num_batches_tracked")}
    full = {**counters, **state}
    odd = sorted(set(own) ^ set(full)) or sorted(key for key in own if own[key].shape != full[key].shape)
    if odd:
        raise ImplausibleError(f"The weights '{name}' are not those of SyncNet v2: '{odd[0]}' does not fit.", _CURE)
    net.load_state_dict(full, strict=True)
    return net.eval().requires_grad_(False)


def load_official(weights: JudgeWeights) -> SyncNet:
    """The official network with the weights of the row `weights`, gated where no published hash vouches for them."""
    from evaluators.sync.syncnet import SyncNet

    state = weights.state()
    if weights.must_pass_gate:
        if _FIRST_LAYER not in state:
            raise ImplausibleError(f"The weights '{weights.name}' hold no '{_FIRST_LAYER}'.", _CURE)
        require_plausible(weights.name, state)
    return fitted(SyncNet(), state, weights.name)


def load_demo(path: Path, gated: bool) -> SyncNet:
    """A small network stored with its constructor keywords; any but the one that ships passes the same gate."""
    from evaluators.weights.shipped import SYNC, load_sync

    net = load_sync(path)
    if gated and path != SYNC:
        require_plausible(path.name, net.state_dict())
    return net
