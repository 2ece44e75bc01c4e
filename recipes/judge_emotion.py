"""This recipe trains the demo's emotion judge, Emotion-FAN at a quarter of its width, on augmented crops of puppets."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from evaluators.emotion.emotion_fan import EmotionFAN
from evaluators.emotion.labels import EAT_FAN
from harness.emotions import BASIC_EMOTIONS
from networks.files import shipped
from recipes.judge_pictures import Picture, pool, varied
from recipes.recipe_run import RecipeProgress, RecipeRun

CONFIG = {"width": 16}
EACH = 20  # pictures of a puppet
FRAMES = 4  # pictures that one decision of training looks at
BATCH, STEPS, RATE = 48, 1500, 2e-3


def train(recipe_run: RecipeRun) -> None:
    """Train and write `out/emotion.safetensors`."""
    recipe_run = recipe_run.of(STEPS)
    crops, _, emotions = pool(recipe_run, EACH)
    with recipe_run.seeded():  # dropout draws in every step
        network = _trained(recipe_run, crops, emotions)
    recipe = recipe_run.recipe("demo-judge-emotion", pictures=len(crops))
    shipped.store(recipe_run.out / "emotion.safetensors", network.cpu(), CONFIG, recipe)


def _trained(recipe_run: RecipeRun, crops: Picture, emotions: npt.NDArray[np.int64]) -> EmotionFAN:
    """The network after the recipe_run's steps, on crops (n, s, s, 3) of puppets in `emotions` (n,)."""
    rng, device = np.random.default_rng([recipe_run.seed, 12]), recipe_run.device
    network = EmotionFAN(width=CONFIG["width"], dropout=0.2).to(device)
    labels = np.array([EAT_FAN.index(BASIC_EMOTIONS[e]) for e in emotions])
    optimiser = torch.optim.AdamW(network.parameters(), RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=recipe_run.steps)
    pictures, latest = torch.from_numpy(crops).permute(0, 3, 1, 2), {"loss": torch.zeros(())}
    for _ in RecipeProgress(recipe_run, "emotion judge").steps(lambda: {"loss": float(latest["loss"])}):
        rows = _groups(labels, rng)
        batch = varied(pictures[rows].to(device).float() / 255, rng)
        loss = _loss(network, batch, torch.from_numpy(labels[rows]).to(device))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        schedule.step()
        latest["loss"] = loss.detach()
    return network


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
