"""EAT's side branch computes how far an emotion moves each keypoint of a face, the same in every frame of a clip.

A transformer encoder reads the face and the emotion's seven prompts together; the mean of the prompts' answers becomes
45 numbers, three a keypoint. State-dict names are those of `sidetuning.` in the released checkpoint.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from networks.eat.emotion_modulation import CHANNELS
from networks.eat.places import Places
from networks.eat.residual_down import FACE_WIDTHS, chain
from networks.eat.transformer import FEED_FORWARD, HEADS, LAYERS, Encoder


class _Transformer(nn.Module):
    def __init__(self, width: int, layers: int, heads: int, feed_forward: int) -> None:
        super().__init__()
        self.encoder = Encoder(width, layers, heads, feed_forward)


class SideBranch(nn.Module):
    """The network; without arguments the official full-size one.

    channels: of the face map; widths: of the chain that condenses it, the last of which is a token's; layers, heads,
    feed_forward: of the transformer; keypoints: their number.
    """

    def __init__(
        self,
        channels: int = CHANNELS,
        widths: Sequence[int] = FACE_WIDTHS,
        layers: int = LAYERS,
        heads: int = HEADS,
        feed_forward: int = FEED_FORWARD,
        keypoints: int = 15,
    ) -> None:
        super().__init__()
        width = widths[-1]
        self.decodefeature_extract = chain(channels, widths)
        self.pos_enc = Places(width)
        self.transformer = _Transformer(width, layers, heads, feed_forward)
        self.emokp = nn.Linear(width, 3 * keypoints)

    def forward(self, face: Tensor, prompts: Tensor) -> Tensor:
        """Returns (B, 45) of a modulated face map (B, channels, 64, 64) and an emotion's prompts (B, 7, width)."""
        seen = F.avg_pool2d(self.decodefeature_extract(face), 2).flatten(1)
        tokens = torch.cat((seen[:, None], prompts), dim=1)
        answers = self.transformer.encoder(self.pos_enc(tokens))
        moved: Tensor = self.emokp(answers[:, 1:].mean(dim=1))
        return moved
