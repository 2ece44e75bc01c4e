"""This module does the work of `calibrate`: clips and donors are chosen, corrupted and judged in parallel."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from evaluators.calibration.corruption import CORRUPTIONS, Corruption, Donors, Take
from evaluators.calibration.curves import UNCORRUPTED, Reading, Subject, curves, measure, read_take
from evaluators.calibration.verdicts import document
from evaluators.judge import Judge
from harness import registry
from harness.dataset import Dataset
from harness.errors import BenchError, CannotCompareError, MissingError
from harness.guard import Crash
from harness.parallel import each
from harness.progress import Progress
from harness.records import FPS, Sample, Unscored


@dataclass(frozen=True)
class Order:
    """Names one clip and the samples that give it sound, face and emotion (`rendered`: puppets draw the last anew)."""

    sample: Sample
    sound: Sample | None
    identity: Sample | None
    emotion: Sample | None
    rendered: bool

    def steps(self, corruptions: Sequence[Corruption]) -> int:
        """Says how many clips are written and judged for it."""
        available = {"": True, "sound": self.sound is not None, "identity": self.identity is not None}
        available |= {"emotion": self.rendered or self.emotion is not None, "scaled": self.rendered}
        return 1 + sum(len(corruption.strengths) for corruption in corruptions if available[corruption.donor])


@dataclass(frozen=True)
class CalibrationPlan:
    """Holds the settings that every worker knows. Plain data: it crosses process borders."""

    dataset_spec: str
    dataset_options: Mapping[str, Any]
    protocol: str
    device: str
    damages: tuple[str, ...]
    seconds: float
    seed: int

    def chosen(self) -> list[Corruption]:
        """Returns the corruptions by name."""
        return [CORRUPTIONS[name] for name in self.damages]


@dataclass(frozen=True)
class ClipReadings:
    """Holds one clip's readings, or one sentence why there are none."""

    order: Order
    readings: tuple[Reading, ...]
    problem: str = ""


def orders(chosen: Sequence[Sample], every: Sequence[Sample]) -> list[Order]:
    """Returns each chosen sample with its donors, the nearest in the list that fit; labels decide, nothing is read."""
    return [_order(sample, [*chosen, *every]) for sample in chosen]


def _order(sample: Sample, others: Sequence[Sample]) -> Order:
    rest = [other for other in others if other.id != sample.id]
    strangers = [other for other in rest if other.identity != sample.identity]
    alike = [other for other in strangers if other.emotion.name == sample.emotion.name]
    own = [o for o in rest if o.identity == sample.identity and o.emotion.name != sample.emotion.name]
    known = [other for other in own if sample.emotion.label and other.emotion.label]
    return Order(
        sample,
        next(iter([*strangers, *rest]), None),
        next(iter([*alike, *strangers]), None),
        next(iter(known), None),
        sample.dataset == "puppets",
    )


def ground_truth(dataset: Dataset, sample: Sample) -> Path:
    """Returns the ground-truth clip of a sample; in a plain folder that is the clip itself."""
    own = dataset.clip(sample)
    if own is not None:
        return own
    if sample.reference_video is None:
        raise MissingError(f"Sample '{sample.id}' has no ground-truth clip.", "Choose another dataset or list.")
    return sample.reference_video


def subject(dataset: Dataset, order: Order, seconds: float) -> Subject:
    """Returns the clip, read, with its donors. Raises BenchError for what cannot be read."""
    limit = round(seconds * FPS)

    def take(sample: Sample) -> Take:
        path = ground_truth(dataset, sample)
        if not path.is_file():
            dataset.materialise(sample)
        return read_take(path, limit)

    def donor(sample: Sample | None) -> Take | None:
        return None if sample is None else take(sample)

    dataset.materialise(order.sample)
    own, sound, identity = take(order.sample), donor(order.sound), donor(order.identity)
    if order.rendered:
        from datasets.puppets.dataset import Puppets
        from verbs import calibrating_puppets as puppets

        assert isinstance(dataset, Puppets)
        emotion = puppets.other_emotion(dataset, order.sample.id)
        return Subject(order.sample, own, Donors(sound, identity, emotion, puppets.scaled(dataset, order.sample.id)))
    return Subject(order.sample, own, Donors(sound, identity, donor(order.emotion)))


