"""Recipe: the demo's emotion judge, Emotion-FAN at a quarter of its width, on worn crops of puppets."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from cmet.recipes.judge_pictures import pool, varied
from evaluators import demo_weights
from evaluators.emotion_fan import EmotionFAN
from evaluators.labels import EAT_FAN
from harness.records import BASIC_EMOTIONS

CONFIG = {"width": 16}
EACH = 20  # pictures of a puppet
FRAMES = 4  # pictures that one decision of training looks at
BATCH = 48
EPOCHS = 14
RATE = 2e-3


def train(out: Path, seconds: float | None, seed: int, log: Callable[[str], None]) -> None:
    """Train and write `out/emotion.safetensors`."""
    crops, _, emotions = pool(out, seed, EACH)
    torch.manual_seed(seed)
    rng = np.random.default_rng([seed, 12])
    network = EmotionFAN(width=CONFIG["width"], dropout=0.2)
    labels = torch.tensor([EAT_FAN.index(BASIC_EMOTIONS[e]) for e in emotions])
    optimiser = torch.optim.AdamW(network.parameters(), RATE, weight_decay=0.01)
    steps, began = EPOCHS * len(crops) // BATCH, time.monotonic()
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=steps)
    pictures = torch.from_numpy(crops).permute(0, 3, 1, 2)
    for step in range(steps):
        rows = _groups(labels.numpy(), rng)
        batch = varied(pictures[rows].float() / 255, rng)
        loss = _loss(network, batch, labels[rows])
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        schedule.step()
        if step % 100 == 99:
            log(f"emotion judge {step + 1}/{steps} {time.monotonic() - began:.0f}s loss {float(loss.detach()):.4f}")
        if seconds and time.monotonic() - began > seconds:
            break
    recipe = {"preset": "demo-judge-emotion", "seed": seed, "steps": step + 1}
    demo_weights.store(out / "emotion.safetensors", network, CONFIG, recipe)


def _groups(labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """BATCH rows, FRAMES of one emotion after another."""
    kinds = rng.integers(0, len(EAT_FAN), BATCH // FRAMES)
    return np.concatenate([rng.choice(np.nonzero(labels == kind)[0], FRAMES, replace=False) for kind in kinds])


def _loss(network: EmotionFAN, batch: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of single pictures and of decisions over FRAMES, in both forms of the attention."""
    features = network.features(batch)
    single = F.cross_entropy(network.pred_fc1(features), labels)
    total = single
    for form in ("eval", "train"):
        groups = [network.decide(part, form).logits for part in features.split(FRAMES)]
        total = total + F.cross_entropy(torch.stack(groups), labels[::FRAMES], label_smoothing=0.05)
    return total
