"""What the tests of the contestant EAT share: networks of small widths with their files."""

from __future__ import annotations

from typing import Any

import pytest

from baselines.eat.seeded_checkpoint import stand_in, write
from harness import weights
from networks.eat.networks import EatNetworks
from tests.small_eat import GRAPH_WIDTH, SMALL


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
