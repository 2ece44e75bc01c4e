"""Fixtures of the whole suite: where the project's shared material is, and a quiet single-threaded torch."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.places import ROOT

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real clips, features and goldens that lies beside the checkout; skips where it is absent."""
    path = ROOT.parent / "shared"
    if not (path / "golden").is_dir():
        pytest.skip(f"{path} is absent: this test needs the project's shared goldens and real clips")
    return path


@pytest.fixture(autouse=True)
def private_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes the user's cache."""
    monkeypatch.setenv("CMET_BENCH_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
