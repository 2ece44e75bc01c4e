"""Recipe: the demo speech-emotion encoder, emotion2vec's architecture at small width.

Voices of training identities in basic emotions of every level; it learns to tell the emotion and, through a head
that is thrown away, how pleasant, excited, tense, averse and ironic the voice is (dimensional affect), so that its
embedding is spread out between the classes too.
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
import torch.nn.functional as F
from torch import nn

from cmet import demo_weights
from cmet.emotion2vec import Emotion2Vec
from datasets.puppet_affect import affect_point
from datasets.puppet_identity import TRAIN_IDENTITIES
from datasets.puppet_voice import speak
from harness.records import BASIC_EMOTIONS

Log = Callable[[str], None]
CONFIG = {
    "width": 64,
    "heads": 4,
    "prenet_blocks": 1,
    "blocks": 2,
    "conv_width": 32,
    "position_depth": 2,
    "position_groups": 4,
    "position_kernel": 9,
    "labels": list(BASIC_EMOTIONS),
}
FRAMES, BATCH, RATE = 32, 16, 1.5e-3
DEFAULT_SECONDS, POOL_SHARE = 420.0, 0.3


@dataclass(frozen=True)
class Voices:
    """Utterances: `waves` (n, samples), `label` (n,) class numbers, `affect` (n, 5), `who` (n,), `level` (n,)."""

    waves: npt.NDArray[np.float32]
    label: npt.NDArray[np.int64]
    affect: npt.NDArray[np.float64]
    who: npt.NDArray[np.int64]
    level: npt.NDArray[np.int64]


def voices(rng: np.random.Generator, seconds: float, identities: tuple[int, ...], jitter: float = 0.1) -> Voices:
    """As many random utterances as `seconds` allow (at least 64)."""
    rows: list[tuple[Any, int, Any, int, int]] = []
    began = time.monotonic()
    while len(rows) < 64 or time.monotonic() - began < seconds:
        label, level = int(rng.integers(len(BASIC_EMOTIONS))), int(rng.integers(1, 4))
        affect = affect_point(BASIC_EMOTIONS[label], level) + rng.normal(0, jitter, 5)
        who = int(rng.choice(np.array(identities)))
        said = speak(who, affect, FRAMES, (3, int(rng.integers(1 << 30))))
        rows.append((said.sound[: FRAMES * 640], label, affect, who, level))
    waves, label_, affect_, who_, level_ = zip(*rows, strict=True)
    return Voices(np.stack(waves), np.array(label_), np.stack(affect_), np.array(who_), np.array(level_))


def train(out: Path, seconds: float | None, seed: int, log: Log) -> None:
    """Train and write `out/speech.safetensors`."""
    budget, began = seconds or DEFAULT_SECONDS, time.monotonic()
    rng = np.random.default_rng([seed, 31])
    torch.manual_seed(seed)
    pool = voices(rng, budget * POOL_SHARE, tuple(TRAIN_IDENTITIES))
    network, affect_head = Emotion2Vec(**CONFIG).train(), nn.Linear(CONFIG["width"], 5)  # type: ignore[arg-type]
    optimiser = torch.optim.AdamW([*network.parameters(), *affect_head.parameters()], lr=RATE, weight_decay=1e-2)
    log(f"speech: {len(pool.label)} utterances in {time.monotonic() - began:.0f}s")
    step = 0
    while (spent := time.monotonic() - began) < budget:
        share = (spent / budget - POOL_SHARE) / (1 - POOL_SHARE)
        optimiser.param_groups[0]["lr"] = RATE * min(1.0, (step + 1) / 50) * max(0.02, 1 - share)
        pick = rng.integers(0, len(pool.label), BATCH)
        gain = np.exp(rng.normal(0, 0.05, (BATCH, 1))).astype(np.float32)
        embedding = network(torch.from_numpy(pool.waves[pick] * gain)).embedding
        told = F.cross_entropy(network.classify(embedding), torch.from_numpy(pool.label[pick]))
        felt = F.mse_loss(affect_head(embedding), torch.from_numpy(pool.affect[pick]).float())
        optimiser.zero_grad(set_to_none=True)
        (told + 4.0 * felt).backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        step += 1
        if step % 50 == 0:
            log(f"speech step {step} {spent:.0f}s class {float(told.detach()):.3f} affect {float(felt.detach()):.3f}")
    recipe = {"preset": "demo-speech", "seed": seed, "steps": step, "utterances": len(pool.label)}
    demo_weights.store(out / "speech.safetensors", network.eval(), CONFIG, recipe, {})
