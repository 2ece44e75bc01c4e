"""What the tests of EAT's networks share: goldens with their tolerances."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.places import GOLDEN

RECORDED = GOLDEN / "eat"


@pytest.fixture(autouse=True)
def no_gradients() -> Iterator[None]:
    with torch.no_grad():
        yield


class Golden:
    """One golden file: arrays by name, and `check` against the tolerances that the file states."""

    def __init__(self, path: Path) -> None:
        self._file = np.load(path)
        told = str(self._file["tolerance_json"]) if "tolerance_json" in self._file else "{}"
        self._tolerance: dict[str, float] = json.loads(told)

    def __getitem__(self, name: str) -> np.ndarray:
        return self._file[name]

    def tensor(self, name: str) -> Tensor:
        return torch.from_numpy(self._file[name])

    def check(self, name: str, ours: Any) -> None:
        """The largest difference from array `name` is within its tolerance."""
        wanted, given = self._file[name], np.asarray(ours)
        assert given.shape == wanted.shape, f"{name}: shape {given.shape}, golden {wanted.shape}"
        error = float(np.abs(given.astype(np.float64) - wanted.astype(np.float64)).max())
        assert error <= self._tolerance[name], f"{name}: differs by {error:.3g}, tolerance {self._tolerance[name]:.3g}"


@pytest.fixture(scope="session")
def golden(shared: Path) -> Callable[[str], Golden]:
    """A golden of the shared material by name."""
    return lambda name: Golden(shared / "golden" / "eat" / f"{name}.npz")


@pytest.fixture(scope="session")
def recorded() -> Callable[[str], Golden]:
    """A golden of this repository by name."""
    return lambda name: Golden(RECORDED / f"{name}.npz")
