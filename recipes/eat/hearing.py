"""Trains DeepSpeech's class at small width to hear what puppets say.

EAT takes the scores of letters from a network that was trained on speech with its words written down. Puppets say
vowels and hisses; their 29 scores are no letters here, but what a linear map that is thrown away needs to name the
mouth, the hiss and the formants at each step.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from datasets.puppets.affect import affect_point
from datasets.puppets.identity import TRAIN_IDENTITIES
from datasets.puppets.speech import CONTROL_HZ
from datasets.puppets.voice import speak
from harness.emotions import BASIC_EMOTIONS
from harness.media import to_pcm16
from harness.records import FPS, SAMPLES_PER_FRAME
from networks.eat import deepspeech
from networks.eat.deepspeech import LETTERS, STEPS_PER_SECOND, DeepSpeech
from recipes.part import Part
from recipes.recipe_run import RecipeRun, drawn

FRAMES = 50  # of an utterance: 2 s
UTTERANCES, JITTER = 1200, 0.1
WIDTH, BATCH, RATE = 48, 12, 3e-3
STEPS_PER_FRAME = round(STEPS_PER_SECOND / FPS)
_NEUTRAL = 0.5  # share of the utterances: driving sound is neutral, mostly
_MIDDLE_HZ, _SPREAD_HZ = (500.0, 1400.0, 2500.0), (150.0, 500.0, 250.0)  # of formants


@dataclass(frozen=True)
class Said:
    """Holds `wave` (FRAMES * 640,), the mouth `lips` (FRAMES, 2), and `heard` (steps, 6): open, wide, hiss and three
    formants, of about unit spread, at each of DeepSpeech's steps.
    """

    wave: npt.NDArray[np.float32]
    lips: npt.NDArray[np.float64]
    heard: npt.NDArray[np.float32]


@dataclass(frozen=True)
class TrainingVoices:
    """Makes utterance number i: training puppets in turn, half of the utterances neutral, the others in any emotion."""

    seed: int

    def __call__(self, number: int) -> Said:
        rng = np.random.default_rng([self.seed, 74, number])
        name = "neutral" if rng.random() < _NEUTRAL else BASIC_EMOTIONS[int(rng.integers(len(BASIC_EMOTIONS)))]
        affect = affect_point(name, int(rng.integers(1, 4))) + rng.normal(0, JITTER, 5)
        who = TRAIN_IDENTITIES[number % len(TRAIN_IDENTITIES)]
        said = speak(who, affect, FRAMES, (7, int(rng.integers(1 << 30))))
        spoken = said.spoken
        at = (np.arange(FRAMES * STEPS_PER_FRAME) + 0.5) / STEPS_PER_SECOND * CONTROL_HZ
        tracks = [(spoken.open - 0.4) / 0.2, spoken.wide / 0.5, spoken.hiss / 0.3]
        tracks += list(((spoken.formants - _MIDDLE_HZ) / _SPREAD_HZ).T)
        heard = [np.interp(at, np.arange(len(track)) + 0.5, track) for track in tracks]
        wave = said.sound[: FRAMES * SAMPLES_PER_FRAME]
        return Said(wave, said.lips(), np.stack(heard, axis=1).astype(np.float32))


def voices(run: RecipeRun) -> list[Said]:
    """Returns the utterances of a run."""
    said = list(drawn(TrainingVoices(run.seed), UTTERANCES, run.workers))
    run.log(f"eat: {len(said)} utterances drawn")
    return said


class Listener(nn.Module):
    """Is the network with the linear map that names what it heard."""

    def __init__(self) -> None:
        super().__init__()
        self.network = DeepSpeech(WIDTH)
        self.names = nn.Linear(LETTERS, 6)


def train(run: RecipeRun, said: list[Said]) -> DeepSpeech:
    """Returns the trained network; checkpoints lie in `run.out`."""
    with run.seeded():
        listener, average = (Listener().train().to(run.device) for _ in range(2))
    part = Part("eat-hearing", listener, average, [(list(listener.parameters()), RATE)])

    def losses(number: int) -> dict[str, Tensor]:
        rng = np.random.default_rng([run.seed, 75, number])
        picked = [said[int(one)] for one in rng.integers(0, len(said), BATCH)]
        inputs = [deepspeech.inputs(to_pcm16(one.wave)) for one in picked]
        steps = min(len(inputs[0]), len(picked[0].heard))
        named = listener.names(listener.network(torch.stack([one[:steps] for one in inputs], 1).to(run.device)))
        true = torch.from_numpy(np.stack([one.heard[:steps] for one in picked], axis=1)).to(run.device)
        error = (named - true).square().mean((0, 1))
        return {"mouth": error[:2].mean(), "rest": 0.3 * error[2:].mean()}

    return part.train(run, losses).network
