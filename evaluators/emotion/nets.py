"""The networks of the emotion judges turn crops of one clip into features, and these into one vector of logits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from evaluators.emotion.emotion_fan import EmotionFAN, Form
from evaluators.emotion.specs import NetSpec
from evaluators.faces.crops import Picture, emotion_input
from evaluators.weights.judge_weights import loaded
from networks import imagenet
from networks.files.layout import Layout
from networks.files.plausibility import require_trained
from networks.files.weights import Weights
from networks.folding import folded
from networks.resnet18 import ResNet18Trunk

Float = npt.NDArray[np.float32]
_BATCH = 32
Network = TypeVar("Network", bound=nn.Module)


class EmotionNet(Protocol):
    """Declares a loaded network: features of crops, and logits of features."""

    def features(self, crops: Sequence[Picture]) -> Float: ...  # (n, features), the penultimate layer

    def logits(self, features: Float) -> Float: ...  # (classes,) of one clip's n >= 1 frames


def build(spec: NetSpec, weights: Weights, form: Form, device: str) -> EmotionNet:
    """Load the network of a judge. Raises MissingError where weights are absent or implausible."""
    if spec.name == "hsemotion-b0-8":
        from evaluators.emotion.hsemotion import HsEmotion

        return HsEmotion(weights)
    if spec.pooling == "attention":
        return FrameAttention(_gated(EmotionFAN, weights, "pred_fc2.weight"), form, device)
    return FrameMean(_gated(lambda: ResNet18Classifier(len(spec.classes)), weights, "fc.weight"), device)


class ResNet18Classifier(ResNet18Trunk):
    """Implements torchvision's ResNet-18 by names: the trunk and `fc`. The C-MET paper's judge has seven outputs."""

    def __init__(self, classes: int = 7, width: int = 64) -> None:
        super().__init__(width)
        self.fc = nn.Linear(self.feature_size, classes)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """Returns logits (n, classes) of ImageNet-normalised pictures (n, 3, h, w)."""
        logits: torch.Tensor = self.fc(self.features(pictures))
        return logits


class FrameAttention:
    """Runs Emotion-FAN: one attended decision a clip."""

    def __init__(self, module: EmotionFAN, form: Form, device: str) -> None:
        self._module = folded(module).to(device)
        self._form: Form = form
        self._device = device

    @torch.inference_mode()
    def features(self, crops: Sequence[Picture]) -> Float:
        """Returns (n, features) of uint8 crops."""
        return _batched(crops, lambda part: self._module.features(emotion_input(part, self._device)))

    @torch.inference_mode()
    def logits(self, features: Float) -> Float:
        """Returns (classes,) of the features of one clip."""
        return self._module.decide(torch.from_numpy(features).to(self._device), self._form).logits.cpu().numpy()


class FrameMean:
    """Runs a classifier of pictures: the mean of its logits over frames."""

    def __init__(self, module: Any, device: str) -> None:
        self._module = folded(module).to(device)
        self._device = device

    @torch.inference_mode()
    def features(self, crops: Sequence[Picture]) -> Float:
        """Returns (n, features) of uint8 crops, ImageNet statistics."""
        return _batched(crops, lambda part: self._module.features(imagenet_input(part, self._device)))

    @torch.inference_mode()
    def logits(self, features: Float) -> Float:
        """Returns (classes,) of the features of one clip."""
        logits: Float = self._module.fc(torch.from_numpy(features).to(self._device)).mean(0).cpu().numpy()
        return logits


def imagenet_input(crops: Sequence[Picture], device: str = "cpu") -> torch.Tensor:
    """Returns (n, 3, size, size) with ImageNet's mean and deviation taken out."""
    mean = torch.tensor(imagenet.MEAN, device=device)[:, None, None]
    deviation = torch.tensor(imagenet.STD, device=device)[:, None, None]
    return (emotion_input(crops, device) - mean) / deviation


def _batched(crops: Sequence[Picture], forward: Any) -> Float:
    parts = [forward(crops[first : first + _BATCH]).cpu().numpy() for first in range(0, len(crops), _BATCH)]
    return np.concatenate(parts)


def _gated(build: Callable[..., Network], weights: Weights, head: str) -> Network:
    """The network of `weights`; `head`: the matrix that decides, which must not be a fresh one.

    Emotion-FAN's checkpoint holds an `fc` that its network does not have (docs/reference/metrics.md, 'Emotion-FAN').
    """
    network = loaded(build, weights, Layout(spare=("fc.",)))
    if weights.must_pass_gate:
        require_trained(weights.name, network.state_dict(), head)
    return network
