"""What a judge is: facts as class attributes, one streaming pass over a clip, pure statistics after it.

One pass (docs/reference/runs.md, 'Protocols'): the harness decodes a clip once and feeds chunks of frames to every
judge of the protocol; what several judges need (faces by one detector, MFCC, crops) is computed once per chunk and
cached on the chunk or the context under a key. Judges never learn which method made the clip.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from harness.records import Clip, Row, Sample
from harness.signature import Signature

T = TypeVar("T")

#: Reason code of rows that are not expected in a metric (extended emotions under basic-emotion accuracy).
NOT_APPLICABLE = "not_applicable"


@dataclass(frozen=True)
class MetricFacts:
    """Facts of one metric, as printed beside it."""

    name: str  # e.g. "lse_c": the key in scores.json
    title: str  # e.g. "LSE-C": the column title
    unit: str  # e.g. "", "%", "dB"
    higher_is_better: bool
    low: float  # range of possible values
    high: float
    needs_reference: bool = False
    pooled: bool = False  # the value belongs to a set of clips, not to one (FID)
    ranked: bool = True  # False: descriptive only (offset), never bold
    of: str = ""  # the judge's metric whose statistics this one is made from: its own rows hold none


@dataclass
class Chunk:
    """Consecutive frames of the clip at true 25 fps."""

    first: int  # index of frames[0] in the clip
    frames: npt.NDArray[np.uint8]  # (n, height, width, 3) RGB
    cache: dict[str, Any] = field(default_factory=dict)

    def once(self, key: str, compute: Callable[[], T]) -> T:
        """The value of `compute`, evaluated once per chunk for every judge that asks by this key."""
        if key not in self.cache:
            self.cache[key] = compute()
        value: T = self.cache[key]
        return value


@dataclass
class ClipContext:
    """What is known before the first frame. `cache` as in Chunk, for the whole clip."""

    sample: Sample
    path: Path
    audio: npt.NDArray[np.float32] | None  # 16 kHz mono in [-1, 1); None: no sound stream
    notes: tuple[str, ...] = ()  # reason codes from decoding (fps_resampled, rotation_applied, …)
    cache: dict[str, Any] = field(default_factory=dict)
    sound: Path | None = None  # the file of the sound, where it is not the clip's own
    made: Clip | None = None  # what was recorded when the clip was made: seconds, memory; never by whom

    def once(self, key: str, compute: Callable[[], T]) -> T:
        """The value of `compute`, evaluated once per clip for every judge that asks by this key."""
        if key not in self.cache:
            self.cache[key] = compute()
        value: T = self.cache[key]
        return value


class Measurement(Protocol):
    """One judge at work on one clip."""

    def feed(self, chunk: Chunk) -> None:
        """Take the next frames. Memory must stay bounded over a long clip (keep features, not frames)."""

    def finish(self) -> Sequence[Row]:
        """One row for each of the judge's metrics: Scored or Unscored, never fewer."""


class Evaluator(Protocol):
    """A judge. Networks load in `load`, never in `__init__` or at import.

    A judge of some samples only may say so by a method `applies(metric, sample) -> bool`: what fails elsewhere is then
    not counted as missing.
    """

    metrics: ClassVar[tuple[MetricFacts, ...]]

    def __init__(self, settings: Mapping[str, str], device: str) -> None: ...

    def missing(self) -> list[tuple[str, str]]: ...  # (what, cure) of weights or tools not here; loads nothing

    def load(self) -> None: ...

    def signature(self, metric: str) -> Signature: ...  # needs no load beyond hashing the weights

    def start(self, context: ClipContext) -> Measurement: ...

    def combine(self, metric: str, rows: Sequence[npt.NDArray[np.float64] | Mapping[str, npt.NDArray[Any]]]) -> float:
        """The score of a set of clips from their statistics alone: pure, numpy only."""
