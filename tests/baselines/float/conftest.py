"""What the tests of FLOAT share: goldens with their tolerances, the synthetic picture, and networks of small widths."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from baselines.float import seeded_checkpoint
from harness.seeded import fill
from networks.edtalk.frames import picture_input
from networks.float.autoencoder import MotionAutoencoder
from networks.float.networks import FloatNetworks, Widths
from networks.float.wav2vec2 import Shape
from tests.places import GOLDEN

RECORDED = GOLDEN / "float"

#: Networks of the released kinds that run in milliseconds, with pictures of 32 px.
SMALL = Widths(
    size=32, style=16, motion=4, channels={4: 8, 8: 8, 16: 8, 32: 8},
    audio=Shape(16, 2, 2, 24, stable=False, conv_width=8), emotion=Shape(16, 2, 2, 24, stable=True, conv_width=8),
    transformer=32, blocks=2, heads=2,
)  # fmt: skip


class Golden:
    """One golden file: arrays by name, and `check` against the tolerances that the file states."""

    def __init__(self, path: Path) -> None:
        self._file = np.load(path)
        self._tolerance: dict[str, float] = json.loads(str(self._file["tolerance_json"]))

    def __getitem__(self, name: str) -> np.ndarray:
        return self._file[name]

    def tensor(self, name: str) -> Tensor:
        return torch.from_numpy(self._file[name])

    def check(self, name: str, ours: Any, beyond: float = 0.0) -> None:
        """The largest difference from array `name` is within its tolerance, or the mean one where only that has one.

        beyond: share of the values that may differ by more.
        """
        wanted, given = self._file[name], np.asarray(ours)
        assert given.shape == wanted.shape, f"{name}: shape {given.shape}, golden {wanted.shape}"
        gaps = np.abs(given.astype(np.float64) - wanted.astype(np.float64))
        mean_only = name not in self._tolerance
        limit = self._tolerance[f"{name}|mean" if mean_only else name]
        error = float(gaps.mean() if mean_only else np.quantile(gaps, 1 - beyond))
        assert error <= limit, f"{name}: differs by {error:.3g}, tolerance {limit:.3g}"


@pytest.fixture(scope="session")
def golden(shared: Path) -> Callable[[str], Golden]:
    """A golden of the shared material by name."""
    return lambda name: Golden(shared / "golden" / "float" / f"{name}.npz")


@pytest.fixture(scope="session")
def recorded() -> Callable[[str], Golden]:
    """A golden of this repository by name."""
    return lambda name: Golden(RECORDED / f"{name}.npz")


@pytest.fixture(scope="session")
def synthetic_picture() -> np.ndarray:
    """The 512 px picture that the goldens' README makes by a formula, uint8 RGB."""
    y, x = (axis / 512 for axis in np.mgrid[:512, :512].astype(np.float64))
    red = np.sin(2 * np.pi * (3 * x + 1.5 * y))
    green = np.sin(2 * np.pi * (x - 2.5 * y) + 1)
    blue = np.cos(12 * np.pi * ((x - 0.5) ** 2 + (y - 0.5) ** 2))
    return np.rint(127.5 + 127.5 * np.stack((red, green, blue), axis=-1)).astype(np.uint8)


def statistics(map_: Tensor) -> np.ndarray:
    """Mean, unbiased std, min and max of a whole tensor."""
    flat = map_.double().flatten()
    return np.array([flat.mean(), flat.std(), flat.min(), flat.max()])


def check_codes(golden: Golden, network: MotionAutoencoder, picture: np.ndarray) -> None:
    """Codes, basis and feature maps of a picture."""
    s_r, features = network.enc(picture_input(picture, 512))
    golden.check("s_r", s_r)
    golden.check("r_s_lambda", network.coefficients(s_r))
    golden.check("r_s", network.motion(network.coefficients(s_r)))
    golden.check("direction_Q", network.basis())
    for index, map_ in enumerate(features):
        side = map_.shape[-1]
        golden.check(f"feat{index}_stats", statistics(map_))
        golden.check(f"feat{index}_probe", map_[0, :8, :: side // 8, :: side // 8])


def check_pictures(golden: Golden, network: MotionAutoencoder, picture: np.ndarray, precise: bool) -> None:
    """Decoded pictures: in float64 (precise) every value, in float32 all but one in a thousand.

    What float32 rounds away in the codes moves single values by up to 0.007 on this kind of weights, more than the
    tolerances of recordings that were made on one processor.
    """
    kind = torch.float64 if precise else torch.float32
    beyond = 0.0 if precise else 1e-3
    portrait = network.to(kind).portrait(picture_input(picture, 512).to(kind))
    for name, motion in (("recon", portrait.r_s), ("driven", golden.tensor("rd").to(kind))):
        made = network.decode(portrait, motion)[0]
        golden.check(f"{name}_stride8", made[:, ::8, ::8], beyond)
        golden.check(f"{name}_crop", made[:, 240:272, 240:272], beyond)
        golden.check(f"{name}_stats", statistics(made), beyond)


@pytest.fixture(scope="session")
def check_autoencoder() -> Callable[..., None]:
    """Checks a motion autoencoder against one of its goldens: (golden, network, picture, precise)."""

    def check(golden: Golden, network: MotionAutoencoder, picture: np.ndarray, precise: bool) -> None:
        check_codes(golden, network, picture)
        check_pictures(golden, network, picture, precise)

    return check


@pytest.fixture(scope="session")
def filled() -> Callable[[nn.Module, str], Any]:
    """A network filled by its names under a prefix; motion autoencoders with the gain of the goldens."""

    def made(module: nn.Module, prefix: str) -> nn.Module:
        fill(module, prefix)
        if prefix == "motion_autoencoder.":
            seeded_checkpoint.add_gain(module)
        return module.eval().requires_grad_(False)

    return made


@pytest.fixture(scope="session")
def small_widths() -> Widths:
    """The widths of `small`."""
    return SMALL


@pytest.fixture(scope="session")
def small() -> FloatNetworks:
    """All of FLOAT at small widths with stand-in weights."""
    return seeded_checkpoint.stand_in(SMALL)
