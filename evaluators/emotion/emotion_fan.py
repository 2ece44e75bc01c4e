"""Emotion-FAN is a ResNet-18 with frame attention (Meng et al. 2019, arXiv 1907.00193), EAT's eight classes by default.

Names and shapes of the state dict are those of EAT's checkpoint; `width` and `classes` shrink the same
class for the demo. Pictures are RGB in [0, 1] without mean or standard deviation (EAT's evaluation).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from evaluators.emotion.labels import EAT_FAN
from networks.resnet18 import ResNet18Trunk

#: "eval": the numerator lacks beta, as in EAT's evaluation; "train": the formula the network was trained with.
Form = Literal["eval", "train"]


@dataclass(frozen=True)
class ClipDecision:
    """Holds the decision on one clip of n frames: logits (classes,), alpha (n, 1), beta (n, 1), mean (features,)."""

    logits: torch.Tensor
    alpha: torch.Tensor
    beta: torch.Tensor
    mean: torch.Tensor


class EmotionFAN(ResNet18Trunk):
    """Maps face crops of one clip -> one vector of logits, in the order of `classes`.

    `classes`: class names in output order. `width`: channels of the first stage (64 is official).
    `dropout` acts in training mode only (on the attended features) and changes no name.
    """

    def __init__(self, classes: Sequence[str] = EAT_FAN, width: int = 64, dropout: float = 0.0) -> None:
        super().__init__(width)
        self.classes = tuple(classes)
        size = self.feature_size
        self.alpha = nn.Sequential(nn.Linear(size, 1), nn.Sigmoid())
        self.beta = nn.Sequential(nn.Linear(2 * size, 1), nn.Sigmoid())
        self.pred_fc1 = nn.Linear(size, len(self.classes))  # self-attention head, used in training only
        self.pred_fc2 = nn.Linear(2 * size, len(self.classes))
        self.dropout = nn.Dropout(dropout)

    def decide(self, features: torch.Tensor, form: Form = "eval") -> ClipDecision:
        """Returns one decision from the features (n, feature_size) of n >= 1 frames of one clip."""
        if len(features) == 0:
            raise ValueError("a decision needs at least one frame")
        alpha = self.alpha(features)
        mean = (alpha * features).sum(0) / alpha.sum(0)
        joined = torch.cat([features, mean.expand(len(features), -1)], dim=1)
        beta = self.beta(joined)
        weights = alpha if form == "eval" else alpha * beta
        pooled = (weights * joined).sum(0) / (alpha * beta).sum(0)
        return ClipDecision(self.pred_fc2(self.dropout(pooled)), alpha, beta, mean)

    def forward(self, pictures: torch.Tensor, form: Form | None = None) -> torch.Tensor:
        """Returns logits (clips, classes) of pictures (clips, frames, 3, h, w), or (1, classes) of (frames, 3, h, w).

        Without `form`: the training formula in training mode, EAT's evaluation formula else.
        """
        chosen: Form = form or ("train" if self.training else "eval")
        clips = pictures if pictures.dim() == 5 else pictures[None]
        features = self.features(clips.flatten(0, 1)).reshape(clips.shape[0], clips.shape[1], -1)
        return torch.stack([self.decide(clip, chosen).logits for clip in features])
