"""A response curve shows how a metric answers known corruption: each must answer where it should, and only there.

`measure` writes corrupted clips and has them judged; everything after it is pure. A curve is the metric's value at each
strength with a bootstrap interval over clips; its change is against the same clips uncorrupted, written by the same
encoder. Verdicts follow evaluators.calibration.expectations.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from evaluators.calibration.corruption import Corruption, Donors, Take, corrupted, possible
from evaluators.calibration.score import Floats, Score
from harness.errors import MediaError
from harness.evaluator import Column, Panel
from harness.media import VideoReader, VideoWriter, read_audio
from harness.records import FPS, SAMPLES_PER_FRAME, Clip, Row, Sample, Scored
from harness.seeds import seed_for

UNCORRUPTED = "none"
_LEVEL = (0.025, 0.975)
_UNKNOWN = (None, None, None, None)

Interval = tuple[float | None, float | None, float | None, float | None]


@dataclass(frozen=True)
class Subject:
    """Holds one ground-truth clip: the sample it is judged as, the clip in memory, and the donors of swapped parts."""

    sample: Sample
    take: Take
    donors: Donors


@dataclass(frozen=True)
class Reading:
    """Holds the row of one metric for one clip under one corruption."""

    sample: str
    corruption: str
    strength: float
    row: Row


@dataclass(frozen=True)
class Point:
    """Holds one strength of a curve. `change` is value minus uncorrupted value over the clips that have both."""

    strength: float
    value: float | None
    low: float | None
    high: float | None
    change: float | None
    change_low: float | None
    change_high: float | None
    n_scored: int
    n_expected: int
    reasons: Mapping[str, int]  # why clips are missing


@dataclass(frozen=True)
class Curve:
    """Holds the response of one metric to one corruption, strengths ascending, the uncorrupted one among them."""

    metric: str
    corruption: str
    points: tuple[Point, ...]


def read_take(path: Path, limit: int) -> Take:
    """Returns the first `limit` frames of a clip, its sound as long as they last (silence where there is none).

    Sizes are cut to even ones, which the encoder needs. Raises MediaError.
    """
    reader = VideoReader(path, fps=float(FPS))
    sound = read_audio(path).samples if reader.info.has_audio else np.zeros(0, dtype=np.float32)
    chunks: list[npt.NDArray[np.uint8]] = []
    for chunk in reader:
        chunks.append(chunk[:, : chunk.shape[1] // 2 * 2, : chunk.shape[2] // 2 * 2])
        if sum(map(len, chunks)) >= limit:
            break
    if not chunks:
        raise MediaError(f"'{path}' has no frames.", "Leave it out.", reason="empty")
    frames = np.concatenate(chunks)[:limit]
    wanted = len(frames) * SAMPLES_PER_FRAME
    return Take(frames, np.pad(sound[:wanted], (0, max(0, wanted - len(sound)))))


def plan(corruptions: Sequence[Corruption], donors: Donors) -> list[tuple[str, Corruption | None, float]]:
    """Returns (name, corruption, strength) of every clip to be written for one subject; the uncorrupted one first."""
    steps: list[tuple[str, Corruption | None, float]] = [(UNCORRUPTED, None, 0.0)]
    return steps + [(d.name, d, s) for d in corruptions if possible(d, donors) for s in d.strengths]


def measure(
    subject: Subject,
    corruptions: Sequence[Corruption],
    judge: Panel,
    seed: int,
    step: Callable[[str], None] = lambda note: None,
) -> list[Reading]:
    """Returns the readings of every metric of `judge` on one clip under every corruption; clips are temporary files.

    The same encoder writes the uncorrupted clip, so that a curve shows the corruption and not the codec. The ground
    truth that metrics with a reference compare with is the clip itself, losslessly.
    """
    readings = []
    with tempfile.TemporaryDirectory(prefix="cmet-bench-calibrate-") as folder:
        reference = Path(folder) / "reference.mp4"
        _written(subject.take, reference, lossless=True)
        sample = replace(
            subject.sample, frames=len(subject.take.frames), reference_video=reference, reference_aligned=True
        )
        for name, corruption, strength in plan(corruptions, subject.donors):
            rng = np.random.default_rng(seed_for(seed, "damage", subject.sample.id, name, str(strength)))
            take = corrupted(subject.take, corruption, strength, subject.donors, rng) if corruption else subject.take
            clip = _written(take, Path(folder) / "clip.mp4")
            readings += [Reading(sample.id, name, strength, row) for row in judge.rows(sample, clip, frozenset())]
            step(f"{sample.id} {name} {strength:g}")
    return readings


def _written(take: Take, path: Path, lossless: bool = False) -> Clip:
    height, width = take.frames.shape[1:3]
    with VideoWriter(path, width, height, audio=take.sound, lossless=lossless) as writer:
        for frame in take.frames:
            writer.write(frame)
    return Clip(path, len(take.frames), height, width, "none")


def curves(
    readings: Iterable[Reading], columns: Sequence[Column], corruptions: Sequence[Corruption], seed: int
) -> list[tuple[str, Curve]]:
    """Returns (signature, curve) of every measured column and corruption. `columns` as Judge.columns gives them."""
    rows: dict[tuple[str, str, str], dict[float, dict[str, Row]]] = {}
    for reading in readings:
        key = (reading.row.metric, reading.row.signature, reading.corruption)
        rows.setdefault(key, {}).setdefault(reading.strength, {})[reading.sample] = reading.row
    measured = []
    for evaluator, metric, signature in columns:
        if evaluator.facts(metric).of:  # FID∞ moves with the metric that it is made from
            continue
        score = Score(evaluator, metric, seed_for(seed, "curve", signature))
        base = rows.get((metric, signature, UNCORRUPTED), {}).get(0.0, {})
        for corruption in corruptions:
            steps = rows.get((metric, signature, corruption.name))
            if steps and base:
                measured.append((signature, _curve(score, metric, corruption, base, steps)))
    return measured


def _curve(
    score: Score, metric: str, corruption: Corruption, base: Mapping[str, Row], steps: Mapping[float, Mapping[str, Row]]
) -> Curve:
    same = {sample: row for sample, row in base.items() if any(sample in rows for rows in steps.values())}
    every = {**steps, corruption.baseline: same}
    points = [_point(score, base, every[strength], strength) for strength in sorted(every)]
    return Curve(metric, corruption.name, tuple(points))


def _point(score: Score, base: Mapping[str, Row], rows: Mapping[str, Row], strength: float) -> Point:
    wanted = [row for row in rows.values() if isinstance(row, Scored) or row.reason != "not_applicable"]
    reasons = Counter(row.reason for row in wanted if not isinstance(row, Scored))
    pairs = {
        sample: (row, uncorrupted)
        for sample, row in sorted(rows.items())
        if isinstance(row, Scored) and isinstance(uncorrupted := base.get(sample), Scored)
    }
    value, before, table = score.both(pairs) if pairs else (np.nan, np.nan, np.zeros((0, 2)))
    if not np.isfinite(value):
        return Point(strength, None, None, None, None, None, None, 0, len(wanted), dict(reasons))
    low, high, less, more = _intervals(score, value, table) if len(pairs) > 1 else _UNKNOWN
    return Point(
        strength, value, low, high, _finite(value - before), less, more, len(pairs), len(wanted), dict(reasons)
    )


def _intervals(score: Score, value: float, table: Floats) -> Interval:
    """95 % intervals from draws of score and change: value low, high, change low, high.

    Repeated clips bias a pooled score (FID); in the change the bias is on both sides, and the interval of the value
    is reflected about the estimate (basic bootstrap).
    """
    if len(table) < 2:
        return _UNKNOWN
    (low, high), (less, more) = (np.quantile(table[:, k], _LEVEL) for k in (0, 1))
    if score.pooled:
        limits = score.facts.low, score.facts.high  # a reflected interval may leave the possible range
        low, high = (float(np.clip(2 * value - end, *limits)) for end in (high, low))
    return float(low), float(high), float(less), float(more)


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
