"""What the tests of EAT share: goldens with their tolerances, and networks of small widths with their files."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from baselines.eat.audio_to_keypoints import Widths as AudioWidths
from baselines.eat.generator import Widths as GeneratorWidths
from baselines.eat.networks import EatNetworks, Widths
from baselines.eat.seeded_checkpoint import stand_in, write
from harness import weights
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


#: Networks of the released kinds that run in a fraction of a second, with pictures of 256 px.
SMALL = Widths(
    generator=GeneratorWidths(
        stem=(4, 4, 8), volume=4, depth=2, residuals=1, hourglass=(8, 8), last=4, compressed=1, middle=1, shared=4,
        picture=4,
    ),
    detector={"widths": (8, 8, 8), "last": 4},
    pose={"stem": 8, "widths": (8, 8, 16, 16), "blocks": (1, 1, 1, 1)},
    mapping={"hidden": 16},
    side={"layers": 1, "feed_forward": 16},
    audio=AudioWidths(
        sound=(64, 8, 8, 8), pitch=(8, 8, 8, 16), pitch_hidden=8, letters=(8, 8, 8, 8), pictures=(4, 4, 4, 4, 8),
        face=(4, 4, 4, 8, 128), layers=1, feed_forward=16,
    ),
)  # fmt: skip
GRAPH_WIDTH = 8


@pytest.fixture(scope="session")
def small() -> EatNetworks:
    """All of EAT's networks at small widths with stand-in weights."""
    return stand_in(SMALL)


@pytest.fixture
def files(small: EatNetworks, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The files of a small EAT, by their names in weights.toml, as the ones that the user points at."""
    folder = tmp_path_factory.mktemp("weights")
    monkeypatch.setenv("CMET_BENCH_CACHE", str(folder / "cache"))
    paths = write(folder, small, GRAPH_WIDTH)
    for name, path in paths.items():
        monkeypatch.setenv(weights.variable(name), str(path))
    return paths
