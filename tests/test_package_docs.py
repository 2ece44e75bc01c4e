"""What packages teach in their docstrings is true: their examples run."""

from __future__ import annotations

import doctest
import importlib

import pytest

TAUGHT = ("sync", "fid", "emotion", "identity", "full_reference", "extended", "faces", "calibration")


@pytest.mark.parametrize("family", TAUGHT)
def test_the_example_of_a_family_runs(family: str) -> None:
    module = importlib.import_module(f"evaluators.{family}")
    assert module.__doc__ is not None
    found = doctest.testmod(module, raise_on_error=False)
    assert found.attempted >= 2
    assert found.failed == 0
