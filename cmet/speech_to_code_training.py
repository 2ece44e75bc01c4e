"""Training of the connector on speech features and stored expression codes: little data, one process, minutes.

Three things differ from training on a corpus, each because a few dozen utterances per emotion are all there is:

* the speech encoder's bias starts random. Linear -> GELU -> LayerNorm with zero bias is blind to the length of its
  input, and quiet emotions (contempt) differ from neutral speech in exactly that;
* beside the focal squared error, the prediction must be nearest to its own of the eight codes: balanced MSE's
  cross-entropy (Ren et al. 2022), its candidates being all codes instead of a batch;
* batch norm's statistics come from the codes once and are then kept: with a neutral source in nearly every row, a
  batch's own variance is near zero and says nothing about what inference will see.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cmet.connector import Connector
from cmet.losses import focal_mse
from cmet.speech_bank import EMOTIONS, NEUTRAL, Floats, SpeechBank
from harness.seeds import seed_for

_NEUTRAL = EMOTIONS.index(NEUTRAL)


@dataclass(frozen=True)
class Settings:
    """Everything that decides the result, the data apart.

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
    """speech (B, 1, D); source, target (B,) indices of `EMOTIONS`; reference (B,) row of the table of directions."""

    speech: Tensor
    source: Tensor
    target: Tensor
    reference: Tensor


class Sampler:
    """Batches of random utterances. Emotions come equally often, then speakers; a cell's utterances are mixed."""

    def __init__(self, bank: SpeechBank, speakers: tuple[str, ...], settings: Settings) -> None:
        self._settings = settings
        self._random = np.random.default_rng(settings.seed)
        cells = [(s, e) for s in speakers for e in EMOTIONS if e in bank.features[s]]
        counts = np.array([len(bank.features[s][e]) for s, e in cells])
        self.rows = np.concatenate([bank.features[s][e] for s, e in cells])
        self._count = np.zeros((len(speakers), len(EMOTIONS)), dtype=np.int64)
        self._start = np.zeros_like(self._count)
        for (s, e), count, end in zip(cells, counts, np.cumsum(counts), strict=True):
            where = speakers.index(s), EMOTIONS.index(e)
            self._count[where], self._start[where] = count, end - count

    def _pick(self, speaker: npt.NDArray[np.int64], emotion: npt.NDArray[np.int64], draws: int) -> Floats:
        """(B, draws, D) utterances with replacement."""
        count, start = self._count[speaker, emotion], self._start[speaker, emotion]
        index = start[:, None] + (self._random.random((len(speaker), draws)) * count[:, None]).astype(np.int64)
        return np.asarray(self.rows[index])

    def _utterance(self, speaker: npt.NDArray[np.int64], emotion: npt.NDArray[np.int64]) -> Floats:
        """(B, D): one utterance, or a random mixture of two."""
        pair = self._pick(speaker, emotion, 2)
        share = self._random.random(len(speaker))
        share[self._random.random(len(speaker)) < self._settings.single_share] = 1.0
        return (pair[:, 0] * share[:, None] + pair[:, 1] * (1 - share[:, None])).astype(np.float32)

    def _emotions(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Speaker, source and target emotion (B,): target != source, both spoken by the speaker."""
        size, random = self._settings.batch, self._random
        spoken = self._count.any(axis=0)
        target = random.choice(np.flatnonzero(spoken), size)
        keys = np.where(self._count[:, target] > 0, random.random((len(self._count), size)), -1.0)
        speaker = keys.argmax(axis=0)
        others = np.where(self._count[speaker] > 0, random.random((size, len(EMOTIONS))), -1.0)
        others[np.arange(size), target] = -2.0
        paired = (random.random(size) < self._settings.pair_share) | (target == _NEUTRAL)
        return speaker, np.where(paired, others.argmax(axis=1), _NEUTRAL), target

    def draw(self) -> Batch:
        """The next batch."""
        speaker, source, target = self._emotions()
        neutral = self._pick(speaker, np.full_like(source, _NEUTRAL), self._settings.neutral_draws).mean(axis=1)
        origin = np.where((source == _NEUTRAL)[:, None], neutral, self._utterance(speaker, source))
        speech = self._utterance(speaker, target) - origin
        speech += self._settings.noise * self._random.standard_normal(speech.shape, dtype=np.float32)
        known = self._random.random(len(source)) < self._settings.reference_share
        reference = np.where(known, source * len(EMOTIONS) + target, 0)  # row 0: the zero direction
        parts = (torch.from_numpy(part) for part in (source, target, reference))
        return Batch(torch.from_numpy(speech.astype(np.float32))[:, None], *parts)


def build(speech_size: int, code_size: int, settings: Settings) -> Connector:
    """A connector at its start; draws from a generator of its own, the global state is as before."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        connector = Connector(
            window=settings.window,
            hidden=settings.hidden,
            exp=code_size,
            speech=speech_size,
            layers=settings.layers,
            heads=settings.heads,
            feedforward=settings.feedforward,
            dropout=settings.dropout,
        )
        if settings.speech_bias:
            nn.init.normal_(connector.speaker_encoder.proj.bias, std=settings.speech_bias)
    return connector


