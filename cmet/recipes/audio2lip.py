"""Recipe: the demo Audio2Lip: mel windows of training voices to the demo generator's lip codes of their mouths."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from cmet import demo_weights
from cmet.recipes.alphabet import Alphabet
from cmet.recipes.course import Course, Progress, cosine, drawn
from cmet.recipes.faces import State
from datasets.puppets.affect import affect_point
from datasets.puppets.identity import TRAIN_IDENTITIES
from datasets.puppets.voice import speak
from harness.records import BASIC_EMOTIONS, SAMPLES_PER_FRAME
from networks.edtalk.generator import Audio2Lip
from networks.edtalk.mel import mel_windows

CONFIG = {"lip": 20, "width": 8}
FRAMES, BATCH, RATE = 50, 128, 2e-3
UTTERANCES, STEPS = 3000, 4000


def lip_codes(lips: npt.NDArray[np.float64]) -> Tensor:
    """Mouths (n, 2) as lip codes (n, 20)."""
    zeros = np.zeros(len(lips), dtype=np.int64)
    state = State(zeros, np.zeros((len(lips), 6)), lips, np.zeros((len(lips), 5)), zeros)
    return Alphabet().codes(state).lip


@dataclass(frozen=True)
class Talk:
    """Utterance number i: mel windows (FRAMES, 1, 80, 16) and its mouths (FRAMES, 2)."""

    seed: int

    def __call__(self, number: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float64]]:
        rng = np.random.default_rng([self.seed, 42, number])
        mood = affect_point(BASIC_EMOTIONS[int(rng.integers(8))], int(rng.integers(1, 4)))
        said = speak(int(rng.choice(np.array(TRAIN_IDENTITIES))), mood, FRAMES, (4, int(rng.integers(1 << 30))))
        return mel_windows(said.sound[: FRAMES * SAMPLES_PER_FRAME]), said.lips()


def train(course: Course) -> None:
    """Train and write `out/audio2lip.safetensors`."""
    course, device = course.of(STEPS), course.device
    rng = np.random.default_rng([course.seed, 41])
    heard, shown = zip(*drawn(Talk(course.seed), UTTERANCES, course.workers), strict=True)
    windows, codes = torch.from_numpy(np.concatenate(heard)), lip_codes(np.concatenate(shown))
    windows, codes = windows.to(device), codes.float().to(device)
    with course.seeded():
        network = Audio2Lip(**CONFIG).train().to(device)
    optimiser = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=1e-4)
    spread, latest = float(codes.var()), {"loss": torch.zeros(())}
    for step in Progress(course, "audio2lip").steps(lambda: {"loss": float(latest["loss"]), "spread": spread}):
        optimiser.param_groups[0]["lr"] = RATE * cosine(step / course.steps)
        pick = torch.from_numpy(rng.integers(0, len(codes), BATCH)).to(device)
        loss = nn.functional.mse_loss(network(windows[pick]), codes[pick])
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        latest["loss"] = loss.detach()
    recipe = course.recipe("demo-audio2lip", frames=len(codes))
    demo_weights.store(course.out / "audio2lip.safetensors", network.eval().cpu(), CONFIG, recipe, {})
