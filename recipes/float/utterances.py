"""Makes what the training voices say: sound, the mouth that goes with it, and the mood by FLOAT's seven names."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from datasets.puppets.affect import affect_point
from datasets.puppets.identity import TRAIN_IDENTITIES
from datasets.puppets.voice import speak
from harness.records import SAMPLES_PER_FRAME
from networks.float.conditions import EMOTIONS
from recipes.recipe_run import RecipeRun, drawn

FRAMES = 60  # 2.4 s: a stretch of 50 frames and the ten before it
UTTERANCES = 1800
JITTER = 0.1  # spread of an actor's own variation, per axis of the affect space
_MOODS = (*EMOTIONS, "neutral", "neutral")  # driving sound is neutral, mostly


@dataclass(frozen=True)
class Utterance:
    """Holds `wave` (FRAMES * 640,), the mouth `lips` (FRAMES, 2), and the voice's emotion: its number among EMOTIONS,
    and its point `affect` (5,) of the affect space.
    """

    wave: npt.NDArray[np.float32]
    lips: npt.NDArray[np.float64]
    label: int
    affect: npt.NDArray[np.float64]


@dataclass(frozen=True)
class TrainingVoices:
    """Makes utterance number i: training puppets in turn, in one of FLOAT's emotions, of any level."""

    seed: int

    def __call__(self, number: int) -> Utterance:
        rng = np.random.default_rng([self.seed, 53, number])
        name = _MOODS[int(rng.integers(len(_MOODS)))]
        affect = affect_point(name, int(rng.integers(1, 4))) + rng.normal(0, JITTER, 5)
        who = TRAIN_IDENTITIES[number % len(TRAIN_IDENTITIES)]
        said = speak(who, affect, FRAMES, (5, int(rng.integers(1 << 30))))
        return Utterance(said.sound[: FRAMES * SAMPLES_PER_FRAME], said.lips(), EMOTIONS.index(name), affect)


@dataclass(frozen=True)
class Spoken:
    """Holds all utterances: `waves` (n, samples), `lips` (n, FRAMES, 2), `labels` (n,), `affect` (n, 5)."""

    waves: Tensor
    lips: Tensor
    labels: Tensor
    affect: Tensor

    def of_label(self, label: int) -> npt.NDArray[np.int64]:
        """Returns the numbers of the utterances in that emotion."""
        return np.flatnonzero((self.labels == label).cpu().numpy())


def spoken(run: RecipeRun) -> Spoken:
    """Returns the utterances of a run."""
    said = list(drawn(TrainingVoices(run.seed), UTTERANCES, run.workers))
    run.log(f"float: {len(said)} utterances drawn")
    return Spoken(
        torch.from_numpy(np.stack([one.wave for one in said])),
        torch.from_numpy(np.stack([one.lips for one in said])).float(),
        torch.tensor([one.label for one in said]),
        torch.from_numpy(np.stack([one.affect for one in said])).float(),
    )