class CalibrationWorker:
    """Works in one process with a dataset and a judge that are opened once."""

    def __init__(self, bench: CalibrationPlan) -> None:
        self.bench = bench
        self.dataset: Dataset = registry.load(bench.dataset_spec)(**bench.dataset_options)
        self.judge = Judge(bench.protocol, bench.device)

    def do(self, order: Order, progress: Progress | None = None) -> ClipReadings:
        """Corrupts and judges one clip."""
        step = progress.step if progress is not None else (lambda note: None)
        try:
            read = subject(self.dataset, order, self.bench.seconds)
            readings = measure(read, self.bench.chosen(), self.judge, self.bench.seed, step)
        except BenchError as error:
            return ClipReadings(order, (), error.what)
        return ClipReadings(order, tuple(readings))


_worker: CalibrationWorker | None = None


def _open(bench: CalibrationPlan) -> None:
    global _worker  # one per process, set before its first clip
    _worker = CalibrationWorker(bench)


def _do(order: Order) -> ClipReadings:
    assert _worker is not None
    return _worker.do(order)


def work(bench: CalibrationPlan, todo: Sequence[Order], jobs: int) -> list[ClipReadings]:
    """Returns the readings of every clip, in the order asked for, however many processes work on them."""
    progress = Progress("damaged clips", sum(order.steps(bench.chosen()) for order in todo))
    try:
        outcomes = list(_alone(bench, todo, progress) if jobs == 1 else _together(bench, todo, jobs, progress))
    finally:
        progress.close()
    place = {order.sample.id: index for index, order in enumerate(todo)}
    return sorted(outcomes, key=lambda outcome: place[outcome.order.sample.id])


def _alone(bench: CalibrationPlan, todo: Sequence[Order], progress: Progress) -> Iterator[ClipReadings]:
    worker = CalibrationWorker(bench)
    for order in todo:
        yield worker.do(order, progress)


def _together(bench: CalibrationPlan, todo: Sequence[Order], jobs: int, progress: Progress) -> Iterator[ClipReadings]:
    for done in each(_do, todo, jobs, partial(_open, bench)):
        for _ in range(done.item.steps(bench.chosen())):
            progress.step(done.item.sample.id)
        yield ClipReadings(done.item, (), done.result.reason) if isinstance(done.result, Crash) else done.result


def summary(bench: CalibrationPlan, outcomes: Sequence[ClipReadings], facts: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the calibration as a JSON document. Raises CannotCompareError where no clip could be read."""
    read = [outcome for outcome in outcomes if outcome.readings]
    if not read:
        raise CannotCompareError(f"No clip could be used; the first says: {outcomes[0].problem}", "Try other clips.")
    columns = Judge(bench.protocol, bench.device).columns()
    readings = [reading for outcome in read for reading in outcome.readings]
    metric_curves = curves(readings, columns, bench.chosen(), bench.seed)
    all_facts = {
        **facts,
        "clips": len(read),
        "samples": [outcome.order.sample.id for outcome in read],
        "left_out": {outcome.order.sample.id: outcome.problem for outcome in outcomes if not outcome.readings},
    }
    return document(metric_curves, columns, all_facts, _unmeasured(readings))


def _unmeasured(readings: Sequence[Reading]) -> dict[str, str]:
    """signature → the commonest reason among uncorrupted clips that a metric could not measure."""
    reasons: dict[str, Counter[str]] = {}
    for reading in readings:
        if reading.corruption == UNCORRUPTED and isinstance(reading.row, Unscored):
            reasons.setdefault(reading.row.signature, Counter())[reading.row.reason] += 1
    return {signature: counted.most_common(1)[0][0] for signature, counted in reasons.items()}
