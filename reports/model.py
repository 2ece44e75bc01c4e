"""Holds the plain records of one finished run, of which reports are made, with no torch and no database behind them.

`reports.load` fills a `RunData` from a run folder, `reports.scores` from a bare scores.json. Both keep these rules, on
which tables, page and gate rely:

* a row's `value` is in the unit of its metric, and the mean over the scored rows of a (dataset, method, metric) is the
  value in the summary where the metric is a mean; where it is weighted it is not, and where it is pooled `value` is
  None, or descriptive only;
* a row with `value` None has a `reason` (a code of harness.reasons), or is part of a pool; nothing is left out;
* two numbers may share a column only if their signatures are equal.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Protocol

from harness.evaluator import Aggregation
from harness.records import Comparison, SummaryRow
from harness.statistics import LeftOut

__all__ = [
    "CEILINGS",
    "FLOORS",
    "Comparison",
    "Confusion",
    "Making",
    "MetricFact",
    "PooledScores",
    "RunData",
    "RunRow",
]

#: Methods that bound the scale instead of competing: shown apart, never ranked.
CEILINGS = frozenset({"ground_truth"})
FLOORS = frozenset({"no_edit", "still_face", "wrong_audio", "wrong_emotion"})


@dataclass(frozen=True)
class RunRow:
    """Holds one metric on one clip of one method: a value, or the reason why there is none."""

    dataset: str
    method: str
    sample: str
    identity: str
    emotion: str
    metric: str
    value: float | None
    reason: str | None
    detail: str
    signature: str
    notes: tuple[str, ...] = ()

    @property
    def scored(self) -> bool:
        """Says whether the clip counts: it has a value, or its statistics are in the pool that has one."""
        return self.reason is None or self.reason == "pooled"

    @property
    def expected(self) -> bool:
        """Says whether the metric was asked of this clip at all."""
        return self.reason != "not_applicable"


@dataclass(frozen=True)
class MetricFact:
    """Holds the facts printed with a metric; the same as harness.evaluator.MetricFacts."""

    name: str  # key in scores.json, e.g. "lse_c"
    title: str  # column title, e.g. "LSE-C"
    unit: str  # "", "%", "dB", "s"
    higher_is_better: bool
    ranked: bool = True  # False: descriptive only, never bold
    aggregation: Aggregation = "mean"  # how clips make the number of a set
    ideal: float | Literal["asked"] | None = None  # where it is not ranked: what the gate measures its distance from

    @property
    def short(self) -> str:
        """Returns the title without the other name that people search for: LSE-C of LSE-C (Sync-C)."""
        for other in (" (Sync-C)", " (Sync-D)", " (CSIM)"):
            if self.title.endswith(other):
                return self.title.removesuffix(other)
        return self.title

    @property
    def pooled(self) -> bool:
        """Says whether the value belongs to a set of clips (FID)."""
        return self.aggregation == "pooled"


@dataclass(frozen=True)
class Making:
    """Says how one clip was made, by the record that its method left: where the emotion came from, and remarks."""

    dataset: str
    method: str
    sample: str
    emotion: str  # asked for
    used: str  # emotion source; "" where no clip was made
    label: str = ""  # the basic label that stood for the emotion
    notes: tuple[str, ...] = ()
    refused: str = ""  # why the method could not take this sample


class PooledScores(Protocol):
    """Scores a set of clips on any of its samples: harness.pairs.CellScores."""

    @property
    def samples(self) -> frozenset[str]: ...

    def score(self, samples: frozenset[str]) -> float:
        """Returns the score on these samples."""

    def by_clips(self, samples: frozenset[str], groups: int) -> LeftOut:
        """Returns it with the scores without each of so many groups of clips."""


def no_pool(key: tuple[str, str, str, str]) -> PooledScores | None:
    """Returns None: the statistics of clips are not at hand (a bare scores.json)."""
    return None


@dataclass(frozen=True)
class Confusion:
    """Counts the answers of one judge on one method's clips. Every clip it was asked about is in exactly one."""

    dataset: str
    method: str
    metric: str
    signature: str
    answers: tuple[str, ...]  # the judge's classes, then reason codes: undecided, no_face, …
    counts: Mapping[str, Mapping[str, int]]  # label → answer → clips; answers that no clip got are absent
    recall: Mapping[str, float]  # label → percent of its scored clips; labels without a scored clip are absent
    named: int  # so many of the answers are classes
    taken: Mapping[str, str] = field(default_factory=dict, compare=False)  # sample → answer; {} in a bare scores.json

    @property
    def classes(self) -> tuple[str, ...]:
        """Returns the answers that are names."""
        return self.answers[: self.named]

    @property
    def others(self) -> tuple[str, ...]:
        """Returns the answers that are reason codes."""
        return self.answers[self.named :]


