"""What drives a FLOAT clip: one audio vector a frame, and the probabilities of seven emotions.

Facts: the whole clip's samples are normalised at once; for the audio vectors they are first extended by their last
sample to whole frames, and wav2vec2's features are brought from 50 to 25 a second before its transformer
(docs/reference/methods.md, 'FLOAT').
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from harness.records import SAMPLES_PER_FRAME
from networks.float.wav2vec2 import BASE, LEAST_SAMPLES, EmotionRecogniser, Shape, Wav2Vec2

#: FLOAT's seven emotions by index, in the words of this project (its own are disgust and surprise); no contempt.
EMOTIONS = ("angry", "disgusted", "fear", "happy", "neutral", "sad", "surprised")
CONDITION_WIDTH = 512
_EPS = 1e-7


def frames_of(samples: int) -> int:
    """Says how many frames at 25 fps a sound of this many samples has: the last one may be begun."""
    return -(-samples // SAMPLES_PER_FRAME)


def normalised(wave: Tensor) -> Tensor:
    """Returns (n,) samples with zero mean and unit variance over the whole clip."""
    return (wave - wave.mean()) / torch.sqrt(wave.var(unbiased=False) + _EPS)


def whole_frames(wave: Tensor, frames: int) -> Tensor:
    """Returns the samples, extended by repeating the last one to `frames` whole frames."""
    lacking = frames * SAMPLES_PER_FRAME - len(wave)
    return torch.cat((wave, wave[-1:].expand(lacking))) if lacking > 0 else wave


class AudioEncoder(nn.Module):
    """Normalised samples -> (1, T, width): all layers of wav2vec2 side by side, one linear map, LayerNorm, SiLU."""

    def __init__(self, shape: Shape = BASE, width: int = CONDITION_WIDTH) -> None:
        super().__init__()
        self.wav2vec2 = Wav2Vec2(shape)
        self._width, joined = shape.width, shape.layers * shape.width
        self.audio_projection = nn.Sequential(nn.Linear(joined, width), nn.LayerNorm(width), nn.SiLU())

    def layers(self, wave: Tensor, frames: int) -> Iterator[Tensor]:
        """Yields (1, frames, layer width) of each layer for (n,) normalised samples."""
        features = self.wav2vec2.features(whole_frames(wave, frames))
        at_25_fps = F.interpolate(features.transpose(1, 2), frames, mode="linear", align_corners=True)
        return self.wav2vec2.hidden(at_25_fps.transpose(1, 2))

    def forward(self, wave: Tensor, frames: int) -> Tensor:
        """Returns (1, frames, width) audio conditions of (n,) normalised samples at 16 kHz.

        Each layer goes through its own columns of the linear map at once, so that they need not be held side by side.
        """
        linear, norm, activation = self.audio_projection
        assert isinstance(linear, nn.Linear)
        total: Tensor = linear.bias
        for layer, columns in zip(self.layers(wave, frames), linear.weight.split(self._width, dim=1), strict=True):
            total = total + F.linear(layer, columns)
        conditions: Tensor = activation(norm(total))
        return conditions


class EmotionEncoder(nn.Module):
    """Normalised samples -> (1, 7) emotion probabilities in the order of `EMOTIONS`."""

    def __init__(self, recogniser: EmotionRecogniser | None = None) -> None:
        super().__init__()
        self.wav2vec2_for_emotion = recogniser or EmotionRecogniser()

    def forward(self, wave: Tensor) -> Tensor:
        """Returns probabilities of (n,) normalised samples at 16 kHz."""
        probabilities: Tensor = self.wav2vec2_for_emotion(wave).softmax(-1)
        return probabilities


def one_hot(label: str) -> Tensor:
    """Returns (1, 7) with all probability on one of `EMOTIONS`; ValueError for another name."""
    return F.one_hot(torch.tensor([EMOTIONS.index(label)]), len(EMOTIONS)).float()


__all__ = [
    "CONDITION_WIDTH",
    "EMOTIONS",
    "LEAST_SAMPLES",
    "AudioEncoder",
    "EmotionEncoder",
    "frames_of",
    "normalised",
    "one_hot",
    "whole_frames",
]
