"""This module collects the data of the page's players: for each sample the clip and the numbers of each method."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from harness.reasons import sentence
from reports.layout import TableLine, sections
from reports.model import RunData, RunRow
from reports.numbers import decimals

Metric = tuple[str, str]  # name, signature


def player_data(runs: Sequence[RunData], folder: Path) -> dict[str, Any]:
    """Returns the JSON block of the page: methods and metrics by index, samples in list order. Empty without clips."""
    if not any(run.clips for run in runs):
        return {"samples": []}
    lines = [line for section in sections(runs) for line in section.lines]
    labels = _labels(runs, lines)
    methods = list(dict.fromkeys(labels.values()))
    metrics = _metrics(runs)
    order = {key: place for place, key in enumerate(metrics)}
    samples: dict[tuple[str, str], dict[str, Any]] = {}
    for index, run in enumerate(runs):
        for row in run.rows:
            if (index, row.method) in labels and row.expected:
                place = methods.index(labels[index, row.method])
                sample = samples.setdefault((row.dataset, row.sample), _sample(row))
                if (metric := order.get((row.metric, row.signature))) is not None:
                    sample["values"].setdefault(place, {})[metric] = _value(row, metrics[row.metric, row.signature])
                if (clip := run.clips.get((row.method, row.sample))) is not None:
                    sample["clips"][place] = link(run, clip, folder)
    seen = {row.reason for run in runs for row in run.rows if row.reason}
    return {
        "methods": methods,
        "contestants": list(
            dict.fromkeys(labels[line.run, line.method] for line in lines if line.role == "contestant")
        ),
        "metrics": list(metrics.values()),
        "samples": list(samples.values()),
        "reasons": {code: sentence(code) for code in sorted(seen)},
    }


def _labels(runs: Sequence[RunData], lines: Sequence[TableLine]) -> dict[tuple[int, str], str]:
    """(run, method) → a label of its own: a method in two lanes is two players."""
    labels = {(line.run, line.method): line.label for line in lines}
    often = Counter(labels.values())
    return {
        (run, method): label
        if often[label] == 1
        else f"{label} ({runs[run].name}, lane {runs[run].lane}, run {run + 1})"
        for (run, method), label in labels.items()
    }


def _metrics(runs: Sequence[RunData]) -> dict[Metric, dict[str, Any]]:
    """Metrics that have at least one number of a single clip, in the summary's order."""
    values: dict[Metric, list[float]] = {}
    for run in runs:
        for row in run.rows:
            if row.value is not None and math.isfinite(row.value):
                values.setdefault((row.metric, row.signature), []).append(row.value)
    found: dict[Metric, dict[str, Any]] = {}
    for run in runs:
        for cell in run.summary:
            key = (cell.metric, cell.signature)
            if key in values and key not in found:
                fact = run.fact(*key)
                places = decimals(fact.unit, values[key])
                told = {"title": fact.title, "unit": fact.unit, "higher": fact.higher_is_better}
                found[key] = {**told, "ranked": fact.ranked, "places": places}
    return found


def _sample(row: RunRow) -> dict[str, Any]:
    told = {"id": row.sample, "dataset": row.dataset, "emotion": row.emotion, "identity": row.identity}
    return {**told, "clips": {}, "values": {}}


def _value(row: RunRow, metric: dict[str, Any]) -> float | str:
    """The rounded value, or the reason code."""
    if row.value is None or not math.isfinite(row.value):
        return row.reason or "not_finite"
    return round(row.value, metric["places"] + 1)


def link(run: RunData, clip: str, folder: Path) -> str:
    """Returns a clip's address relative to the page in `folder`, percent-encoded, so that no name can leave the
    attribute.
    """
    if run.folder is None:
        path = clip if os.path.isabs(clip) else os.path.join("..", clip)
    else:
        path = os.path.relpath(run.folder.resolve() / clip, folder.resolve())
    return quote(Path(path).as_posix(), errors="surrogateescape")
