"""Trains FLOAT's two sound encoders on voices of which everything is known.

FLOAT takes wav2vec 2.0 from hundreds of hours of speech and trains its projection with the flow transformer. Here both
learn at once, through a linear map that is thrown away, which mouth a sound belongs to. The other wav2vec 2.0 learns
the names of moods, as the recogniser that FLOAT takes did, and through another such map how pleasant, excited, tense,
averse and ironic a voice is.
"""

from __future__ import annotations

from collections import deque

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from harness.records import SAMPLES_PER_FRAME
from networks.float.conditions import EMOTIONS, AudioEncoder, normalised
from networks.float.wav2vec2 import EmotionRecogniser, Shape, Wav2Vec2
from recipes.float.space import STYLE
from recipes.float.utterances import FRAMES, Spoken
from recipes.part import Part
from recipes.recipe_run import RecipeRun

AUDIO = Shape(width=64, heads=4, layers=2, feed_forward=128, stable=False, conv_width=32)
EMOTION = Shape(width=48, heads=4, layers=2, feed_forward=96, stable=True, conv_width=16)
AUDIO_BATCH, EMOTION_BATCH, SHORTEST = 12, 14, 36  # frames of the shortest window
RATE, AFFECT_WEIGHT = 2e-3, 2.0
_MOUTH_MEAN, _MOUTH_SPREAD = (0.4, 0.0), (0.2, 0.5)  # as in the alphabet: numbers of about unit spread


class Listener(nn.Module):
    """Is an audio encoder with the linear map that names the mouth (open, wide) of each frame."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = AudioEncoder(AUDIO, STYLE)
        self.mouth = nn.Linear(STYLE, 2)


class Namer(nn.Module):
    """Is an emotion recogniser with the linear map that tells the affect of a voice."""

    def __init__(self) -> None:
        super().__init__()
        self.recogniser = EmotionRecogniser(EMOTION, len(EMOTIONS))
        self.affect = nn.Linear(EMOTION.width, 5)


def features(network: Wav2Vec2, waves: Tensor) -> Tensor:
    """Returns (B, frames, conv width) of normalised sounds of one length (B, n), as `Wav2Vec2.features` of each."""
    first, *others = network.feature_extractor.conv_layers
    norm = first.get_submodule("layer_norm")
    x: Tensor = first.get_submodule("conv")(waves[:, None])
    over_time = isinstance(norm, nn.GroupNorm)  # which `Wav2Vec2` folds into the convolution, one sound at a time
    x = F.gelu(norm(x) if over_time else norm(x.transpose(1, 2)).transpose(1, 2))
    for layer in others:
        x = layer(x)
    return x.transpose(1, 2)


def heard(encoder: AudioEncoder, waves: Tensor, frames: int) -> Tensor:
    """Returns (B, frames, STYLE) audio conditions of normalised sounds (B, frames * 640), as `AudioEncoder` of each."""
    found = features(encoder.wav2vec2, waves).transpose(1, 2)
    at_25_fps = F.interpolate(found, frames, mode="linear", align_corners=True).transpose(1, 2)
    joined = torch.cat(list(encoder.wav2vec2.hidden(at_25_fps)), dim=-1)
    conditions: Tensor = encoder.audio_projection(joined)
    return conditions


def felt(recogniser: EmotionRecogniser, waves: Tensor) -> Tensor:
    """Returns (B, width): what the recogniser's last linear layer gets of normalised sounds of one length (B, n)."""
    last = deque(recogniser.wav2vec2.hidden(features(recogniser.wav2vec2, waves)), maxlen=1).pop()
    return torch.tanh(recogniser.classifier.dense(last.mean(1)))


def window(waves: Tensor, start: int, frames: int) -> Tensor:
    """Returns (B, frames * 640): each sound from frame `start` on, normalised as the networks are given it."""
    part = waves[:, start * SAMPLES_PER_FRAME : (start + frames) * SAMPLES_PER_FRAME]
    return torch.stack([normalised(wave) for wave in part])


def train_audio(run: RecipeRun, spoken: Spoken) -> AudioEncoder:
    """Returns the audio encoder that heard the utterances' mouths."""
    with run.seeded():
        network, average = Listener().to(run.device), Listener().to(run.device)
    part = Part("float-audio", network, average, [(list(network.parameters()), RATE)])
    mouths = (spoken.lips - torch.tensor(_MOUTH_MEAN)) / torch.tensor(_MOUTH_SPREAD)

    def losses(number: int) -> dict[str, Tensor]:
        rng = np.random.default_rng([run.seed, 54, number])
        pick = torch.from_numpy(rng.integers(0, len(mouths), AUDIO_BATCH))
        frames = int(rng.integers(SHORTEST, FRAMES + 1))
        start = int(rng.integers(0, FRAMES - frames + 1))
        sound = window(spoken.waves[pick], start, frames).to(run.device)
        told = network.mouth(heard(network.encoder, sound, frames))
        return {"mouth": F.mse_loss(told, mouths[pick, start : start + frames].to(run.device))}

    return part.train(run, losses).encoder


def train_emotion(run: RecipeRun, spoken: Spoken) -> EmotionRecogniser:
    """Returns the recogniser that heard the names of the utterances' moods."""
    with run.seeded():
        network, average = Namer().to(run.device), Namer().to(run.device)
    part = Part("float-emotion", network, average, [(list(network.parameters()), RATE)])
    by_label = [spoken.of_label(label) for label in range(len(EMOTIONS))]

    def losses(number: int) -> dict[str, Tensor]:
        rng = np.random.default_rng([run.seed, 55, number])
        labels = np.arange(EMOTION_BATCH) % len(EMOTIONS)
        pick = torch.from_numpy(np.array([rng.choice(by_label[label]) for label in labels]))
        frames = int(rng.integers(SHORTEST, FRAMES + 1))
        start = int(rng.integers(0, FRAMES - frames + 1))
        sound = window(spoken.waves[pick], start, frames).to(run.device)
        inside = felt(network.recogniser, sound)
        names = F.cross_entropy(network.recogniser.classifier.out_proj(inside), torch.from_numpy(labels).to(run.device))
        affect = F.mse_loss(network.affect(inside), spoken.affect[pick].to(run.device))
        return {"names": names, "affect": AFFECT_WEIGHT * affect}

    return part.train(run, losses).recogniser
