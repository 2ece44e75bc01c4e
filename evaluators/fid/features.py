"""Pictures become feature rows in the named ways that FID is computed; each is described in the signature.

`tf-fid-2015` is pytorch-fid 0.3.0, `tv-in1k` the variant of EAT's evaluation (other weights, other resize, normalised
twice, red and blue swapped: docs/reference/metrics.md, 'FID of EAT'), `demo` the small identity judge of the puppets.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from evaluators.fid.inputs import EAT, TAPS, TF_FID, InputRule
from evaluators.identity import files
from evaluators.settings import unused
from evaluators.weights.judge_weights import SETTINGS as WEIGHT_SETTINGS
from evaluators.weights.judge_weights import in_use, loaded
from harness import registry
from harness.errors import Missing, UsageError, unknown_name
from networks.files.official import Official
from networks.files.plausibility import require_trained

Frames = npt.NDArray[np.uint8]
Features = npt.NDArray[np.float32]
_BATCH = 16


class FeatureNet(Protocol):
    """Declares a network with its own preprocessing."""

    @property
    def width(self) -> int: ...  # columns of a feature row

    def missing(self) -> list[Missing]: ...

    def load(self) -> None: ...

    def fields(self) -> tuple[tuple[str, str], ...]: ...  # of the signature, weights' hash last

    def long(self) -> tuple[tuple[str, str], ...]: ...  # the long forms of those fields

    def features(self, frames: Frames) -> Features: ...  # uint8 RGB (n, h, w, 3) → (n, width)


def build(settings: Mapping[str, str], device: str) -> FeatureNet:
    """Returns the network that setting `net` names. Raises UsageError for an unknown one."""
    name = settings.get("net", "tf-fid-2015")
    if name in INCEPTIONS:
        return InceptionNet(INCEPTIONS[name], settings, device)
    if name == "demo":
        unused("FID by the network 'demo'", settings, ("dim", *WEIGHT_SETTINGS))
        return DemoNet(device)
    raise unknown_name("network for FID", name, [*INCEPTIONS, "demo"])


@dataclass(frozen=True)
class Recipe:
    """Pairs one Inception with its input rule, which describes itself."""

    name: str
    weights: Official
    network: str  # imported by load, for it is torch's
    input: InputRule


INCEPTIONS: dict[str, Recipe] = {
    "tf-fid-2015": Recipe(
        "tf-fid-2015", Official("pt_inception-2015-12-05"), "evaluators.fid.inception:Inception", TF_FID
    ),
    "tv-in1k": Recipe("tv-in1k", Official("inception_v3"), "evaluators.fid.inception:ImageNetInception", EAT),
}


class InceptionNet:
    """Makes FID features by one of the two Inceptions; settings `dim`, `weights`, `hash`, `gate`."""

    def __init__(self, recipe: Recipe, settings: Mapping[str, str], device: str) -> None:
        self._recipe = recipe
        self._weights = in_use(recipe.weights, settings)
        self._device = device
        self._network: Any = None
        text = settings.get("dim", "2048")
        if text not in map(str, TAPS):
            raise UsageError(f"FID has no features of width '{text}'.", "dim is one of 64, 192, 768, 2048.")
        self._width = int(text)

    @property
    def width(self) -> int:
        """Returns the number of columns of a feature row."""
        return self._width

    def missing(self) -> list[Missing]:
        """Returns the weights, where they are not here."""
        return self._weights.missing()

    def load(self) -> None:
        """Read the weights, strictly, and fold the normalisation into the convolutions."""
        network = loaded(registry.load(self._recipe.network), self._weights)
        if self._weights.must_pass_gate:
            require_trained(self._recipe.name, network.state_dict())
        self._network = network.folded().to(self._device)

    def fields(self) -> tuple[tuple[str, str], ...]:
        """Returns network, width, resize, normalisation, channel order and weights."""
        recipe = self._recipe
        return (
            ("net", recipe.name),
            ("dim", str(self._width)),
            *recipe.input.fields(),
            *self._weights.fields(),
        )

    def long(self) -> tuple[tuple[str, str], ...]:
        """Returns the whole hash of the weights."""
        return self._weights.long()

    def features(self, frames: Frames) -> Features:
        """Returns the features, float32 (n, width), of uint8 RGB (n, h, w, 3)."""
        import torch

        assert self._network is not None, "load() first"
        prepare = self._recipe.input
        # A GPU gives the same number as a CPU.
        with torch.inference_mode(), torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            rows = [
                self._network(prepare(frames[first : first + _BATCH]).to(self._device), self._width).cpu().numpy()
                for first in range(0, len(frames), _BATCH)
            ]
        return np.concatenate(rows) if rows else np.zeros((0, self._width), dtype=np.float32)


class DemoNet:
    """Makes trunk features of the demo's identity judge on whole frames: for `puppets` only, and its signature says so.

    Whole frames, not face crops, so that a picture without a face costs a method something and is not left out.
    """

    def __init__(self, device: str) -> None:
        self._device = device
        self._weights = files.SHIPPED.weights()
        self._network: Any = None

    @property
    def width(self) -> int:
        """Returns the number of columns of a feature row (known after load)."""
        return int(self._network.feature_size)

    def missing(self) -> list[Missing]:
        """Returns the file that ships with the project, where it was removed."""
        return self._weights.missing()

    def load(self) -> None:
        """Read the small network."""
        self._network = files.SHIPPED.load().to(self._device)

    def fields(self) -> tuple[tuple[str, str], ...]:
        """Returns network, resize, normalisation, channel order and weights."""
        return (
            ("net", "demo-identity"),
            ("dim", "trunk"),
            ("rs", "whole-area"),
            ("norm", "pm1"),
            ("ch", "rgb"),
            *self._weights.fields(),
        )

    def long(self) -> tuple[tuple[str, str], ...]:
        """Returns nothing: the file ships with the project."""
        return ()

    def features(self, frames: Frames) -> Features:
        """Returns the features, float32 (n, width), of uint8 RGB (n, h, w, 3)."""
        import torch

        from evaluators.faces.crops import identity_input, whole

        side = int(self._network.size)
        rows = [np.zeros((0, self.width), dtype=np.float32)]
        for first in range(0, len(frames), _BATCH):
            sized = [whole(frame, side) for frame in frames[first : first + _BATCH]]
            with torch.inference_mode():
                rows.append(self._network.features(identity_input(sized, self._device)).cpu().numpy())
        return np.concatenate(rows)
