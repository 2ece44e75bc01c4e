"""The networks of identity similarity turn face crops into unit embeddings; cosine = dot product."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch

from evaluators.faces.crops import Picture, identity_input
from evaluators.identity.demo_net import IdentityNet
from evaluators.weights.judge_weights import loaded
from networks.files.layout import Layout
from networks.files.plausibility import ImplausibleError, require_separating, require_trained
from networks.files.weights import Weights
from networks.folding import folded

Float = npt.NDArray[np.float32]
_BATCH = 16


class IdentityEmbedder(Protocol):
    """Declares a loaded network: unit embeddings of crops."""

    def embed(self, crops: Sequence[Picture]) -> Float: ...  # (n, d) unit vectors


class FaceNet:
    """Runs InceptionResnetV1 of facenet-pytorch 2.6.0 (the wheel's class: its names are the checkpoint's), VGGFace2."""

    def __init__(self, weights: Weights, device: str) -> None:
        self._device = device
        network = loaded(facenet_module, weights, Layout(spare=("logits.",)))
        self._network = folded(network).to(device)
        if weights.must_pass_gate:
            require_trained(weights.name, network.state_dict())
            require_separating(weights.name, self.embed, 160)

    @torch.inference_mode()
    def embed(self, crops: Sequence[Picture]) -> Float:
        """Returns (n, 512) of uint8 RGB crops of 160 px."""
        return _batched(crops, lambda part: self._network(facenet_input(part, self._device)))


def facenet_module() -> torch.nn.Module:
    """Returns an InceptionResnetV1 without its logits layer, in eval mode, nothing loaded."""
    from facenet_pytorch.models.inception_resnet_v1 import InceptionResnetV1

    network: torch.nn.Module = InceptionResnetV1(pretrained=None, classify=False)
    return network.eval().requires_grad_(False)


def facenet_input(crops: Sequence[Picture], device: str = "cpu") -> torch.Tensor:
    """Returns the pictures as (n, 3, size, size), (x - 127.5) / 128."""
    return identity_input(crops, device) * (127.5 / 128)


class ArcFace:
    """Runs insightface's ArcFace from an ONNX file of the user's own: RGB, (x - 127.5) / 127.5, 112 px.

    An ONNX file has its normalisation folded away, and a random network too keeps unlike pictures apart: nothing
    here could tell a file without the published hash from noise.
    Facts: docs/reference/metrics.md, 'ArcFace'.
    """

    def __init__(self, weights: Weights, device: str) -> None:
        from evaluators.weights.onnx_net import OnnxNet

        if weights.must_pass_gate:
            raise ImplausibleError(
                "Nothing can tell whether an ArcFace file without the published hash was trained.",
                "Leave out hash = any, or set gate = off too, which the signature will say.",
            )
        self._net = OnnxNet(weights.path())
        self._net.probe(112)

    def embed(self, crops: Any) -> Float:
        """Returns (n, 512) of uint8 RGB crops of 112 px."""
        pictures = (np.stack(crops).astype(np.float32) - 127.5) / 127.5
        rows = self._net.run(np.ascontiguousarray(pictures.transpose(0, 3, 1, 2)))
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


class DemoIdentity:
    """Runs the small network trained on puppets."""

    def __init__(self, weights: Weights, device: str) -> None:
        self._network = loaded(IdentityNet, weights).to(device)
        self._device = device

    @torch.inference_mode()
    def embed(self, crops: Sequence[Picture]) -> Float:
        """Returns (n, d) of uint8 RGB crops (evaluators.faces.crops.demo_crops)."""
        return _batched(crops, lambda part: self._network(identity_input(part, self._device)))


#: The network of each crop rule.
BY_RULE: dict[str, Callable[[Weights, str], IdentityEmbedder]] = {
    "mtcnn-box": FaceNet,
    "arcface5": ArcFace,
    "mtcnn5": DemoIdentity,
}


def _batched(crops: Sequence[Picture], forward: Any) -> Float:
    parts = [forward(crops[first : first + _BATCH]).cpu().numpy() for first in range(0, len(crops), _BATCH)]
    return np.concatenate(parts)
