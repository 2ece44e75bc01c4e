"""E-FID, AED and APD from coefficients beside the clips: values, refusals, what the signature says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evaluators.coefficients.coefficients import FaceCoefficients, beside
from evaluators.fid.distance import frechet
from evaluators.packing import unpack
from harness.errors import UsageError
from harness.evaluator import ClipContext
from harness.records import Row, Scored, Unscored
from tests.reference_pairs import context, film, judged

SETTINGS = {"source": "deep3d-2019", "expression": "0:4", "pose": "4:7"}


def _given(folder: Path, clip: np.ndarray, reference: np.ndarray, aligned: bool = True) -> ClipContext:
    given = context(folder, film(len(clip)), film(len(reference)), aligned)
    assert given.sample.reference_video is not None
    np.save(beside(given.path), clip)
    np.save(beside(given.sample.reference_video), reference)
    return given


def _rows(given: ClipContext, settings: dict[str, str] = SETTINGS) -> dict[str, Row]:
    return {row.metric: row for row in judged(FaceCoefficients(settings, "cpu"), given)}


def _random(frames: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(frames, 7))


def test_the_three_numbers(tmp_path: Path) -> None:
    clip, truth = _random(9, 0), _random(9, 1)
    clip[2] = np.nan
    rows = _rows(_given(tmp_path, clip, truth))
    kept = np.arange(9) != 2
    assert rows["aed"].value == pytest.approx(np.abs(clip[kept, :4] - truth[kept, :4]).mean())  # type: ignore[union-attr]
    assert rows["apd"].value == pytest.approx(np.abs(clip[kept, 4:] - truth[kept, 4:]).mean())  # type: ignore[union-attr]
    pooled = rows["efid"]
    assert isinstance(pooled, Scored)
    assert "frames_left_out" in pooled.notes
    judge, statistics = FaceCoefficients(SETTINGS, "cpu"), unpack(pooled.statistics)
    wanted = frechet(clip[kept, :4].astype(np.float32), truth[:, :4].astype(np.float32))
    assert judge.combine("efid", [statistics]) == pytest.approx(wanted)
    line = str(judge.measured("efid", [statistics]))
    assert line.startswith("efid|source:deep3d-2019|cols:0:4|")
    assert "|dim:4|n1:8|n2:9|cov:n-1|" in line
    assert judge.combine("efid", [{"clip": statistics["clip"], "reference": statistics["clip"]}]) == 0.0


def test_frames_that_are_not_aligned_cost_the_paired_numbers_alone(tmp_path: Path) -> None:
    rows = _rows(_given(tmp_path, _random(8, 0), _random(11, 1), aligned=False))
    assert {metric: getattr(row, "reason", "") for metric, row in rows.items()} == {
        "efid": "",
        "aed": "not_aligned",
        "apd": "not_aligned",
    }


def test_only_what_has_columns_is_measured() -> None:
    names = [facts.name for facts in FaceCoefficients({"source": "a", "pose": "0:3"}, "cpu").metrics]
    assert names == ["efid", "apd"]


@pytest.mark.parametrize(
    ("saved", "reason"),
    [
        (None, "tool_missing"),
        (np.zeros((5, 7)), "length_mismatch"),
        (np.zeros((8, 5)), "length_mismatch"),
        (b"x", "unreadable"),
    ],
)
def test_what_cannot_be_read_is_a_row_with_its_reason(tmp_path: Path, saved: Any, reason: str) -> None:
    given = _given(tmp_path, _random(8, 0), _random(8, 1))
    file = beside(given.path)
    file.unlink()
    if isinstance(saved, bytes):
        file.write_bytes(saved)
    elif saved is not None:
        np.save(file, saved)
    for row in _rows(given).values():
        assert isinstance(row, Unscored)
        assert row.reason == reason
        assert str(file) in row.detail


@pytest.mark.parametrize("settings", [{}, {"source": "a|b"}, *({"source": "a", "pose": text} for text in ("3", "4:2"))])
def test_what_cannot_be_meant_is_refused(settings: dict[str, str]) -> None:
    with pytest.raises(UsageError):
        FaceCoefficients(settings, "cpu")
