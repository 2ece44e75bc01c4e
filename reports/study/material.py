"""This module gathers what a study can be made of: the clips that all compared methods have, and metrics' values."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.errors import CannotCompareError, UsageError, unknown_name
from reports import tidy
from reports.model import CEILINGS, MetricFact, RunData
from reports.study.design import CHECKS, Sample


@dataclass(frozen=True)
class Metric:
    """Holds one ranked metric under one signature: its value of each compared method, and of each clip of theirs."""

    name: str
    title: str
    signature: str
    higher_is_better: bool
    values: Mapping[str, float]  # method → value
    clips: Mapping[tuple[str, Sample], float]


@dataclass(frozen=True)
class Material:
    """Holds the methods that are compared, by labels of their own, and the clips that all of them have."""

    methods: tuple[str, ...]
    files: Mapping[tuple[str, Sample], Path]  # method, sample → clip; ground truth and floors too
    emotions: Mapping[Sample, str]  # every sample that all methods have → its emotion, "" if unknown
    metrics: tuple[Metric, ...]

    def check_kinds(self) -> tuple[str, list[tuple[str, str]], list[Sample]]:
        """Returns (the true clips' name, checks that can be made, samples that have their clips)."""
        for truth in sorted(CEILINGS):
            for floors in ({"still_face"}, {"wrong_audio"}):
                kinds = [kind for kind in CHECKS if kind[1] in floors]
                names = (truth, *floors)
                samples = [s for s in self.emotions if all((name, s) in self.files for name in names)]
                if samples:
                    return truth, kinds, samples
        return "", [], []


def gather(runs: Sequence[RunData], between: Sequence[str] = ()) -> Material:
    """Returns the material of runs; between: the methods to compare, by label (`cmet`, or `cmet (run)` where several
    runs have it). Without it the contestants are, and the ground truth where there is but one.

    Raises UsageError for a method that no run has, fewer than two methods, or no sample that all have;
    CannotCompareError for runs of several lanes.
    """
    lanes = dict.fromkeys(run.lane for run in runs)
    if len(lanes) > 1:
        raise CannotCompareError(
            f"The runs are of several lanes ({', '.join(lanes)}): their methods were told the emotion differently.",
            "Name runs of one lane.",
        )
    labels = _labels(runs)
    files = {
        (label, sample): run.folder.resolve() / path
        for run, own in zip(runs, labels, strict=True)
        for datasets in [{row.sample: row.dataset for row in run.rows}]
        for (method, name), path in run.clips.items()
        if run.folder is not None and method in own and name in datasets
        for label, sample in [(own[method], (datasets[name], name))]
    }
    methods = _compared(runs, labels, files, between)
    emotions = {
        sample: emotion for sample, emotion in _emotions(runs).items() if all((one, sample) in files for one in methods)
    }
    if not emotions:
        raise UsageError(f"No sample has a clip of each of {', '.join(methods)}.", "Name others by --between.")
    return Material(tuple(methods), files, emotions, tuple(_metrics(runs, labels, methods)))


def _labels(runs: Sequence[RunData]) -> list[dict[str, str]]:
    """For each run, method → label: the run's name is added where several contestants have one; of anchors the first
    run's are taken.
    """
    own = [dict.fromkeys(method for method, _ in run.clips) for run in runs]
    often = Counter(method for methods in own for method in methods)
    seen: set[str] = set()
    found = []
    for run, name, methods in zip(runs, tidy.run_names(runs), own, strict=True):
        kept = [method for method in methods if method not in run.anchors or method not in seen]
        found.append({m: f"{m} ({name})" if often[m] > 1 and m not in run.anchors else m for m in kept})
        seen.update(kept)
    return found


def _emotions(runs: Sequence[RunData]) -> dict[Sample, str]:
    return {(row.dataset, row.sample): row.emotion for run in reversed(runs) for row in run.rows if row.expected}


def _compared(
    runs: Sequence[RunData],
    labels: Sequence[Mapping[str, str]],
    files: Mapping[tuple[str, Sample], Path],
    between: Sequence[str],
) -> list[str]:
    known = list(dict.fromkeys(label for label, _ in files))
    for name in between:
        if name not in known:
            raise unknown_name("method with clips", name, known)
    contest = [
        own[method] for run, own in zip(runs, labels, strict=True) for method in own if method not in run.anchors
    ]
    found = list(dict.fromkeys(between)) or [name for name in known if name in contest]
    if not between and len(found) == 1:
        found += [name for name in sorted(CEILINGS) if name in known]
    if len(found) < 2:
        what = f"A study needs clips of two methods; there are those of {', '.join(known) or 'none'}."
        raise UsageError(what, "Add a run, or name two by --between.")
    return found


def _metrics(runs: Sequence[RunData], labels: Sequence[Mapping[str, str]], methods: Sequence[str]) -> list[Metric]:
    """The ranked metrics that at least two methods have a value of, under the same signature."""
    names = tidy.column_names(runs)
    values: dict[tuple[str, str, str], dict[str, float]] = {}
    clips: dict[tuple[str, str, str], dict[tuple[str, Sample], float]] = {}
    facts: dict[tuple[str, str, str], MetricFact] = {}
    for run, own in zip(runs, labels, strict=True):
        shown = {method: label for method, label in own.items() if label in methods}
        for row in run.summary:
            fact = run.fact(row.metric, row.signature)
            apart = (row.method, row.metric) in run.unaligned
            if row.method not in shown or not fact.ranked or apart or row.value is None:
                continue
            key = (row.dataset, row.metric, row.signature)
            facts.setdefault(key, fact)
            values.setdefault(key, {})[shown[row.method]] = row.value
            found = run.values.get((row.dataset, row.method, row.metric, row.signature), {})
            for sample, value in found.items():
                clips.setdefault(key, {})[shown[row.method], (row.dataset, sample)] = value
    return [
        Metric(names[key[1:]], facts[key].title, key[2], facts[key].higher_is_better, found, clips.get(key, {}))
        for key, found in values.items()
        if len(found) > 1 and all(map(math.isfinite, found.values()))
    ]
