"""Recipe: the demo's identity judge, trained to name 256 puppets whatever they feel, by cosine with a margin."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from cmet.recipes.judge_pictures import PEOPLE, pool, varied
from evaluators import demo_weights
from evaluators.identity_net import IdentityNet

CONFIG = {"width": 16, "size": 64, "embedding": 64}
EACH = 20
BATCH = 64
EPOCHS = 20
RATE = 3e-3
SHARPNESS, MARGIN = 20.0, 0.2


def train(out: Path, seconds: float | None, seed: int, log: Callable[[str], None]) -> None:
    """Train and write `out/identity.safetensors`."""
    crops, people, _ = pool(out, seed, EACH)
    torch.manual_seed(seed)
    rng = np.random.default_rng([seed, 13])
    network = IdentityNet(**CONFIG)
    anchors = torch.nn.Parameter(torch.randn(len(PEOPLE), CONFIG["embedding"]))
    optimiser = torch.optim.AdamW([*network.parameters(), anchors], RATE, weight_decay=0.01)
    steps, began = EPOCHS * len(crops) // BATCH, time.monotonic()
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=steps)
    pictures, names = torch.from_numpy(crops).permute(0, 3, 1, 2), torch.from_numpy(people)
    for step in range(steps):
        rows = rng.integers(0, len(crops), BATCH)
        embedded = network(varied(pictures[rows].float() / 255, rng) * 2 - 1)
        cosine = embedded @ F.normalize(anchors).T - MARGIN * F.one_hot(names[rows], len(PEOPLE))
        loss = F.cross_entropy(SHARPNESS * cosine, names[rows])
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        schedule.step()
        if step % 100 == 99:
            log(f"identity judge {step + 1}/{steps} {time.monotonic() - began:.0f}s loss {float(loss.detach()):.4f}")
        if seconds and time.monotonic() - began > seconds:
            break
    recipe = {"preset": "demo-judge-identity", "seed": seed, "steps": step + 1}
    demo_weights.store(out / "identity.safetensors", network, CONFIG, recipe)
