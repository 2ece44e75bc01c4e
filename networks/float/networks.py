"""All of FLOAT's networks as one module, whose names are those of the released `float.pth`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn

from networks.edtalk.encoder import OFFICIAL_CHANNELS
from networks.float.autoencoder import MOTION_WIDTH, SIZE_PX, STYLE_WIDTH, MotionAutoencoder
from networks.float.conditions import EMOTIONS, AudioEncoder, EmotionEncoder
from networks.float.transformer import FlowTransformer
from networks.float.wav2vec2 import BASE, LARGE, EmotionRecogniser, Shape


@dataclass(frozen=True)
class Widths:
    """How large the networks are; the defaults are the released ones. Small ones run in milliseconds."""

    size: int = SIZE_PX
    style: int = STYLE_WIDTH
    motion: int = MOTION_WIDTH
    channels: Mapping[int, int] = field(default_factory=lambda: dict(OFFICIAL_CHANNELS))
    audio: Shape = BASE
    emotion: Shape = LARGE
    transformer: int = 1024
    blocks: int = 8
    heads: int = 8


class FloatNetworks(nn.Module):
    """The autoencoder, both sound encoders and the flow transformer."""

    def __init__(self, widths: Widths | None = None) -> None:
        super().__init__()
        w = widths or Widths()
        self.motion_autoencoder = MotionAutoencoder(w.size, w.style, w.motion, w.channels)
        self.audio_encoder = AudioEncoder(w.audio, w.style)
        self.emotion_encoder = EmotionEncoder(EmotionRecogniser(w.emotion, len(EMOTIONS)))
        self.fmt = FlowTransformer(w.style, len(EMOTIONS), w.transformer, w.blocks, w.heads)


def unfilled(widths: Widths | None = None) -> FloatNetworks:
    """Returns the networks without memory for their parameters, which loading brings along."""
    with torch.device("meta"):
        return FloatNetworks(widths)


def constants(widths: Widths | None = None) -> dict[str, Tensor]:
    """Returns the networks' constant tensors (blur kernels, the attention's mask) by name, as the architecture computes
    them.

    They do not depend on any width, so they are taken from networks that are as narrow as can be.
    """
    given = widths or Widths()
    thin = Shape(width=16, heads=1, layers=1, feed_forward=1, stable=False, conv_width=1)
    narrow = replace(
        given, style=1, motion=1, channels=dict.fromkeys(given.channels, 1), audio=thin, emotion=thin,
        transformer=1, heads=1,
    )  # fmt: skip
    return dict(FloatNetworks(narrow).named_buffers())
