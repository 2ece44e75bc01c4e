"""The shipped goldens: this machine reproduces them, and a wrong number turns the line red with a cure."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import bench
from evaluators.selftest import checks
from evaluators.selftest.checks import CHECKS, DATA, ReferenceCheck
from harness.errors import MissingError
from networks.files import shipped


@pytest.mark.slow
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.measure.__name__)
def test_this_machine_reproduces_the_reference(check: ReferenceCheck) -> None:
    finding = checks.run(check)
    assert finding.status == "ok", finding.what
    line = r"this machine reproduces the reference within \S+( \w+)? \(tolerance \S+( \w+)?\): .+"
    assert re.fullmatch(line, finding.what)


@pytest.mark.parametrize("error", [1.0, float("nan"), float("inf")])
def test_a_wrong_number_is_red_and_says_how_wrong(error: float) -> None:
    finding = checks.run(ReferenceCheck("a thing", 1e-3, lambda: error, " px"))
    assert finding.status == "bad"
    assert finding.cure
    assert "tolerance 1e-03 px" in finding.what


def test_what_cannot_be_computed_is_red_not_a_crash() -> None:
    def missing() -> float:
        raise MissingError("No detector.", "Install it.")

    finding = checks.run(ReferenceCheck("a thing", 1.0, missing))
    assert finding.status == "bad"
    assert "No detector." in finding.what


def test_a_changed_golden_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    held = dict(checks.reference())
    held["mfcc"] = np.asarray(held["mfcc"], np.float64) + 1e-6
    held["psnr"] = np.asarray(held["psnr"], np.float64) + 1e-6
    monkeypatch.setattr(checks, "reference", lambda: held)
    states = {check.measure.__name__: checks.run(check).status for check in CHECKS[:4]}
    assert states == {"_mfcc": "bad", "_sync_scores": "ok", "_frechet": "ok", "_pixels": "bad"}


def test_the_shipped_data_is_small() -> None:
    assert sum(path.stat().st_size for path in DATA.iterdir()) < 400_000


def test_doctor_tells_a_cut_demo_file_and_an_unpublished_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cut = tmp_path / "emotion.safetensors"
    cut.write_bytes(shipped.place("emotion").read_bytes()[:5000])
    assert checks.shipped().status == "ok"
    monkeypatch.setattr(shipped, "FOLDER", tmp_path)
    (tmp_path / "fan.pth").write_bytes(b"anything")
    monkeypatch.setenv("CMET_BENCH_WEIGHTS_EMOTION_FAN_EAT", str(tmp_path / "fan.pth"))
    (tmp_path / "syncnet.model").write_bytes(b"random")
    monkeypatch.setenv("CMET_BENCH_WEIGHTS_SYNCNET", str(tmp_path / "syncnet.model"))
    monkeypatch.setattr(checks, "CHECKS", ())
    assert bench.main(["doctor"]) == 5
    out = capsys.readouterr().out
    assert re.search(r"BAD +The demo weights .*emotion.safetensors are damaged.*→ +Type: git checkout", out)
    assert re.search(r"note +weights 'emotion-fan-eat' are here \(not seen before\); no hash is published", out)
    assert re.search(r"BAD .*syncnet\.model is not the published syncnet_v2\.model.*weights fetch syncnet", out)