@dataclass(frozen=True)
class RunData:
    """Holds everything the reports know about one run."""

    name: str
    protocol: str
    lane: str
    facts: Mapping[str, Any]  # run.json: what was asked, seeds, versions, hashes, machine
    summary: tuple[SummaryRow, ...]
    rows: tuple[RunRow, ...]
    metric_facts: Mapping[str, MetricFact]
    comparisons: tuple[Comparison, ...] = ()
    clips: Mapping[tuple[str, str], str] = field(default_factory=dict)  # (method, sample) → path relative to the run
    anchors: frozenset[str] = CEILINGS | FLOORS
    long_signatures: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # line → what it abbreviates
    confusions: tuple[Confusion, ...] = ()  # of the metrics that answer with a name
    aggregations: Mapping[str, Aggregation] = field(default_factory=dict)  # signature → how clips make the number
    makings: tuple[Making, ...] = ()
    #: (method, metric) whose numbers compare frames that do not correspond: its head does not follow the pose track.
    unaligned: frozenset[tuple[str, str]] = frozenset()
    frames_asked: Mapping[tuple[str, str], int] = field(default_factory=dict)  # (dataset, sample) → frames at 25 fps
    folder: Path | None = None  # the run folder, so that pages elsewhere can link its clips; never printed
    existing: bool = False  # its clips existed already: no method made them here
    stochastic: frozenset[str] = frozenset()  # methods that draw noise of their own
    #: (dataset, method, metric, signature) → the score of any of its samples; read when it is asked for.
    pool: Callable[[tuple[str, str, str, str]], PooledScores | None] = no_pool

    @cached_property
    def values(self) -> Mapping[tuple[str, str, str, str], Mapping[str, float]]:
        """Returns (dataset, method, metric, signature) → sample → value, of the clips that have a finite one."""
        found: dict[tuple[str, str, str, str], dict[str, float]] = defaultdict(dict)
        for row in self.rows:
            if row.value is not None and math.isfinite(row.value):
                found[row.dataset, row.method, row.metric, row.signature][row.sample] = row.value
        return dict(found)

    @property
    def lane_told(self) -> str:
        """Returns the lane; "" for clips that existed already and of which nobody said in which lane they were made."""
        return "" if self.existing and self.lane == "as-published" else self.lane

    def method_facts(self, method: str) -> Mapping[str, Any]:
        """Returns the facts of a method's class, as its run kept them; {} where they are not known."""
        kept = self.facts.get("methods")
        one = kept.get(method) if isinstance(kept, Mapping) else None
        facts = one.get("facts") if isinstance(one, Mapping) else None
        return facts if isinstance(facts, Mapping) else {}

    def fact(self, metric: str, signature: str = "") -> MetricFact:
        """Returns the facts of a metric; taken from the summary where no evaluator described it (a bare scores.json).

        Where the run has the metric under several signatures, the title says which one this is.
        """
        known = self.metric_facts.get(metric)
        if known is None:
            row = next((row for row in self.summary if row.metric == metric), None)
            known = MetricFact(metric, metric, row.unit if row else "", row.higher_is_better if row else True)
        known = replace(known, aggregation=self.aggregations.get(signature, known.aggregation))
        several = dict.fromkeys(row.signature for row in self.summary if row.metric == metric)
        words = distinctions(list(several)).get(signature, "")
        return replace(known, title=f"{known.title} ({words})") if words else known


def distinctions(signatures: Sequence[str]) -> dict[str, str]:
    """Returns signature line → the values of the first fields that tell these lines of one metric apart; "" for one
    alone.

    As few fields as do it, in the order of the lines; a line that lacks a field leaves it out.
    """
    fields = {line: dict(text.partition(":")[::2] for text in line.split("|")[1:]) for line in signatures}
    values_of: dict[str, tuple[str, ...]] = dict.fromkeys(fields, ())
    for key in dict.fromkeys(key for found in fields.values() for key in found):
        finer = {line: (*values_of[line], found.get(key, "")) for line, found in fields.items()}
        if len(set(finer.values())) > len(set(values_of.values())):
            values_of = finer
    values = {line: ", ".join(filter(None, words)) for line, words in values_of.items()}
    if len(set(values.values())) == len(values):
        return values
    return {line: f"signature {place}" for place, line in enumerate(fields, 1)}
