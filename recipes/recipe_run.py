"""Holds a recipe's options and draws its training material in parallel, alike for any number of processes."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch
from torch.utils.data import DataLoader, Dataset

Item = TypeVar("Item")


@dataclass(frozen=True)
class RecipeRun:
    """Holds the options of a recipe. `out`: folder for its files; `steps`: length of training, 0 for the recipe's own;
    `device` of the network; `workers`: processes that draw material (0: none but this one); `log` takes a line of
    progress.
    """

    out: Path
    seed: int
    log: Callable[[str], None]
    steps: int = 0
    device: str = "cpu"
    workers: int = 0

    def of(self, own: int) -> RecipeRun:
        """Returns the same recipe_run with its length settled: `own` where none was asked for."""
        return replace(self, steps=self.steps or own)

    @contextmanager
    def seeded(self) -> Iterator[None]:
        """Makes layers draw their first weights (and dropout) by `seed` inside; afterwards torch's state is as
        before.
        """
        with torch.random.fork_rng(devices=[self.device] if self.device.startswith("cuda") else []):
            torch.manual_seed(self.seed)
            yield

    def recipe(self, preset: str, **facts: Any) -> dict[str, Any]:
        """Returns the recipe's entry in a weight file: how it was made."""
        return {"preset": preset, "seed": self.seed, "steps": self.steps, "device": _device_name(self.device), **facts}


def _device_name(device: str) -> str:
    return torch.cuda.get_device_name(device) if device.startswith("cuda") else device


@dataclass
class RecipeProgress:
    """Counts the steps of a recipe_run, from `first` on; a line about every ten seconds, with what is left."""

    recipe_run: RecipeRun
    name: str
    first: int = 0

    def steps(self, show: Callable[[], dict[str, float]]) -> Iterator[int]:
        """Yields 0 .. steps - 1. `show` gives the figures of a line; it is called only when one is due."""
        total, began = self.recipe_run.steps, time.monotonic()
        due = began + 10.0
        for step in range(self.first, total):
            yield step
            if (now := time.monotonic()) > due or step + 1 == total:
                due, done = now + 10.0, step + 1 - self.first
                left = (now - began) / done * (total - step - 1)
                figures = " ".join(f"{name} {value:.4f}" for name, value in show().items())
                self.recipe_run.log(f"{self.name} step {step + 1}/{total} {figures} {left:.0f} s to go")


def cosine(share: float, last: float = 0.01) -> float:
    """Returns half a cosine from 1 to `last` as `share` goes from 0 to 1."""
    return last + (1 - last) * 0.5 * (1 + math.cos(math.pi * min(1.0, share)))


class _Drawn(Dataset[Item], Generic[Item]):
    def __init__(self, make: Callable[[int], Item], first: int, last: int) -> None:
        self._make, self._first, self._count = make, first, last - first

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> Item:
        return self._make(self._first + index)


def _one_thread(_: int) -> None:
    import cv2

    cv2.setNumThreads(1)


def _as_it_is(item: Any) -> Any:
    return item


def drawn(make: Callable[[int], Item], last: int, workers: int, first: int = 0) -> Iterator[Item]:
    """Yields `make(first) .. make(last - 1)` in order, drawn ahead by `workers` processes. `make` seeds itself by its
    number and is a frozen dataclass with __call__; its result holds arrays, no tensors (they need a file handle
    each).

    The processes are fresh ones: a forked copy of a process whose libraries run threads may wait for them for ever.
    """
    ahead: dict[str, Any] = {}
    if workers:
        ahead = {"prefetch_factor": 4, "worker_init_fn": _one_thread, "multiprocessing_context": "spawn"}
    source: Dataset[Item] = _Drawn(make, first, last)
    yield from DataLoader(source, batch_size=None, num_workers=workers, collate_fn=_as_it_is, **ahead)
