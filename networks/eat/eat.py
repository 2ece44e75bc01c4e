"""Everything that EAT computes a clip with is one module here: its networks, DeepSpeech, the basis of expressions."""

from __future__ import annotations

from torch import Tensor, nn

from networks.eat.deepspeech import DeepSpeech
from networks.eat.networks import EatNetworks
from networks.eat.windows import Padding

OFFSETS = 45  # numbers of an expression: 15 keypoints in space


class Eat(nn.Module):
    """Holds EAT's networks, DeepSpeech, the basis (45, 45) and the mean (45,) of expressions, and the stored speech, or
    None where the nearest sound stands in its place.
    """

    basis: Tensor
    mean: Tensor

    def __init__(
        self, networks: EatNetworks, deepspeech: DeepSpeech, basis: Tensor, mean: Tensor, padding: Padding | None
    ) -> None:
        super().__init__()
        self.networks, self.deepspeech, self.padding = networks, deepspeech, padding
        self.register_buffer("basis", basis)
        self.register_buffer("mean", mean)
