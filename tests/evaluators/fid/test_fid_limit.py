"""FID∞: Gaussians of known distance, the published line, what is refused, and its own place in a summary."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from evaluators import protocol
from evaluators.fid.fid import Fid, frechet
from evaluators.fid.limit import LEAST_FRAMES, extrapolated
from evaluators.fid.pool import packed
from harness.errors import UsageError
from harness.records import Scored, SummaryRow
from harness.signature import Signature
from harness.store import RunStore
from harness.summary import summarise
from reports.load import load_run
from reports.paper.characters import escape
from tests.face_samples import sample

Array = npt.NDArray[np.floating[Any]]
_WIDTH = 32
_ROOTS = np.arange(1, _WIDTH + 1) ** -0.5  # standard deviations of one side; the other's are √1.02 of them
_SHIFT = 0.02 * _ROOTS
#: Covariances that commute: |m|² + Σ (σ1 - σ2)².
_TRUTH = float(np.square(_SHIFT).sum() + np.square((np.sqrt(1.02) - 1) * _ROOTS).sum())


def _world(seed: int, count: int = LEAST_FRAMES, references: int = 40_000) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    first = rng.standard_normal((count, _WIDTH), dtype=np.float32) * _ROOTS
    second = rng.standard_normal((references, _WIDTH), dtype=np.float32) * np.sqrt(1.02) * _ROOTS + _SHIFT
    return first.astype(np.float32), second.astype(np.float32)


@pytest.mark.slow
def test_fid_is_biased_upwards_and_its_limit_is_hardly() -> None:
    worlds = [_world(seed) for seed in range(4)]
    finite, limits = [frechet(*one) for one in worlds], [extrapolated(*one) for one in worlds]
    assert min(finite) > 1.5 * _TRUTH
    assert abs(np.mean(limits) - _TRUTH) < 0.35 * (np.mean(finite) - _TRUTH)


@pytest.mark.slow
def test_the_line_is_the_published_one() -> None:
    """15 even steps from 5000 to all, each against the whole reference, least squares in 1/n, at 1/n = 0."""
    clip, reference = _world(7, LEAST_FRAMES + 3)
    rng, sizes = np.random.default_rng(0), np.linspace(5000, len(clip), 15).astype(int)
    values = np.array([frechet(clip[rng.permutation(len(clip))[:size]], reference) for size in sizes])
    slope, at_zero = np.linalg.lstsq(np.stack([1 / sizes, np.ones(15)], axis=1), values, rcond=None)[0]
    assert slope > 0
    assert extrapolated(clip, reference) == pytest.approx(at_zero, rel=1e-6)


def test_too_few_frames_of_either_side_are_refused() -> None:
    clip, reference = _world(0)
    assert np.isnan(extrapolated(clip[:-1], reference))
    assert np.isnan(extrapolated(clip, reference[: LEAST_FRAMES - 1]))
    assert np.isnan(extrapolated(np.zeros((0, 0)), np.zeros((0, 0))))


def test_the_metric_has_its_own_signature_and_lets_fid_alone() -> None:
    plain, judge = Fid({}, "cpu"), Fid({"limit": "inf"}, "cpu")
    assert [facts.name for facts in plain.metrics] == ["fid"]
    assert [facts.name for facts in judge.metrics] == ["fid", "fid_inf"]
    assert str(judge.signature("fid")) == str(plain.signature("fid"))
    line = judge.signature("fid_inf")
    assert "|agg:pool|inf:line-15x5000-to-n|need:10000|" in str(line)
    assert str(line).endswith("|v:2")
    assert Signature.parse(str(line)) == line
    with pytest.raises(UsageError, match="Did you mean 'inf'"):
        Fid({"limit": "inff"}, "cpu")
    standard = [facts.name for one in protocol.build(protocol.read("standard"), "cpu") for facts in one.metrics]
    assert standard[standard.index("fid") + 1] == "fid_inf"


def _summary(folder: Path, frames: int) -> dict[str, SummaryRow]:
    """The summary of 20 clips with that many frames in all, of the first four features."""
    judge = Fid({"limit": "inf"}, "cpu")
    lines = [(judge, facts.name, str(judge.signature(facts.name))) for facts in judge.metrics]
    with RunStore(folder) as store:
        store.set_meta("asked", {"methods": ["cmet"]})
        for k, parts in enumerate(zip(*(np.split(side[:, :4], 20) for side in _world(0, frames, frames)), strict=True)):
            one = replace(sample("happy"), id=f"{k:02d}", identity=f"p{k % 6}")
            store.add_samples([one])
            size = {"clip_size": (64, 64), "reference_size": (64, 64)}
            kept = packed(clip=parts[0], reference=parts[1], **size)
            rows = [Scored(m, None, line, kept if m == "fid" else b"", ("pooled",)) for _, m, line in lines]
            store.put_rows(one.dataset, "cmet", one.id, rows)
        store.set_meta("metrics", {})
        store.set_summary(*summarise(store, lines))
    return {row.metric: row for row in load_run(folder).summary}


@pytest.mark.slow
def test_a_summary_has_both_numbers_from_features_that_are_stored_once(tmp_path: Path) -> None:
    found = _summary(tmp_path, LEAST_FRAMES)
    fid, limit = found["fid"], found["fid_inf"]
    assert fid.value is not None
    assert limit.value == extrapolated(*(side[:, :4] for side in _world(0, LEAST_FRAMES, LEAST_FRAMES)))
    assert limit.value < fid.value
    assert (limit.low, limit.clip_low) == (None, None)
    assert (limit.n_scored, limit.n_expected) == (20, 20)
    assert f"|n1:{LEAST_FRAMES}|n2:{LEAST_FRAMES}|" in fid.signature
    assert f"|n2:{LEAST_FRAMES}|" in limit.signature
    assert "|n1:" not in limit.signature
    assert "|res:64x64/64x64|" in limit.signature


def test_a_refusal_stands_in_the_summary_with_its_reason(tmp_path: Path) -> None:
    limit = _summary(tmp_path, 100)["fid_inf"]
    assert (limit.value, limit.low, limit.high) == (None, None, None)
    assert limit.note == "refused: 100/100 frames; 10000 are needed for a line in 1/frames"


def test_latex_has_the_sign() -> None:
    assert escape("FID∞") == r"FID$\infty$"
