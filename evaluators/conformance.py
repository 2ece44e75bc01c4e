"""This module runs the contract test on a metric of one's own: `bench.py list --check my.py:Class`.

It judges a few short clips and tests, in words, the properties that the pass, the summary and the gate rely on
(harness/evaluator.py).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from evaluators import EVALUATORS, protocol
from evaluators.judge import chunks, opened, rows_of
from evaluators.packing import unpack
from harness import registry
from harness.checks import Check
from harness.errors import UsageError
from harness.evaluator import Evaluator, MetricFacts, Statistics
from harness.guard import Crash, attempt
from harness.media import VideoReader, VideoWriter
from harness.reasons import REASONS
from harness.records import Clip, Row, Sample, Scored, Unscored
from harness.signature import Signature

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_SIZES = (32, 7)  # frames a chunk
_CLOSE = 1e-6  # relative: chunks of another size may round otherwise


@dataclass(frozen=True)
class Seen:
    """Holds a clip that is judged: its sample, and its file."""

    sample: Sample
    path: Path


def checks(spec: str, clips: Sequence[Seen], folder: Path) -> Iterator[Check]:
    """Yields one check after another, until one fails that the others need.

    spec: a name of the registry, or my.py:Class. clips: at least two, with sound and a frame-aligned reference; folder:
    where clips without sound and without a face are written. Raises UsageError for a judge that cannot be built.
    """
    asked = protocol.single(spec, {})
    (judge,) = protocol.build(asked, "cpu")
    yield from _facts(judge, registry.is_file_spec(spec))
    yield from _signatures(judge, protocol.build(asked, "cpu")[0])
    yield _settings(spec)
    lacks = judge.missing()
    if lacks:
        yield Check("weights and tools are here", None, "; ".join(map(str, lacks)))
        return
    loaded = attempt(judge.load)
    if isinstance(loaded, Crash):
        yield Check("loads", False, loaded.reason)
        return
    yield from _judged(judge, clips, folder)


def _facts(judge: Evaluator, own: bool) -> Iterator[Check]:
    names = [facts.name for facts in judge.metrics]
    good = all(_NAME.fullmatch(name) for name in names) and len(set(names)) == len(names) > 0
    yield Check(f"metrics have names of {_NAME.pattern}, each once", good, ", ".join(names))
    wrong = [facts.name for facts in judge.metrics if not (facts.title and facts.low < facts.high)]
    yield Check("each has a title and a range", not wrong, ", ".join(wrong))
    taken = {facts.name for name in EVALUATORS.values() for facts in registry.load(name).metrics} if own else set()
    yield Check("no name is that of a metric of ours", not taken & set(names), ", ".join(sorted(taken & set(names))))


def _signatures(judge: Evaluator, again: Evaluator) -> Iterator[Check]:
    lines = {facts.name: str(judge.signature(facts.name)) for facts in judge.metrics}
    for name, line in lines.items():
        same = line == str(again.signature(name)) and str(Signature.parse(line)) == line
        yield Check(f"{name} has one signature", same and line.startswith(f"{name}|"), line)


def _settings(spec: str) -> Check:
    title = "refuses a setting that it does not know"
    try:
        protocol.build(protocol.single(spec, {"no_such_setting": "1"}), "cpu")
    except UsageError as error:
        return Check(title, True, error.what)
    return Check(title, False, "'no_such_setting' was taken: a misspelt setting must not become a default")


def _judged(judge: Evaluator, clips: Sequence[Seen], folder: Path) -> Iterator[Check]:
    """The checks on the rows of clips."""
    first = _rows(judge, clips[0], _SIZES[0])
    if isinstance(first, Crash):
        yield Check("judges a clip", False, first.reason)
        return
    yield from _complete(judge, first)
    other = _rows(judge, clips[0], _SIZES[1])
    yield Check("chunks of another size change nothing", not isinstance(other, Crash) and _alike(first, other))
    rows = [first, *(more for seen in clips[1:] if not isinstance(more := _rows(judge, seen, _SIZES[0]), Crash))]
    for facts in judge.metrics:
        yield from _combined(judge, facts, [_of(more, facts.name) for more in rows])
    yield from _survives(judge, clips[0], folder)


def _rows(judge: Evaluator, seen: Seen, size: int) -> list[Row] | Crash:
    def judged() -> list[Row]:
        reader, context = opened(seen.sample, Clip(seen.path, seen.sample.frames, 0, 0, "none"), size)
        return rows_of(judge, context, chunks(reader))

    return attempt(judged)


def _of(rows: Sequence[Row], metric: str) -> Row:
    return next(row for row in rows if row.metric == metric)


def _complete(judge: Evaluator, rows: Sequence[Row]) -> Iterator[Check]:
    names = [facts.name for facts in judge.metrics]
    yield Check("gives one row of each metric", sorted(row.metric for row in rows) == sorted(names))
    for row in rows:
        facts = judge.facts(row.metric)
        lines = row.signature == str(judge.signature(row.metric))
        yield Check(f"{row.metric}: the row has its signature", lines, "" if lines else row.signature)
        if isinstance(row, Unscored):
            yield Check(f"{row.metric}: measures a clip", False if row.reason == "crashed" else None, _why(row))
        elif facts.pooled:
            yield Check(f"{row.metric}: only the set has a value", row.value is None and bool(row.statistics))
        else:
            inside = row.value is not None and facts.low <= row.value <= facts.high
            yield Check(f"{row.metric}: the value is a number of its range", inside, str(row.value))


def _why(row: Unscored) -> str:
    known = "" if row.reason in REASONS else " (no reason code of ours)"
    return f"{row.reason}{known}: {row.detail}".rstrip(": ")


def _alike(first: Sequence[Row], other: Sequence[Row]) -> bool:
    for one, two in zip(first, other, strict=True):
        values = [row.value if isinstance(row, Scored) else row.reason for row in (one, two)]
        a, b = values
        close = isinstance(a, float) and isinstance(b, float) and math.isclose(a, b, rel_tol=_CLOSE, abs_tol=1e-12)
        if a != b and not close:
            return False
    return True


def _combined(judge: Evaluator, facts: MetricFacts, rows: Sequence[Row]) -> Iterator[Check]:
    """The checks on the score that `combine` makes of the clips that have a number."""
    scored = [row for row in rows if isinstance(row, Scored)]
    if not scored:
        return
    kept: list[Statistics] = [unpack(r.statistics) if r.statistics else {"value": np.array([r.value])} for r in scored]
    score = attempt(lambda: (judge.combine(facts.name, kept), judge.combine(facts.name, kept[::-1])))
    if isinstance(score, Crash):
        yield Check(f"{facts.name}: combine takes what rows keep", False, score.reason)
        return
    yield Check(f"{facts.name}: the order of clips does not matter", _same(*score), f"{score[0]:.6g}")
    if facts.aggregation == "mean":
        mean = float(np.mean([row.value or 0.0 for row in scored]))
        detail = f"mean {mean:.6g}, score {score[0]:.6g}; if they differ, declare aggregation weighted or pooled"
        yield Check(f"{facts.name}: the score is the mean of the clips' values", _same(mean, score[0]), detail)


def _same(a: float, b: float) -> bool:
    return math.isclose(a, b, rel_tol=_CLOSE, abs_tol=1e-12) or (math.isnan(a) and math.isnan(b))


def _survives(judge: Evaluator, seen: Seen, folder: Path) -> Iterator[Check]:
    """Clips that lack something end as rows with a reason, or as numbers; never as a failure."""
    frames = np.concatenate(list(VideoReader(seen.path)))
    bare = replace(seen.sample, reference_video=None, reference_aligned=False)
    cases = {
        "without sound": (seen.sample, frames),
        "of one frame": (seen.sample, frames[:1]),
        "without a face": (seen.sample, np.full_like(frames, 128)),
        "without a reference": (bare, frames),
    }
    for name, (sample, pictures) in cases.items():
        path = folder / f"{name.replace(' ', '_')}.mp4"
        with VideoWriter(path, pictures.shape[2], pictures.shape[1]) as writer:
            for frame in pictures:
                writer.write(frame)
        rows = _rows(judge, Seen(replace(sample, frames=len(pictures)), path), _SIZES[0])
        if isinstance(rows, Crash):
            yield Check(f"survives a clip {name}", False, rows.reason)
            continue
        yield Check(f"survives a clip {name}", True, "; ".join(_ended(row) for row in rows))


def _ended(row: Row) -> str:
    return f"{row.metric} {row.value}" if isinstance(row, Scored) else f"{row.metric} {row.reason}"
