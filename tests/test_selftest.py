"""The shipped goldens: this machine reproduces them, and a wrong number turns the line red with a cure."""

from __future__ import annotations

import re

import numpy as np
import pytest

from evaluators import selftest
from evaluators.selftest import CHECKS, DATA, Check
from harness.errors import MissingError


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.measure.__name__)
def test_this_machine_reproduces_the_reference(check: Check) -> None:
    finding = selftest.run(check)
    assert finding.status == "ok", finding.what
    line = r"this machine reproduces the reference within \S+( \w+)? \(tolerance \S+( \w+)?\): .+"
    assert re.fullmatch(line, finding.what)


@pytest.mark.parametrize("error", [1.0, float("nan"), float("inf")])
def test_a_wrong_number_is_red_and_says_how_wrong(error: float) -> None:
    finding = selftest.run(Check("a thing", 1e-3, lambda: error, " px"))
    assert finding.status == "bad"
    assert finding.cure
    assert "tolerance 1e-03 px" in finding.what


def test_what_cannot_be_computed_is_red_not_a_crash() -> None:
    def missing() -> float:
        raise MissingError("No detector.", "Install it.")

    finding = selftest.run(Check("a thing", 1.0, missing))
    assert finding.status == "bad"
    assert "No detector." in finding.what


def test_a_changed_golden_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    held = dict(selftest.reference())
    held["mfcc"] = np.asarray(held["mfcc"], np.float64) + 1e-6
    held["psnr"] = np.asarray(held["psnr"], np.float64) + 1e-6
    monkeypatch.setattr(selftest, "reference", lambda: held)
    states = {check.measure.__name__: selftest.run(check).status for check in CHECKS[:4]}
    assert states == {"_mfcc": "bad", "_sync_scores": "ok", "_frechet": "ok", "_pixels": "bad"}


def test_the_shipped_data_is_small() -> None:
    assert sum(path.stat().st_size for path in DATA.iterdir()) < 400_000
