"""What the golden tests of `cmet` share: stand-in weights, inputs as networks take them, comparison by tolerance."""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from cmet.connector import Connector
from harness.seeded import fill
from networks.edtalk.generator import Audio2Lip, Generator
from tests.places import GOLDEN

torch.set_num_threads(1)


class Golden:
    """One golden file: arrays by name, and `check` against the tolerance that the file states for each.

    The committed files (tests/golden/cmet) may hold every n-th column of an array (`columns_json`) and name the picture
    of pictures.npz that goes in (`pictures_json`). `folder` is another place of files with the same arrays.
    """

    def __init__(self, name: str, folder: Path = GOLDEN / "cmet") -> None:
        self._file: Mapping[str, np.ndarray] = np.load(folder / f"{name}.npz")
        self._folder = folder
        self.tolerance: dict[str, float] = self._told("tolerance_json")
        self.columns: dict[str, int] = self._told("columns_json")
        self.pictures: dict[str, list[str]] = self._told("pictures_json")

    def _told(self, name: str) -> dict[str, Any]:
        return json.loads(str(self._file[name])) if name in self._file else {}

    def __contains__(self, name: str) -> bool:
        return name in self._file

    def names(self, prefix: str) -> list[str]:
        return [name for name in self._file if name.startswith(prefix)]

    def array(self, name: str) -> np.ndarray:
        return self._file[name]

    def tensor(self, name: str) -> Tensor:
        return torch.from_numpy(self.array(name))

    def pixels(self, name: str, index: int | None = None) -> np.ndarray:
        """A stored uint8 CHW picture."""
        if name in self.pictures:
            return np.load(self._folder / "pictures.npz")[self.pictures[name][index or 0]]
        return self.array(name) if index is None else self.array(name)[index]

    def picture(self, name: str, index: int | None = None) -> Tensor:
        """Network input (1, 3, H, W) of a stored uint8 CHW picture."""
        return (torch.from_numpy(self.pixels(name, index)).float()[None] / 255 - 0.5) * 2

    def check(self, name: str, ours: Any) -> None:
        """Fails where `ours` differs from array `name` by more than the file's tolerance (0 where none is given)."""
        wanted = self._file[name]
        given = np.asarray(ours.detach() if isinstance(ours, Tensor) else ours)
        if name in self.columns:
            given = given[..., :: self.columns[name]]
        assert given.shape == wanted.shape, f"{name}: shape {given.shape}, golden {wanted.shape}"
        error = float(np.abs(given.astype(np.float64) - wanted.astype(np.float64)).max())
        limit = self.tolerance.get(name, 0.0)
        assert error <= limit, f"{name}: differs by {error:.3g}, tolerance {limit:.3g}"

    def check_picture(self, name: str, picture: Tensor) -> None:
        """Holds `picture` against every summary that the file has under `name`: pooled, statistics, crops."""
        checked = 0
        for key in self.names(name + "_"):
            kind = key[len(name) + 1 :].split("_")
            if kind[0].startswith("pool"):
                self.check(key, F.adaptive_avg_pool2d(picture, min(int(kind[0][4:]), picture.shape[-1])))
            elif kind == ["stats"]:
                self.check(key, statistics(picture))
            elif kind[0] == "crop":
                row, column, edge = map(int, kind[1:])
                self.check(key, picture[:, :, row : row + edge, column : column + edge])
            else:
                continue
            checked += 1
        assert checked, f"the golden file holds nothing of {name}"


def statistics(picture: Tensor) -> Tensor:
    """Rows mean, unbiased std, min, max per channel of (B, C, H, W), over batch and space."""
    flat = picture.transpose(0, 1).flatten(1)
    return torch.stack((flat.mean(1), flat.std(1), flat.amin(1), flat.amax(1)))


def with_gain(generator: Generator, prefix: str) -> Generator:
    """Stand-in weights at a gain that lets the codes depend on the picture: the goldens' README describes the step."""
    fill(generator, prefix)
    skipped = ("direction_lipnonlip.", "direction_exp.", "dec.fineadainresblock.")
    with torch.no_grad():
        for name, parameter in generator.named_parameters():
            if name.endswith(".weight") and not name.startswith(skipped) and ".noise." not in name:
                parameter.mul_(math.sqrt(math.prod(parameter.shape[1:])))
        generator.dec.to_rgbs[-1].bias.sub_(1.6)  # type: ignore[operator,union-attr]
    return generator.eval()


@functools.lru_cache(maxsize=1)
def generator() -> Generator:
    return with_gain(Generator(), "gen.")


@functools.lru_cache(maxsize=1)
def lip_pose_generator() -> Generator:
    return with_gain(Generator(expression=False), "lip_pose.")


@functools.lru_cache(maxsize=1)
def connector() -> Connector:
    network = Connector()
    fill(network, "connector.")
    return network.eval()


@functools.lru_cache(maxsize=1)
def audio2lip() -> Audio2Lip:
    network = Audio2Lip()
    fill(network, "audio2lip.")
    return network.eval()


def tiny_generator(**changes: Any) -> Generator:
    """A generator of 32 px that runs in milliseconds; its weights depend on their names only."""
    settings: dict[str, Any] = {"size": 32, "style": 40, "channels": {4: 16, 8: 16, 16: 12, 32: 8}}
    return with_gain(Generator(**{**settings, **changes}), "tiny.")
