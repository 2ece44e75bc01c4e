"""Recipe: the demo connector, by C-MET's objective on training voices and the demo generator's expression codes.

Speech: differences of mean embeddings of a few training voices between two basic emotions, paired as by C-MET.
Expression: the codes that the generator means by those emotions, with an actor's variation and the encoder's error. The
reference is zero or a noisy target, half of the time each, because an edit starts without one.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from cmet import demo_weights, losses
from cmet.connector import Connector
from cmet.recipes.alphabet import Alphabet
from cmet.recipes.faces import State
from cmet.recipes.speech import voices
from datasets.puppet_affect import affect_point
from datasets.puppet_identity import TRAIN_IDENTITIES
from harness.records import BASIC_EMOTIONS

Log = Callable[[str], None]
CONFIG = {"window": 1, "hidden": 128, "speech": 64, "layers": 2, "heads": 4, "feedforward": 256, "dropout": 0.0}
BATCH, RATE, CODE_ERROR = 48, 2e-3, 0.2
SPEECH_BIAS = 1.0  # Linear, GELU, LayerNorm forget how large a difference is; a bias of its size keeps that
LAMBDA_CONTRASTIVE, LAMBDA_DIRECTIONAL = 0.1, 0.05
DEFAULT_SECONDS, POOL_SHARE = 300.0, 0.2


@dataclass(frozen=True)
class Bank:
    """Embeddings (n, D) of utterances by basic emotion and level."""

    vectors: dict[tuple[int, int], npt.NDArray[np.float32]]

    def mean(self, emotion: int, level: int, rng: np.random.Generator) -> npt.NDArray[np.float32]:
        """Mean of one to eight random utterances of an emotion at a level (neutral has one level)."""
        rows = self.vectors[emotion, level]
        return rows[rng.integers(0, len(rows), int(rng.integers(1, 9)))].mean(0)


def bank(rng: np.random.Generator, seconds: float) -> Bank:
    """Training voices through the demo's own speech encoder."""
    from cmet.demo_weights import load_speech

    pool, network = voices(rng, seconds, tuple(TRAIN_IDENTITIES), jitter=0.05), load_speech()
    vectors = network.embed(list(pool.waves))
    neutral = BASIC_EMOTIONS.index("neutral")
    level = np.where(pool.label == neutral, 1, pool.level)
    keys = {(int(e), int(k)) for e, k in zip(pool.label, level, strict=True)}
    return Bank({(e, k): vectors[(pool.label == e) & (level == k)] for e, k in keys})


def expression_codes(affect: npt.NDArray[np.float64]) -> Tensor:
    """Moods (n, 5) as expression codes (n, 10)."""
    n = len(affect)
    state = State(np.zeros(n, np.int64), np.zeros((n, 6)), np.zeros((n, 2)), affect, np.zeros(n, np.int64))
    return Alphabet().codes(state).exp


@dataclass(frozen=True)
class Batch:
    """What one step sees: `speech` (B, 1, D), codes of both emotions and the direction (B, T, 10), `labels` (B,)."""

    speech: Tensor
    first: Tensor
    second: Tensor
    direction: Tensor
    reference: Tensor
    labels: Tensor


def batch(voices_: Bank, rng: np.random.Generator, window: int) -> Batch:
    """Random pairs of emotions; half of them start from neutral, as every edit does."""
    neutral = BASIC_EMOTIONS.index("neutral")
    speech: list[Any] = []
    moods: list[Any] = []
    labels: list[int] = []
    while len(speech) < BATCH:
        one = neutral if rng.random() < 0.5 else int(rng.integers(8))
        two, level = int(rng.integers(8)), int(rng.integers(1, 4))
        levels = [1 if e == neutral else level for e in (one, two)]
        if one == two or any((e, k) not in voices_.vectors for e, k in zip((one, two), levels, strict=True)):
            continue
        heard = [voices_.mean(e, k, rng) for e, k in zip((one, two), levels, strict=True)]
        actor = rng.normal(0.0, 0.08, 5)
        speech.append(heard[1] - heard[0])
        moods.append([affect_point(BASIC_EMOTIONS[e], k) + actor for e, k in zip((one, two), levels, strict=True)])
        labels.append(two)
    pair = np.array(moods)
    clean = [expression_codes(pair[:, k])[:, None].float().expand(-1, window, -1) for k in (0, 1)]
    first, second = (part + CODE_ERROR * torch.from_numpy(rng.normal(size=part.shape)).float() for part in clean)
    direction = clean[1] - clean[0]
    known = torch.from_numpy(rng.random((BATCH, 1, 1)) < 0.5).float()
    reference = known * (direction + CODE_ERROR * torch.from_numpy(rng.normal(size=direction.shape)).float())
    return Batch(torch.from_numpy(np.stack(speech))[:, None], first, second, direction, reference, torch.tensor(labels))


def objective(connector: Connector, seen: Batch) -> Tensor:
    """C-MET's bidirectional objective (its `--balance mse`: these codes are too short for the focal weight to act)."""
    out, embedded = connector(seen.reference, seen.speech, seen.first)
    back, flipped = connector(-seen.reference, -seen.speech, seen.second)
    target = seen.direction.reshape(-1, seen.direction.shape[-1])
    regression = losses.mse(out, target) + losses.mse(back, -target)
    contrast = losses.bidirectional_contrastive(embedded[2], flipped[2], embedded[1], flipped[1], seen.labels)
    return regression + LAMBDA_CONTRASTIVE * contrast + LAMBDA_DIRECTIONAL * losses.directional(out, back)


def train(out: Path, seconds: float | None, seed: int, log: Log) -> None:
    """Train and write `out/connector.safetensors`."""
    budget, began = seconds or DEFAULT_SECONDS, time.monotonic()
    rng = np.random.default_rng([seed, 51])
    torch.manual_seed(seed)
    voices_ = bank(rng, budget * POOL_SHARE)
    connector = Connector(**CONFIG).train()  # type: ignore[arg-type]
    torch.nn.init.normal_(connector.speaker_encoder.proj.bias, std=SPEECH_BIAS)
    optimiser = torch.optim.AdamW(connector.parameters(), lr=RATE, weight_decay=1e-5)
    step = 0
    while (spent := time.monotonic() - began) < budget:
        share = (spent / budget - POOL_SHARE) / (1 - POOL_SHARE)
        optimiser.param_groups[0]["lr"] = RATE * min(1.0, (step + 1) / 100) * min(1.0, max(0.02, 1.3 * (1 - share)))
        loss = objective(connector, batch(voices_, rng, int(CONFIG["window"])))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        step += 1
        if step % 100 == 0:
            log(f"connector step {step} {spent:.0f}s loss {float(loss.detach()):.4f}")
    recipe = {"preset": "demo-connector", "seed": seed, "steps": step}
    demo_weights.store(out / "connector.safetensors", connector.eval(), CONFIG, recipe, {})
