"""This recipe trains the demo's identity judge to name 256 puppets whatever they feel, by cosine with a margin."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from evaluators.identity.demo_net import IdentityNet
from networks.files import shipped
from recipes.judge_pictures import PEOPLE, pool, varied
from recipes.recipe_run import RecipeProgress, RecipeRun

CONFIG = {"width": 16, "size": 64, "embedding": 64}
EACH = 20  # pictures of a puppet
BATCH, STEPS, RATE = 64, 1600, 3e-3
SHARPNESS, MARGIN = 20.0, 0.2


def train(recipe_run: RecipeRun) -> None:
    """Train and write `out/identity.safetensors`."""
    recipe_run, device = recipe_run.of(STEPS), recipe_run.device
    crops, people, _ = pool(recipe_run, EACH)
    rng = np.random.default_rng([recipe_run.seed, 13])
    with recipe_run.seeded():
        network = IdentityNet(**CONFIG).to(device)
        anchors = torch.nn.Parameter(torch.randn(len(PEOPLE), CONFIG["embedding"], device=device))
    optimiser = torch.optim.AdamW([*network.parameters(), anchors], RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=recipe_run.steps)
    pictures, names = torch.from_numpy(crops).permute(0, 3, 1, 2), torch.from_numpy(people)
    latest = {"loss": torch.zeros(())}
    for _ in RecipeProgress(recipe_run, "identity judge").steps(lambda: {"loss": float(latest["loss"])}):
        rows = rng.integers(0, len(crops), BATCH)
        named = names[rows].to(device)
        embedded = network(varied(pictures[rows].to(device).float() / 255, rng) * 2 - 1)
        cosine = embedded @ F.normalize(anchors).T - MARGIN * F.one_hot(named, len(PEOPLE))
        loss = F.cross_entropy(SHARPNESS * cosine, named)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        schedule.step()
        latest["loss"] = loss.detach()
    recipe = recipe_run.recipe("demo-judge-identity", pictures=len(crops))
    shipped.store(recipe_run.out / "identity.safetensors", network.cpu(), CONFIG, recipe)
