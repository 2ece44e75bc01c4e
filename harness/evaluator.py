"""A judge's contract is facts as class attributes, one streaming pass over a clip, and pure statistics after it.

One pass (docs/reference/runs.md, 'Protocols'): the harness decodes a clip once and feeds chunks of frames to every
judge of the protocol; what several judges need (faces by one detector, MFCC, crops) is computed once per chunk and
cached on the chunk or the context under a key. Judges never learn which method made the clip.

A judge derives from `Evaluator` and must say three things: its `metrics`, the signature's `fields`, and how to `start`
on a clip. All else has a default. The README shows one of twenty lines.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from harness.errors import Missing, UsageError
from harness.provenance import code_outside, decoders
from harness.records import Clip, Failed, Row, Sample, Scored, Unscored
from harness.signature import SUITE, Signature
from harness.statistics import Scale

if TYPE_CHECKING:
    from harness.media.video import Source, VideoReader

T = TypeVar("T")

#: How clips make the score of a set. `mean`: each clip has a value, the score is their mean. `weighted`: each clip has
#: a value, but the score weighs clips (by frames, by face tracks). `pooled`: only a set has a value (FID).
Aggregation = Literal["mean", "weighted", "pooled"]
Fields = tuple[tuple[str, str], ...]  # of a signature: (key, value), in order
Statistics = Mapping[str, Any]  # a row's sufficient statistics: arrays, numbers and strings by name, as packed

#: Reason code of rows that are not expected in a metric (extended emotions under basic-emotion accuracy).
NOT_APPLICABLE = "not_applicable"


@dataclass(frozen=True)
class MetricFacts:
    """Holds the facts of one metric, as printed next to it."""

    name: str  # e.g. "lse_c": the key in scores.json
    title: str  # e.g. "LSE-C": the column title
    unit: str  # e.g. "", "%", "dB"
    higher_is_better: bool
    low: float  # range of possible values
    high: float
    needs_reference: bool = False
    aggregation: Aggregation = "mean"
    ranked: bool = True  # False: descriptive only (offset), never bold
    #: Of a number without a better and worse: the gate asks how far clips are from it (asked: the sample's frames).
    ideal: float | Literal["asked"] | None = field(default=None, kw_only=True)
    of: str = ""  # the judge's metric whose statistics this one is made from: its own rows hold none
    frame_aligned: bool = False  # compares the head's own place in each frame with the ground truth's: needs its pose

    @property
    def pooled(self) -> bool:
        """Says whether the value belongs to a set of clips and not to one."""
        return self.aggregation == "pooled"

    @property
    def scale(self) -> Scale:
        """Returns the scale on which an interval of the score is even: shares and distances have an end."""
        if self.unit == "%":
            return "share"
        return "positive" if self.pooled and self.low == 0 else "plain"


def weighted(metrics: Iterable[MetricFacts]) -> tuple[MetricFacts, ...]:
    """Returns the metrics of a judge whose settings make its scores weigh clips."""
    return tuple(replace(facts, aggregation="weighted") for facts in metrics)


@dataclass(frozen=True)
class Refusal:
    """Says why a clip cannot be measured: a code of harness.reasons, and a detail of the finding and the need."""

    reason: str
    detail: str = ""


@dataclass
class Chunk:
    """Holds consecutive frames of the clip at true 25 fps, and the coded ones that `ClipContext.reader` was to keep."""

    first: int  # index of frames[0] in the clip
    frames: npt.NDArray[np.uint8]  # (n, height, width, 3) RGB
    cache: dict[str, Any] = field(default_factory=dict)
    source: tuple[Source, ...] = ()

    def once(self, key: str, compute: Callable[[], T]) -> T:
        """Returns the value of `compute`, evaluated once per chunk for every judge that asks by this key."""
        if key not in self.cache:
            self.cache[key] = compute()
        value: T = self.cache[key]
        return value


@dataclass
class ClipContext:
    """Holds everything that is known before the first frame. `cache` as in Chunk, for the whole clip."""

    sample: Sample
    path: Path
    audio: npt.NDArray[np.float32] | None  # 16 kHz mono in [-1, 1); None: no sound stream
    notes: tuple[str, ...] = ()  # reason codes from decoding (fps_resampled, rotation_applied, …)
    cache: dict[str, Any] = field(default_factory=dict)
    sound: Path | None = None  # the file of the sound, where it is not the clip's own
    made: Clip | None = None  # the record of the clip's making: seconds, memory; never the method
    reader: VideoReader | None = None  # whose chunks are fed; a judge may ask it for the coded frames too

    def once(self, key: str, compute: Callable[[], T]) -> T:
        """Returns the value of `compute`, evaluated once per clip for every judge that asks by this key."""
        if key not in self.cache:
            self.cache[key] = compute()
        value: T = self.cache[key]
        return value


class Measurement(Protocol):
    """Follows one clip on behalf of one judge."""

    def feed(self, chunk: Chunk) -> None:
        """Take the next frames. Memory must stay bounded over a long clip (keep features, not frames)."""

    def finish(self) -> Sequence[Row] | Refusal:
        """Returns one row for each of the judge's metrics, never fewer; or a refusal, which stands for all of them."""


