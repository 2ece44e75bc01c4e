"""This small face-embedding network of our own is the demo's identity judge, trained on `puppets`.

Not a substitute for FaceNet: its signature names it, so its numbers never share a column with FaceNet's.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from networks.resnet18 import ResNet18Trunk


class IdentityNet(ResNet18Trunk):
    """Maps face crops RGB in [-1, 1], (n, 3, size, size) -> unit vectors (n, embedding); cosine = dot product.

    `size` is the side of the crops it is trained on, kept for the judge's crop rule; any side works.
    """

    def __init__(self, width: int = 16, size: int = 64, embedding: int = 128) -> None:
        super().__init__(width)
        self.size = size
        self.embedding = nn.Linear(self.feature_size, embedding, bias=False)
        self.embedding_bn = nn.BatchNorm1d(embedding)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """Returns unit embeddings, (n, embedding)."""
        return F.normalize(self.embedding_bn(self.embedding(self.features(pictures))), dim=1)
