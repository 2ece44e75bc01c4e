"""HSEmotion (EfficientNet-B0, AffectNet-8; Savchenko 2022) runs from its published ONNX file as the independent
judge.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from evaluators.emotion.labels import HSEMOTION_8
from evaluators.faces.crops import Picture
from evaluators.weights.onnx_net import OnnxNet
from networks import imagenet
from networks.files.plausibility import ImplausibleError
from networks.files.weights import Weights

Float = npt.NDArray[np.float32]
_MEAN, _STD = np.array(imagenet.MEAN, np.float32), np.array(imagenet.STD, np.float32)


class HsEmotion:
    """Gives eight logits a picture, whose mean over frames decides.

    The file has one output, so its features ARE the eight logits: the layer before the last is not exported.
    """

    def __init__(self, weights: Weights) -> None:
        if weights.must_pass_gate:
            raise ImplausibleError(
                "Nothing can tell whether an HSEmotion file without the published hash was trained.",
                "Leave out hash = any, or set gate = off too, which the signature will say.",
            )
        self._net = OnnxNet(weights.path())
        self._net.probe(224, len(HSEMOTION_8))

    def features(self, crops: Sequence[Picture]) -> Float:
        """Returns (n, 8) logits of uint8 crops (224 px), ImageNet statistics."""
        pictures = (np.stack(crops).astype(np.float32) / 255 - _MEAN) / _STD
        return self._net.run(np.ascontiguousarray(pictures.transpose(0, 3, 1, 2)))

    def logits(self, features: Float) -> Float:
        """Returns (8,) mean over frames."""
        return np.asarray(features.mean(axis=0), dtype=np.float32)