class Evaluator(ABC):
    """Is the base of every judge. Networks load in `load`, never in `__init__` or at import."""

    metrics: tuple[MetricFacts, ...]  # of the class; an instance may narrow them by its settings

    def __init__(self, settings: Mapping[str, str], device: str) -> None:
        """Take no settings. A judge with settings has its own __init__, and refuses those that it does not know."""
        for key in settings:
            raise UsageError(f"{type(self).__name__} takes no settings, and was given '{key}'.", "Leave it out.")

    @abstractmethod
    def fields(self, metric: str) -> Fields:
        """Returns all settings that change the number, as fields of its signature; loads nothing but hashes."""

    @abstractmethod
    def start(self, context: ClipContext) -> Measurement | Refusal:
        """Begin one clip, or say why it cannot be measured."""

    # Optional: facts that a judge may add.

    def missing(self) -> list[Missing]:
        """Returns the weights and tools that are not on this machine; loads nothing."""
        return []

    def load(self) -> None:  # noqa: B027 (most judges of one's own have nothing to load)
        """Build networks, once per process. Raises MissingError or MediaError where they cannot be believed."""

    def long_fields(self, metric: str) -> Fields:
        """Returns the long forms of abbreviated fields of the signature (whole hashes, class lists)."""
        return ()

    def applies(self, metric: str, sample: Sample) -> bool:
        """Says whether `metric` is expected of `sample`; a number that is not expected does not count as missing."""
        return True

    def combine(self, metric: str, rows: Sequence[Statistics]) -> float:
        """Returns the score of a set of clips from their statistics alone: pure numpy; nan where the set has none.

        It is the mean of their entries `value`, unless a judge says otherwise.
        """
        values = [float(np.asarray(row["value"]).reshape(-1)[0]) for row in rows]
        return float(np.mean(values)) if values else float("nan")

    def without(self, metric: str, rows: Sequence[Statistics], groups: Sequence[Sequence[int]]) -> list[float]:
        """Returns the score without each group of clips (places in `rows`); nan where the rest has none.

        Intervals and tests of scores that are no means are made from these.
        """
        places = [frozenset(group) for group in groups]
        return [
            float(self.combine(metric, [row for k, row in enumerate(rows) if k not in left_out])) for left_out in places
        ]

    def measured(self, metric: str, rows: Sequence[Statistics]) -> Signature:
        """Returns the signature of a set of clips: with the fields that only a measured set has (picture sizes, N)."""
        return self.signature(metric)

    def note(self, metric: str, rows: Sequence[Statistics]) -> str:
        """Returns the note that must be read with the number of these clips: chance, ceiling, warnings."""
        return ""

    def with_wrong(self, metric: str, rows: Sequence[Statistics], lost: Sequence[str]) -> float | None:
        """Returns the score if clips of these emotions, which have no number, counted as wrong; None for other scores
        than shares.
        """
        return None

    def answers(self, metric: str, rows: Sequence[Statistics]) -> list[str] | None:
        """Returns the name that each clip was taken for ("": undecided); None where the metric answers with no name."""
        return None

    # Shared: the same for all judges.

    def signature(self, metric: str) -> Signature:
        """Returns `fields` as one line, with the suite's version, and a digest of the code of a judge not ours."""
        code = code_outside(type(self), "evaluators")
        own: Fields = (("code", code),) if code else ()
        last = ("v", str(SUITE))
        named = self.facts(metric).name
        return Signature(named, (*self.fields(metric), *own, last), (*self.long_fields(metric), *decoders()))

    def facts(self, metric: str) -> MetricFacts:
        """Returns the facts of one metric. Raises KeyError for one that the judge does not declare."""
        return {facts.name: facts for facts in self.metrics}[metric]

    def scored(
        self, metric: str, value: float | None, statistics: bytes = b"", notes: Sequence[str] = (), series: bytes = b""
    ) -> Scored:
        """Returns the row of a clip that has a number, or (`value` None) that takes part in a pooled one.

        statistics: of evaluators.packing.pack; the value alone where there are none. series: of harness.series.packed,
        values along the clip that the page draws.
        """
        return Scored(metric, value, str(self.signature(metric)), statistics, tuple(notes), series)

    def unscored(self, metric: str, refusal: Refusal) -> Unscored:
        """Returns the row of a clip that has no number in one metric."""
        return Unscored(metric, refusal.reason, str(self.signature(metric)), refusal.detail)

    def refused(self, refusal: Refusal) -> list[Row]:
        """Returns a row for each metric of a clip that cannot be measured."""
        return [self.unscored(facts.name, refusal) for facts in self.metrics]


Column = tuple[Evaluator, str, str]  # a judge, one of its metrics, its signature line


class Panel(Protocol):
    """Offers all judges of one protocol, as the runner asks them (evaluators.judge.Judge)."""

    def columns(self) -> list[Column]:
        """Returns all columns that are measured, each signature line once."""

    def rows(self, sample: Sample, clip: Clip | Failed, finished: frozenset[tuple[str, str]]) -> tuple[Row, ...]:
        """Returns one row per metric that is not in `finished` (pairs of metric and signature)."""
