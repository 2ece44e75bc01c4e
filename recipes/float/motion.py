"""Trains the flow transformer: from noise to tracks of exact motion, told by sound, portrait and emotion.

A track is a puppet's: head motion and blinks at random, the mouth of the utterance, and one emotion for its whole
length, which is not the voice's, since a driving sound is neutral, mostly. The emotion is told as a name or as
probabilities that doubt it, as an emotion encoder's do. As in FLOAT, sound and emotion are silenced in a part of all
cases, for the guidance, and half of the tracks have ten frames before them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from datasets.puppets.affect import affect_point
from datasets.puppets.motion import pose_track
from networks.float.conditions import EMOTIONS, AudioEncoder
from networks.float.transformer import Conditions, FlowTransformer
from recipes.faces import PictureState, random_states
from recipes.float.hearing import heard, window
from recipes.float.space import STYLE, MotionAlphabet
from recipes.float.utterances import FRAMES, Spoken
from recipes.part import Part
from recipes.recipe_run import RecipeRun

WIDTH, BLOCKS, HEADS = 96, 4, 4
BATCH, RATE = 32, 1.5e-3
WHOLE_SILENCE, NO_EMOTION = 0.1, 0.15  # shares of cases without sound and emotion, and without emotion
NAMED, LEAST_SURE = 0.6, 0.4  # share of the emotions that are told by name; the least probability of the others
LEAST_STRENGTH, MOST_STRENGTH, JITTER = 0.7, 1.1, 0.06
PORTRAIT_ERROR = 0.25  # spread of the encoder's error about a portrait's own motion, per parameter
_CACHED = 16  # utterances encoded at a time


@torch.no_grad()
def listened(encoder: AudioEncoder, spoken: Spoken, device: str) -> Tensor:
    """Returns audio conditions (n, FRAMES, STYLE) of every utterance, which do not change any more."""
    parts = spoken.waves.split(_CACHED)
    return torch.cat([heard(encoder, window(waves, 0, FRAMES).to(device), FRAMES) for waves in parts])


@dataclass(frozen=True)
class Tracks:
    """Makes cases: motion tracks (BATCH, FRAMES, STYLE) with their conditions, from a seed."""

    spoken: Spoken
    audio: Tensor
    alphabet: MotionAlphabet

    def case(self, rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Returns motion (BATCH, FRAMES, STYLE), audio of the same shape, portrait (BATCH, STYLE), emotion (BATCH, 7).

        Nothing is silenced yet.
        """
        pick = rng.integers(0, len(self.spoken.labels), BATCH)
        labels = rng.integers(0, len(EMOTIONS), BATCH)
        motion = torch.stack([self._track(rng, int(one), int(label)) for one, label in zip(pick, labels, strict=True)])
        emotion = torch.stack([self._told(rng, int(label)) for label in labels])
        return motion, self.audio[torch.from_numpy(pick)].cpu(), self._portraits(rng), emotion

    def _track(self, rng: np.random.Generator, number: int, label: int) -> Tensor:
        felt = affect_point(EMOTIONS[label]) * rng.uniform(LEAST_STRENGTH, MOST_STRENGTH) + rng.normal(0, JITTER, 5)
        pose = pose_track(FRAMES, (56, int(rng.integers(1 << 30))))
        lips = self.spoken.lips[number].double().numpy()
        none = np.zeros(FRAMES, dtype=np.int64)
        return self.alphabet.motion(PictureState(none, pose, lips, np.repeat(felt[None], FRAMES, 0), none))

    def _told(self, rng: np.random.Generator, label: int) -> Tensor:
        told = F.one_hot(torch.tensor(label), len(EMOTIONS)).float()
        if rng.random() < NAMED:
            return told
        sure, doubt = rng.uniform(LEAST_SURE, 1.0), torch.from_numpy(rng.dirichlet(np.full(len(EMOTIONS), 0.3)))
        return told * sure + doubt.float() * (1 - sure)

    def _portraits(self, rng: np.random.Generator) -> Tensor:
        state = random_states(rng, BATCH)
        calm = np.where(rng.random((BATCH, 1)) < 0.7, 0.1, 1.0)
        lip = np.where(calm < 1, np.array([0.05, 0.0]), state.lip)
        state = PictureState(state.who, calm * state.pose, lip, calm * state.affect, state.emotion)
        exact = self.alphabet.motion(state)
        error = np.zeros(exact.shape, dtype=np.float32)
        error[:, : self.alphabet.count] = rng.normal(0, PORTRAIT_ERROR, (BATCH, self.alphabet.count))
        return exact + torch.from_numpy(error)


def flow_loss(
    network: FlowTransformer, case: tuple[Tensor, Tensor, Tensor, Tensor], rng: np.random.Generator
) -> Tensor:
    """Returns the squared error of the velocity on the straight way from noise to the case's tracks."""
    motion, audio, portrait, emotion = case
    device, previous = motion.device, network.previous
    first = torch.from_numpy(rng.random((BATCH, 1, 1)) < 0.5).to(device)  # nothing was before
    count = network.frames
    track = torch.where(first, motion[:, :count], motion[:, previous : previous + count])
    sound = torch.where(first, audio[:, :count], audio[:, previous : previous + count])
    before, sound_before = (torch.where(first, 0.0, part[:, :previous]) for part in (motion, audio))
    chance = torch.from_numpy(rng.random(BATCH)).to(device)
    sound = sound * (chance >= WHOLE_SILENCE)[:, None, None]
    emotion = emotion * (chance >= WHOLE_SILENCE + NO_EMOTION)[:, None]
    noise = torch.from_numpy(rng.standard_normal(tuple(track.shape), dtype=np.float32)).to(device)
    time = torch.from_numpy(rng.random(BATCH, dtype=np.float32)).to(device)
    mixed = torch.lerp(noise, track, time[:, None, None])
    found = network(time, mixed, before, Conditions(sound, sound_before, portrait, emotion))
    return F.mse_loss(found[:, previous:], track - noise)


def train(run: RecipeRun, spoken: Spoken, audio: Tensor) -> FlowTransformer:
    """Returns the trained transformer; its checkpoints lie in `run.out`."""
    with run.seeded():
        network, average = (_new().to(run.device) for _ in range(2))
    part = Part("float-motion", network, average, [(list(network.parameters()), RATE)])
    tracks = Tracks(spoken, audio, MotionAlphabet())

    def losses(number: int) -> dict[str, Tensor]:
        rng = np.random.default_rng([run.seed, 57, number])
        motion, sound, portrait, emotion = (value.to(run.device) for value in tracks.case(rng))
        return {"flow": flow_loss(network, (motion, sound, portrait, emotion), rng)}

    return part.train(run, losses)


def _new() -> FlowTransformer:
    """A transformer whose gates and last layer begin near zero, as DiT's do: it then begins as the identity."""
    network = FlowTransformer(STYLE, len(EMOTIONS), WIDTH, BLOCKS, HEADS)
    torch.nn.init.normal_(network.pos_embed, std=0.02)
    for block in [*network.blocks, network.decoder]:
        torch.nn.init.zeros_(block.adaLN_modulation[1].weight)
        torch.nn.init.zeros_(block.adaLN_modulation[1].bias)
    return network
