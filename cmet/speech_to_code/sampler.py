"""This module draws the batches of the speech-to-code experiment: random utterances, mixed, minus neutral speech."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from cmet.speech_to_code.speech_bank import EMOTIONS, NEUTRAL, Floats, SpeechBank

_NEUTRAL = EMOTIONS.index(NEUTRAL)

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Settings:
    """Holds everything that decides the result, the data apart.

    Chosen in a handful of trials that looked at three MEAD speakers (docs/method.md). The features have no time, so a
    window is one frame: three tokens attend to each other instead of eleven, and a third of the attention is on speech.
    """

    hidden: int = 256
    layers: int = 1
    heads: int = 4
    feedforward: int = 256
    dropout: float = 0.1
    window: int = 1
    steps: int = 400
    batch: int = 64
    learning_rate: float = 2e-3
    weight_decay: float = 1e-2
    warmup: int = 50
    speech_bias: float = 1.0
    noise: float = 0.3
    single_share: float = 0.5
    neutral_draws: int = 20
    pair_share: float = 0.1
    reference_share: float = 0.1
    cross_entropy: float = 1.0
    sigma: float = 2.0
    average: float = 0.98
    members: int = 5
    seed: int = 0


@dataclass(frozen=True)
class Batch:
    """Holds speech (M, B, 1, D); source, target (M, B) indices of `EMOTIONS`; reference (M, B) row of the directions'
    table.

    M: members that train side by side, each with rows of its own.
    """

    speech: Tensor
    source: Tensor
    target: Tensor
    reference: Tensor


class Sampler:
    """Draws batches of random utterances. Emotions come equally often, then speakers; a cell's utterances are mixed."""

    def __init__(self, bank: SpeechBank, speakers: tuple[str, ...], settings: Settings) -> None:
        self._settings = settings
        self._size = settings.members * settings.batch
        self._random = np.random.default_rng(settings.seed)
        cells = [(s, e) for s in speakers for e in EMOTIONS if e in bank.features[s]]
        counts = np.array([len(bank.features[s][e]) for s, e in cells])
        self.rows = torch.from_numpy(np.concatenate([bank.features[s][e] for s, e in cells]))
        self._count = np.zeros((len(speakers), len(EMOTIONS)), dtype=np.int64)
        self._start = np.zeros_like(self._count)
        for (s, e), count, end in zip(cells, counts, np.cumsum(counts), strict=True):
            where = speakers.index(s), EMOTIONS.index(e)
            self._count[where], self._start[where] = count, end - count

    def _pick(self, speaker: Ints, emotion: Ints, draws: int) -> Ints:
        """(size, draws) rows of utterances, with replacement."""
        count, start = self._count[speaker, emotion], self._start[speaker, emotion]
        return start[:, None] + (self._random.random((self._size, draws)) * count[:, None]).astype(np.int64)

    def _utterance(self, speaker: Ints, emotion: Ints) -> tuple[Ints, Floats]:
        """Rows and weights (size, 2): one utterance, or a random mixture of two."""
        share = self._random.random(self._size)
        share[self._random.random(self._size) < self._settings.single_share] = 1.0
        return self._pick(speaker, emotion, 2), np.stack((share, 1 - share), axis=1).astype(np.float32)

    def _emotions(self) -> tuple[Ints, Ints, Ints]:
        """Speaker, source and target emotion (size,): target != source, both spoken by the speaker."""
        size, random = self._size, self._random
        spoken = self._count.any(axis=0)
        target = random.choice(np.flatnonzero(spoken), size)
        keys = np.where(self._count[:, target] > 0, random.random((len(self._count), size)), -1.0)
        speaker = keys.argmax(axis=0)
        others = np.where(self._count[speaker] > 0, random.random((size, len(EMOTIONS))), -1.0)
        others[np.arange(size), target] = -2.0
        paired = (random.random(size) < self._settings.pair_share) | (target == _NEUTRAL)
        return speaker, np.where(paired, others.argmax(axis=1), _NEUTRAL), target

    def _speech(self, speaker: Ints, source: Ints, target: Ints) -> Tensor:
        """(size, D): target utterance minus source utterance, or minus the mean of some neutral ones."""
        weights = np.zeros((self._size, len(self.rows)), dtype=np.float32)
        number = np.arange(self._size)[:, None]
        rows, share = self._utterance(speaker, target)
        np.add.at(weights, (number, rows), share)
        rows, share = self._utterance(speaker, source)
        np.add.at(weights, (number, rows), np.where((source == _NEUTRAL)[:, None], np.float32(0), -share))
        neutral = np.flatnonzero(source == _NEUTRAL)
        rows = self._pick(speaker, np.full_like(source, _NEUTRAL), self._settings.neutral_draws)[neutral]
        np.add.at(weights, (neutral[:, None], rows), np.float32(-1 / self._settings.neutral_draws))
        return torch.from_numpy(weights) @ self.rows

    def draw(self) -> Batch:
        """Returns the next batch."""
        speaker, source, target = self._emotions()
        speech = self._speech(speaker, source, target)
        noise = self._random.standard_normal(tuple(speech.shape), dtype=np.float32)
        speech += self._settings.noise * torch.from_numpy(noise)
        known = self._random.random(self._size) < self._settings.reference_share
        reference = np.where(known, source * len(EMOTIONS) + target, 0)  # row 0: the zero direction
        shape = self._settings.members, self._settings.batch
        parts = (torch.from_numpy(part).reshape(shape) for part in (source, target, reference))
        return Batch(speech.reshape(*shape, 1, -1), *parts)
