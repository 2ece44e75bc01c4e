"""Trains the demo Audio2Lip: mel windows of training voices to the demo generator's lip codes of their mouths."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from datasets.puppets.affect import affect_point
from datasets.puppets.identity import TRAIN_IDENTITIES
from datasets.puppets.voice import speak
from harness.emotions import BASIC_EMOTIONS
from harness.records import SAMPLES_PER_FRAME
from networks.edtalk.generator import Audio2Lip
from networks.edtalk.mel import mel_windows
from networks.files import shipped
from recipes.alphabet import Alphabet
from recipes.faces import PictureState
from recipes.recipe_run import RecipeProgress, RecipeRun, cosine, drawn

CONFIG = {"lip": 20, "width": 8}
FRAMES, BATCH, RATE = 50, 128, 2e-3
UTTERANCES, STEPS = 3000, 4000


def lip_codes(lips: npt.NDArray[np.float64]) -> Tensor:
    """Returns mouths (n, 2) as lip codes (n, 20)."""
    zeros = np.zeros(len(lips), dtype=np.int64)
    state = PictureState(zeros, np.zeros((len(lips), 6)), lips, np.zeros((len(lips), 5)), zeros)
    return Alphabet().codes(state).lip


@dataclass(frozen=True)
class Talk:
    """Makes utterance number i: mel windows (FRAMES, 1, 80, 16) and its mouths (FRAMES, 2)."""

    seed: int

    def __call__(self, number: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float64]]:
        rng = np.random.default_rng([self.seed, 42, number])
        mood = affect_point(BASIC_EMOTIONS[int(rng.integers(8))], int(rng.integers(1, 4)))
        said = speak(int(rng.choice(np.array(TRAIN_IDENTITIES))), mood, FRAMES, (4, int(rng.integers(1 << 30))))
        return mel_windows(said.sound[: FRAMES * SAMPLES_PER_FRAME]), said.lips()


def train(recipe_run: RecipeRun) -> None:
    """Train and write `out/audio2lip.safetensors`."""
    recipe_run, device = recipe_run.of(STEPS), recipe_run.device
    rng = np.random.default_rng([recipe_run.seed, 41])
    windows_of, mouths_of = zip(*drawn(Talk(recipe_run.seed), UTTERANCES, recipe_run.workers), strict=True)
    windows, codes = torch.from_numpy(np.concatenate(windows_of)), lip_codes(np.concatenate(mouths_of))
    windows, codes = windows.to(device), codes.float().to(device)
    with recipe_run.seeded():
        network = Audio2Lip(**CONFIG).train().to(device)
    optimiser = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=1e-4)
    spread, latest = float(codes.var()), {"loss": torch.zeros(())}
    for step in RecipeProgress(recipe_run, "audio2lip").steps(
        lambda: {"loss": float(latest["loss"]), "spread": spread}
    ):
        optimiser.param_groups[0]["lr"] = RATE * cosine(step / recipe_run.steps)
        pick = torch.from_numpy(rng.integers(0, len(codes), BATCH)).to(device)
        loss = nn.functional.mse_loss(network(windows[pick]), codes[pick])
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        latest["loss"] = loss.detach()
    recipe = recipe_run.recipe("demo-audio2lip", frames=len(codes))
    shipped.store(recipe_run.out / "audio2lip.safetensors", network.eval().cpu(), CONFIG, recipe)
