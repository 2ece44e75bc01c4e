"""Recipe: the demo Audio2Lip: mel windows of training voices to the demo generator's lip codes of their mouths."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from cmet import demo_weights
from cmet.edtalk import Audio2Lip
from cmet.mel import mel_windows
from cmet.recipes.alphabet import Alphabet
from cmet.recipes.faces import State
from datasets.puppet_affect import affect_point
from datasets.puppet_identity import TRAIN_IDENTITIES
from datasets.puppet_voice import speak
from harness.records import BASIC_EMOTIONS

Log = Callable[[str], None]
CONFIG = {"lip": 20, "width": 8}
FRAMES, BATCH, RATE = 50, 128, 2e-3
DEFAULT_SECONDS, POOL_SHARE = 240.0, 0.35


def lip_codes(lips: npt.NDArray[np.float64]) -> Tensor:
    """Mouths (n, 2) as lip codes (n, 20)."""
    zeros = np.zeros(len(lips), dtype=np.int64)
    state = State(zeros, np.zeros((len(lips), 6)), lips, np.zeros((len(lips), 5)), zeros)
    return Alphabet().codes(state).lip


def _pool(rng: np.random.Generator, seconds: float) -> tuple[Tensor, Tensor]:
    windows: list[Any] = []
    codes: list[Tensor] = []
    began = time.monotonic()
    while len(windows) < 8 or time.monotonic() - began < seconds:
        mood = affect_point(BASIC_EMOTIONS[int(rng.integers(8))], int(rng.integers(1, 4)))
        said = speak(int(rng.choice(np.array(TRAIN_IDENTITIES))), mood, FRAMES, (4, int(rng.integers(1 << 30))))
        windows.append(mel_windows(said.sound[: FRAMES * 640]))
        codes.append(lip_codes(said.lips()))
    return torch.from_numpy(np.concatenate(windows)), torch.cat(codes).float()


def train(out: Path, seconds: float | None, seed: int, log: Log) -> None:
    """Train and write `out/audio2lip.safetensors`."""
    budget, began = seconds or DEFAULT_SECONDS, time.monotonic()
    rng = np.random.default_rng([seed, 41])
    torch.manual_seed(seed)
    windows, codes = _pool(rng, budget * POOL_SHARE)
    network = Audio2Lip(**CONFIG).train()
    optimiser = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=1e-4)
    step = 0
    while (spent := time.monotonic() - began) < budget:
        share = (spent / budget - POOL_SHARE) / (1 - POOL_SHARE)
        optimiser.param_groups[0]["lr"] = RATE * max(0.02, 1 - share)
        pick = torch.from_numpy(rng.integers(0, len(codes), BATCH))
        loss = nn.functional.mse_loss(network(windows[pick]), codes[pick])
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        step += 1
        if step % 100 == 0:
            log(f"audio2lip step {step} {spent:.0f}s loss {float(loss.detach()):.4f} (spread {float(codes.var()):.4f})")
    recipe = {"preset": "demo-audio2lip", "seed": seed, "steps": step, "frames": len(codes)}
    demo_weights.store(out / "audio2lip.safetensors", network.eval(), CONFIG, recipe, {})
