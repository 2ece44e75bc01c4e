"""The convolutions that no exact port can avoid: CPU time inside the convolution and linear layers alone, a frame.

Measured in the published modules (float32, batches of 16, no normalisation folded, default layout).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn

from evaluators.emotion.emotion_fan import EmotionFAN
from evaluators.faces.mtcnn import Mtcnn
from evaluators.fid.inception import Inception
from evaluators.identity.nets import facenet_module
from evaluators.sync.syncnet import SyncNet

_BATCH = 16
_KINDS = (nn.Conv2d, nn.Conv3d, nn.Linear)


class _Clock:
    """Sums CPU time between the beginning and the end of watched layers."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._began = 0.0

    def watch(self, network: nn.Module) -> None:
        """Put hooks on every convolution and linear layer."""
        for layer in network.modules():
            if isinstance(layer, _KINDS):
                layer.register_forward_pre_hook(self._begin)
                layer.register_forward_hook(self._end)

    def _begin(self, *_: Any) -> None:
        self._began = time.process_time()

    def _end(self, *_: Any) -> None:
        self.seconds += time.process_time() - self._began


@torch.inference_mode()
def _per_frame(network: nn.Module, work: Callable[[], Any], frames: int, rounds: int = 2) -> float:
    clock = _Clock()
    clock.watch(network)
    work()
    best = float("inf")
    for _ in range(rounds):
        clock.seconds = 0.0
        work()
        best = min(best, clock.seconds / frames)
    return best


def seconds_a_frame(pictures: np.ndarray) -> dict[str, float]:
    """CPU seconds a frame by network; `pictures` are real frames (n, h, w, 3) for the face cascade."""
    lip, inception, face, emotion, cascade = SyncNet(), Inception(), facenet_module(), EmotionFAN(), Mtcnn()
    for network in (lip, inception, emotion):
        network.eval().requires_grad_(False)
    windows, big = torch.rand(1, 3, _BATCH + 4, 224, 224), torch.rand(_BATCH, 3, 299, 299)
    chips, faces = torch.rand(_BATCH, 3, 224, 224), torch.rand(_BATCH, 3, 160, 160)
    nets = nn.ModuleList([cascade._pnet, cascade._rnet, cascade._onet])
    return {
        "lip": _per_frame(lip.netcnnlip, lambda: lip.netcnnlip(windows), _BATCH),
        "sound": _per_frame(lip.netcnnaud, lambda: lip.netcnnaud(torch.rand(_BATCH, 1, 13, 20)), _BATCH),
        "inception": _per_frame(inception, lambda: inception(big), _BATCH),
        "facenet": _per_frame(face, lambda: face(faces), _BATCH),
        "resnet18": _per_frame(emotion, lambda: emotion.features(chips), _BATCH),
        "faces": _per_frame(nets, lambda: cascade.detect(pictures), len(pictures)),
    }