def directions_table(codes: Tensor) -> Tensor:
    """(64, C): code of emotion `row % 8` minus that of emotion `row // 8`."""
    return (codes[None] - codes[:, None]).reshape(-1, codes.shape[1])


def freeze_batch_norm(connector: Connector, codes: Tensor) -> None:
    """Give every batch norm the statistics of the eight codes and of their differences, and keep them there."""
    norms = [module for module in connector.modules() if isinstance(module, nn.BatchNorm1d)]
    speech = codes.new_zeros(1, 1, connector.speaker_encoder.proj.in_features)
    connector.train()
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 1.0
    with torch.no_grad():
        connector.embed(directions_table(codes)[None], speech, codes[None])
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
        norm.eval()


def predict(connector: Connector, codes: Tensor, batch: Batch) -> Tensor:
    """Directions (B, C), the mean over the window. Every row has stored codes, so each code is embedded only once."""
    reference, speech, expression = connector.embed(directions_table(codes)[None], batch.speech, codes[None])
    window = connector.window
    first = reference[0, batch.reference][:, None].expand(-1, window, -1)
    last = expression[0, batch.source][:, None].expand(-1, window, -1)
    fused = connector.fusion_transformer_encoder(first, speech, last, keep=window)
    return connector.projector(fused).mean(dim=1)


def objective(directions: Tensor, codes: Tensor, batch: Batch, log_sigma: Tensor, cross_entropy: float) -> Tensor:
    """Focal squared error of the direction, and cross-entropy of the code it leads to among all eight."""
    source, target = codes[batch.source], codes[batch.target]
    loss = focal_mse(directions, target - source)
    distance = (source + directions)[:, None] - codes[None]
    logits = -distance.square().sum(dim=-1) / (2 * torch.exp(2 * log_sigma))
    return loss + cross_entropy * F.cross_entropy(logits, batch.target)


def train_members(
    bank: SpeechBank, speakers: tuple[str, ...], settings: Settings, log: Callable[[str], None] = lambda _: None
) -> tuple[Connector, ...]:
    """`settings.members` connectors that differ in their seed only; with so little data, what each gets wrong differs.

    Their directions are averaged (`speech_to_code_results.directions`). The first has the seed of the settings itself.
    """
    found = []
    for member in range(settings.members):
        log(f"member {member + 1} of {settings.members}")
        seed = seed_for(settings.seed, "member", str(member)) if member else settings.seed
        found.append(train(bank, speakers, replace(settings, seed=seed), log))
    return tuple(found)


def train(
    bank: SpeechBank, speakers: tuple[str, ...], settings: Settings, log: Callable[[str], None] = lambda _: None
) -> Connector:
    """A connector trained on `speakers`, in eval mode: the running average of its weights. Same seed, same result."""
    codes = torch.from_numpy(bank.codes)
    sampler = Sampler(bank, speakers, settings)
    connector = build(sampler.rows.shape[1], codes.shape[1], settings)
    freeze_batch_norm(connector, codes)
    averaged = copy.deepcopy(connector).eval()
    log_sigma = nn.Parameter(torch.tensor(math.log(settings.sigma)))
    parameters = [*connector.parameters(), log_sigma]
    optimizer = torch.optim.AdamW(parameters, lr=settings.learning_rate, weight_decay=settings.weight_decay, fused=True)
    slow: list[Tensor] = list(averaged.parameters())
    fast: list[Tensor] = list(connector.parameters())
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        for step in range(settings.steps):
            optimizer.param_groups[0]["lr"] = settings.learning_rate * _schedule(step, settings)
            batch = sampler.draw()
            loss = objective(predict(connector, codes, batch), codes, batch, log_sigma, settings.cross_entropy)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            with torch.no_grad():
                torch._foreach_lerp_(slow, fast, 1 - min(settings.average, step / (step + 10)))
            if (step + 1) % 50 == 0:
                log(f"step {step + 1} of {settings.steps}: loss {loss.item():.4f}")
    return averaged


def _schedule(step: int, settings: Settings) -> float:
    """Linear warm-up, then half a cosine down to zero."""
    return min(1.0, (step + 1) / settings.warmup) * 0.5 * (1 + math.cos(math.pi * step / settings.steps))
