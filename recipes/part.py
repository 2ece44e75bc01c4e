"""Holds one part of a recipe in training: its network, an average of it, the optimiser, and how far it is."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn

from harness.atomic import replacing
from recipes.recipe_run import RecipeProgress, RecipeRun, cosine

Network = TypeVar("Network", bound=nn.Module)
SAVE_STEPS, WARM_STEPS = 200, 50
_MOST_GRADIENT = 10.0


@dataclass
class Part(Generic[Network]):
    """Holds a network and what trains it. `groups`: parameters with their full learning rate; `name` calls its files;
    `rate`: share of the full rates when that share of the steps is done.

    What is kept are the averaged weights (exponential, 500 steps). Running statistics of batch norms are the network's.
    """

    name: str
    network: Network
    average: Network
    groups: Sequence[tuple[Sequence[nn.Parameter], float]]
    rate: Callable[[float], float] = cosine
    step: int = 0
    optimiser: torch.optim.AdamW = field(init=False)

    def __post_init__(self) -> None:
        self.average.load_state_dict(self.network.state_dict())
        self.average.requires_grad_(False).eval()
        settings = [{"params": list(parameters), "lr": rate} for parameters, rate in self.groups]
        self.optimiser = torch.optim.AdamW(settings, betas=(0.9, 0.99), weight_decay=0.0)

    def train(self, run: RecipeRun, losses: Callable[[int], dict[str, Tensor]]) -> Network:
        """Makes the steps that are left and returns the averaged network; a checkpoint in `run.out` is gone on from.

        losses: of step number i, seeded by that number; their sum is what is made smaller.
        """
        checkpoint = run.out / f"{self.name}.ckpt"
        if checkpoint.is_file():
            self._resume(checkpoint, run.device)
        for _ in self._steps(run, losses):
            if self.step % SAVE_STEPS == 0 or self.step == run.steps:
                self._save(checkpoint)
        return self.average

    def _steps(self, run: RecipeRun, losses: Callable[[int], dict[str, Tensor]]) -> Iterator[None]:
        latest: dict[str, Tensor] = {}
        progress = RecipeProgress(run, self.name.replace("-", " "), self.step)
        for number in progress.steps(lambda: {name: float(value) for name, value in latest.items()}):
            share = min(1.0, (number + 1) / WARM_STEPS) * self.rate(number / run.steps)
            for group, (_, rate) in zip(self.optimiser.param_groups, self.groups, strict=True):
                group["lr"] = share * rate
            found = losses(number)
            self.optimiser.zero_grad(set_to_none=True)
            torch.stack(list(found.values())).sum().backward()
            nn.utils.clip_grad_norm_(self.network.parameters(), _MOST_GRADIENT)
            self.optimiser.step()
            latest.update({name: value.detach() for name, value in found.items()})
            self.step = number + 1
            self._smooth()
            yield

    @torch.no_grad()
    def _smooth(self) -> None:
        keep = min(0.998, (1 + self.step) / (10 + self.step))
        into: list[Tensor] = list(self.average.parameters())
        torch._foreach_lerp_(into, list[Tensor](self.network.parameters()), 1 - keep)
        for kept, own in zip(self.average.buffers(), self.network.buffers(), strict=True):
            kept.copy_(own)

    def _save(self, path: Path) -> None:
        names = ("network", "average", "optimiser")
        content = io.BytesIO()
        torch.save({**{name: getattr(self, name).state_dict() for name in names}, "step": self.step}, content)
        with replacing(path) as partial:
            partial.write_bytes(content.getvalue())

    def _resume(self, path: Path, device: str) -> None:
        state = torch.load(path, weights_only=True, map_location=device)
        for name in ("network", "average", "optimiser"):
            getattr(self, name).load_state_dict(state[name])
        self.step = state["step"]
