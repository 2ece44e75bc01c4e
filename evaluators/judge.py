"""A clip is decoded once in one pass, which feeds every judge of the protocol, and every metric ends as a row."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from evaluators import protocol
from harness.errors import MediaError, MissingError
from harness.evaluator import NOT_APPLICABLE, Chunk, ClipContext, Column, Evaluator, Measurement, Refusal
from harness.guard import Crash, attempt
from harness.media import AudioTrack, VideoReader, read_audio
from harness.media.limits import check_duration
from harness.records import Clip, Failed, Row, Sample, Scored, Unscored

CHUNK_FRAMES = 32


@dataclass
class _JudgeRun:
    """Follows one judge through one clip; `problem` is set when it drops out."""

    evaluator: Evaluator
    measurement: Measurement | None = None
    problem: Refusal | None = None


class Judge:
    """Runs all judges that one protocol has for a dataset, loaded on first use and kept for the next clips.

    dataset: its name; "" takes every judge of the protocol, whatever it is for.
    """

    def __init__(self, asked: str | protocol.EvaluationProtocol, device: str, dataset: str = "") -> None:
        whole = protocol.read(asked) if isinstance(asked, str) else asked
        self.protocol = protocol.for_dataset(whole, dataset) if dataset else whole
        self.evaluators = protocol.build(self.protocol, device)
        self._ready: dict[int, Refusal | None] = {}

    def columns(self) -> list[Column]:
        """Returns (evaluator, metric name, signature line) of all that this protocol measures, each line once.

        Two judges may share a line (PSNR, where they differ in SSIM's window): the first one's counts.
        """
        columns: dict[str, Column] = {}
        for evaluator in self.evaluators:
            for facts in evaluator.metrics:
                line = str(evaluator.signature(facts.name))
                columns.setdefault(line, (evaluator, facts.name, line))
        return list(columns.values())

    def rows(
        self, sample: Sample, clip: Clip | Failed, finished: frozenset[tuple[str, str]] = frozenset()
    ) -> tuple[Row, ...]:
        """Returns one row per metric that is not in `finished` (pairs of metric and signature)."""
        open_judges = [e for e in self.evaluators if not _keys(e) <= finished]
        if isinstance(clip, Failed):
            code = clip.code or ("unsupported" if clip.kind == "unsupported" else "generation_failed")
            refusal = Refusal(code, clip.reason)
            return _once(_as_expected(e, row, sample) for e in open_judges for row in e.refused(refusal))
        rows = self._pass(sample, clip, open_judges)
        return _once(row for row in rows if (row.metric, row.signature) not in finished)

    def _pass(self, sample: Sample, clip: Clip, judges: Iterable[Evaluator]) -> list[Row]:
        runs = [_JudgeRun(evaluator, problem=self._load(evaluator)) for evaluator in judges]
        rows = self._judged(sample, clip, runs)
        return [
            _as_expected(run.evaluator, row, sample) for run, group in zip(runs, rows, strict=True) for row in group
        ]

    def _judged(self, sample: Sample, clip: Clip, runs: list[_JudgeRun]) -> list[list[Row]]:
        begun = time.monotonic()
        opening = attempt(lambda: opened(sample, clip, CHUNK_FRAMES))
        if isinstance(opening, Crash):
            return [run.evaluator.refused(Refusal(opening.code, opening.reason)) for run in runs]
        reader, context = opening
        for run in runs:
            self._try(run, lambda run=run: _start(run, context))  # type: ignore[misc]
        decoded = attempt(lambda: self._feed(reader, runs, begun))
        if isinstance(decoded, Crash):
            return [run.evaluator.refused(Refusal(decoded.code, decoded.reason)) for run in runs]
        return [self._finish(run) for run in runs]

    def _feed(self, reader: VideoReader, runs: list[_JudgeRun], begun: float) -> None:
        for chunk in chunks(reader):
            check_duration(reader.path, time.monotonic() - begun, chunk.first, reader.frames)
            for run in runs:
                self._try(run, lambda run=run, chunk=chunk: _feed(run, chunk))  # type: ignore[misc]

    def _finish(self, run: _JudgeRun) -> list[Row]:
        rows: list[Row] = []
        self._try(run, lambda: rows.extend(_finish(run)))
        if run.problem is not None:
            return run.evaluator.refused(run.problem)
        return rows

    def _try(self, run: _JudgeRun, work: Callable[[], None]) -> None:
        """One judge's failure is its own rows' reason and nobody else's."""
        if run.problem is not None:
            return
        outcome = attempt(work)
        if isinstance(outcome, Crash):
            run.problem = Refusal(outcome.code, outcome.detail or outcome.reason)

    def _load(self, evaluator: Evaluator) -> Refusal | None:
        key = id(evaluator)
        if key not in self._ready:
            self._ready[key] = _load(evaluator)
        return self._ready[key]


def opened(sample: Sample, clip: Clip, frames: int) -> tuple[VideoReader, ClipContext]:
    """Returns a reader of the clip in chunks of so many `frames`, and the facts known before them. Raises
    MediaError.
    """
    reader = VideoReader(clip.path, fps=25.0, chunk=frames)
    sound = _sound(clip.path) if reader.info.has_audio else None
    notes = tuple(dict.fromkeys((*reader.notes, *(sound.notes if sound else ()))))
    return reader, ClipContext(sample, clip.path, sound.samples if sound else None, notes, made=clip, reader=reader)


def chunks(reader: VideoReader) -> Iterator[Chunk]:
    """Yields the frames of a clip as judges are fed them."""
    first = 0
    for frames in reader:
        yield Chunk(first, frames, source=reader.source)
        first += len(frames)


def rows_of(evaluator: Evaluator, context: ClipContext, chunks: Iterable[Chunk]) -> list[Row]:
    """Returns the rows that one loaded judge gives of one clip."""
    run = _JudgeRun(evaluator)
    _start(run, context)
    for chunk in chunks if run.problem is None else ():
        _feed(run, chunk)
    return list(_finish(run)) if run.problem is None else evaluator.refused(run.problem)


def _sound(path: Path) -> AudioTrack | None:
    """The clip's sound; None for a stream without any, which is no reason to refuse the picture."""
    try:
        return read_audio(path)
    except MediaError as error:
        if error.reason != "no_audio":
            raise
        return None


def _once(rows: Iterable[Row]) -> tuple[Row, ...]:
    """The first row of each signature line: no clip may count twice."""
    first: dict[str, Row] = {}
    for row in rows:
        first.setdefault(row.signature, row)
    return tuple(first.values())


def _load(evaluator: Evaluator) -> Refusal | None:
    """None when the judge is ready, else why it is not."""
    missing = evaluator.missing()
    if missing:
        return Refusal("weights_missing", "\n".join(map(str, missing)))
    try:
        loaded = attempt(evaluator.load)
    except MissingError as error:
        return Refusal(getattr(error, "reason", "weights_missing"), str(error))
    if isinstance(loaded, Crash):
        return Refusal(loaded.code, loaded.detail or f"{loaded.reason} {loaded.cure}".strip())
    return None


def _start(run: _JudgeRun, context: ClipContext) -> None:
    begun = run.evaluator.start(context)
    if isinstance(begun, Refusal):
        run.problem = begun
    else:
        run.measurement = begun


def _feed(run: _JudgeRun, chunk: Chunk) -> None:
    assert run.measurement is not None
    run.measurement.feed(chunk)


def _finish(run: _JudgeRun) -> Iterable[Row]:
    assert run.measurement is not None
    result = run.measurement.finish()
    if isinstance(result, Refusal):
        return run.evaluator.refused(result)
    rows = [_finite(row) for row in result]
    given = {row.metric for row in rows}
    silent = Refusal("crashed", f"{type(run.evaluator).__name__} gave no row of this metric")
    return rows + [run.evaluator.unscored(m.name, silent) for m in run.evaluator.metrics if m.name not in given]


def _finite(row: Row) -> Row:
    """The row, or the reason in its place: no judge puts nan or inf into a mean, be it ours or the user's."""
    if not isinstance(row, Scored) or row.value is None or math.isfinite(row.value):
        return row
    return Unscored(row.metric, "not_finite", row.signature, f"the value is {row.value}")


def _keys(evaluator: Evaluator) -> frozenset[tuple[str, str]]:
    return frozenset((m.name, str(evaluator.signature(m.name))) for m in evaluator.metrics)


def _as_expected(evaluator: Evaluator, row: Row, sample: Sample) -> Row:
    """The row; where it lacks a value that nobody expects of this sample, `not_applicable` for every cause.

    Judges of a part of the emotions say so in `applies(metric, sample)`, so that a clip that failed, or a judge without
    weights, does not count in a metric that never applied to it.
    """
    if isinstance(row, Scored) or evaluator.applies(row.metric, sample):
        return row
    return replace(row, reason=NOT_APPLICABLE, detail="")
