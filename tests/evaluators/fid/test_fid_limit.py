"""FID∞: Gaussians of known distance, its error, what it refuses, and its own place in a summary."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from evaluators import protocol
from evaluators.fid.clip import packed
from evaluators.fid.fid import Fid, frechet
from evaluators.fid.limit import clips_needed, extrapolated, interval
from harness.errors import UsageError
from harness.records import Scored, SummaryRow
from harness.signature import Signature
from harness.store import RunStore
from harness.summary import summarise
from reports import latex
from reports.load import load_run
from tests.face_samples import sample

Array = npt.NDArray[np.floating[Any]]
Clips = list[npt.NDArray[np.float32]]
_WIDTH, _CLIPS, _WORLDS = 24, 72, 8
_ROOTS = np.arange(1, _WIDTH + 1) ** -0.5  # standard deviations of one side; the other's are √1.5 of them
_SHIFT = 0.3 * _ROOTS


def _side(rng: np.random.Generator, count: int, roots: Array, mean: Array) -> Clips:
    """Clips of five frames that differ between clips as much as 1 and within by a half."""
    return [
        ((rng.standard_normal((1, _WIDTH)) + 0.5 * rng.standard_normal((5, _WIDTH))) * roots + mean).astype(np.float32)
        for _ in range(count)
    ]


def _world(seed: int, count: int = _CLIPS) -> tuple[Clips, Clips]:
    rng = np.random.default_rng(seed)
    return _side(rng, count, _ROOTS, 0 * _SHIFT), _side(rng, count, np.sqrt(1.5) * _ROOTS, _SHIFT)


def _truth() -> float:
    """Covariances that commute: |m|² + Σ (σ1 - σ2)²."""
    return float(np.square(_SHIFT).sum() + 1.25 * np.square((np.sqrt(1.5) - 1) * _ROOTS).sum())


def test_fid_is_biased_upwards_and_its_limit_is_the_truth_within_its_error() -> None:
    finite, limits, held, widths = [], [], [], []
    for seed in range(_WORLDS):
        clips, references = _world(seed)
        finite.append(frechet(np.concatenate(clips), np.concatenate(references)))
        limit = extrapolated(clips, references)
        assert limit.value is not None
        limits.append(limit.value)
        low, high = interval(clips, references, [str(k) for k in range(_CLIPS)], limit) or (np.nan, np.nan)
        held.append(low < _truth() < high)
        widths.append(high - low)
    assert min(finite) > 1.5 * _truth()
    assert abs(np.mean(limits) - _truth()) < 0.2 * (np.mean(finite) - _truth())
    assert sum(held) >= _WORLDS - 1
    assert np.mean(widths) < 2.2 * (np.mean(finite) - _truth())  # an interval that holds everything would say nothing
    assert all(limit < value for limit, value in zip(limits, finite, strict=True))


def test_two_samples_of_one_world_are_at_no_distance() -> None:
    rng = np.random.default_rng(5)
    clips, references = (_side(rng, _CLIPS, _ROOTS, 0 * _SHIFT) for _ in range(2))
    limit = extrapolated(clips, references)
    low, high = interval(clips, references, [str(k) for k in range(_CLIPS)], limit) or (np.nan, np.nan)
    assert low < 0 < high
    assert frechet(np.concatenate(clips), np.concatenate(references)) > high


def test_too_few_clips_are_refused_by_the_width_of_the_features_not_by_frames() -> None:
    clips, references = _world(0, 30)
    assert 30 < clips_needed(clips, references) < 2 * _WIDTH + 1
    assert extrapolated(clips, references).value is None
    longer = [np.repeat(part, 50, axis=0) for part in clips], [np.repeat(part, 50, axis=0) for part in references]
    assert extrapolated(*longer).value is None  # 1500 frames of 30 clips are still 30 clips
    narrow = np.array([1.0, 1.0, *np.full(_WIDTH - 2, 1e-6)], np.float32)
    assert extrapolated([part * narrow for part in clips], [part * narrow for part in references]).value is not None
    assert extrapolated(clips[:19], references[:19]).value is None
    assert extrapolated([], []).value is None


def test_an_interval_by_people_counts_people() -> None:
    clips, references = _world(1)
    limit = extrapolated(clips, references)
    for k in range(0, _CLIPS, 12):  # one in six people looks different
        clips[k : k + 2] = [part + np.float32(1.0) for part in clips[k : k + 2]]
    people = [f"p{k // 12}" for k in range(_CLIPS)]
    assert interval(clips, references, ["one"] * _CLIPS, limit) is None
    assert interval(clips, references, people, limit) is not None


def test_the_metric_has_its_own_signature_and_lets_fid_alone() -> None:
    plain, judge = Fid({}, "cpu"), Fid({"limit": "inf"}, "cpu")
    assert [facts.name for facts in plain.metrics] == ["fid"]
    assert [facts.name for facts in judge.metrics] == ["fid", "fid_inf"]
    assert str(judge.signature("fid")) == str(plain.signature("fid"))
    line = judge.signature("fid_inf")
    assert "|agg:pool|inf:line-in-1/clips|need:2clips/dir|" in str(line)
    assert Signature.parse(str(line)) == line
    with pytest.raises(UsageError, match="Did you mean 'inf'"):
        Fid({"limit": "inff"}, "cpu")
    standard = [facts.name for one in protocol.build(protocol.read("standard"), "cpu") for facts in one.metrics]
    assert standard[standard.index("fid") + 1] == "fid_inf"


def _summary(folder: Path, count: int) -> dict[str, SummaryRow]:
    judge = Fid({"limit": "inf"}, "cpu")
    lines = [(judge, facts.name, str(judge.signature(facts.name))) for facts in judge.metrics]
    with RunStore(folder) as store:
        store.set_meta("asked", {"methods": ["cmet"]})
        for k, (clip, reference) in enumerate(zip(*_world(0, count), strict=True)):
            one = replace(sample("happy"), id=f"{k:02d}", identity=f"p{k % 6}")
            store.add_samples([one])
            size = {"clip_size": (64, 64), "reference_size": (64, 64)}
            kept = packed(clip=clip, reference=reference, **size)
            rows = [Scored(m, None, line, kept if m == "fid" else b"", ("pooled",)) for _, m, line in lines]
            store.put_rows(one.dataset, "cmet", one.id, rows)
        store.set_meta("metrics", {})
        store.set_summary(*summarise(store, lines, 0))
    return {row.metric: row for row in load_run(folder).summary}


def test_a_summary_has_both_numbers_from_features_that_are_stored_once(tmp_path: Path) -> None:
    found = _summary(tmp_path, _CLIPS)
    fid, limit = found["fid"], found["fid_inf"]
    assert fid.value is not None
    assert limit.value is not None
    assert limit.value == extrapolated(*_world(0)).value
    assert limit.low is not None
    assert limit.high is not None
    assert limit.low < limit.value < limit.high < fid.value
    assert limit.cluster_low is not None
    assert (limit.n_scored, limit.n_expected) == (_CLIPS, _CLIPS)
    assert f"|n1:{5 * _CLIPS}|n2:{5 * _CLIPS}|" in fid.signature
    assert "|n1:" not in limit.signature
    assert "|res:64x64/64x64|" in limit.signature


def test_a_refusal_stands_in_the_summary_with_its_reason(tmp_path: Path) -> None:
    limit = _summary(tmp_path, 25)["fid_inf"]
    assert (limit.value, limit.low, limit.high) == (None, None, None)
    assert limit.note.startswith("refused: 25 clips; ")


def test_latex_has_the_sign() -> None:
    assert latex.escape("FID∞") == r"FID$\infty$"
