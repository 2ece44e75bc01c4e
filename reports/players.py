"""What the page's players need, as plain data: for each sample the clip and the numbers of each method."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from harness.reasons import REASONS
from reports.layout import sections
from reports.model import RunData, RunRow
from reports.numbers import decimals


def player_data(runs: Sequence[RunData], folder: Path) -> dict[str, Any]:
    """The JSON block of the page: methods and metrics by index, samples in list order. Empty without clips."""
    if not any(run.clips for run in runs):
        return {"samples": []}
    labels = {(line.run, line.method): line.label for section in sections(runs) for line in section.lines}
    methods = list(dict.fromkeys(labels.values()))
    metrics = _metrics(runs)
    names = [metric["name"] for metric in metrics]
    places = {metric["name"]: metric["places"] for metric in metrics}
    samples: dict[tuple[str, str], dict[str, Any]] = {}
    for index, run in enumerate(runs):
        for row in run.rows:
            if (index, row.method) in labels and row.expected:
                place = methods.index(labels[index, row.method])
                sample = samples.setdefault((row.dataset, row.sample), _sample(row))
                if row.metric in places:
                    sample["values"].setdefault(place, {})[names.index(row.metric)] = _value(row, places[row.metric])
                clip = run.clips.get((row.method, row.sample))
                if clip is not None:
                    sample["clips"][place] = link(run, clip, folder)
    contestants = [labels[k, m] for k, m in labels if m not in runs[k].anchors]
    seen = {row.reason for run in runs for row in run.rows if row.reason}
    return {
        "methods": methods,
        "contestants": list(dict.fromkeys(contestants)),
        "metrics": metrics,
        "samples": list(samples.values()),
        "reasons": {code: REASONS.get(code, code) for code in sorted(seen)},
    }


def _metrics(runs: Sequence[RunData]) -> list[dict[str, Any]]:
    """Metrics that have at least one number of a single clip."""
    values: dict[str, list[float]] = {}
    for run in runs:
        for row in run.rows:
            if row.value is not None and math.isfinite(row.value):
                values.setdefault(row.metric, []).append(row.value)
    order = dict.fromkeys(row.metric for run in runs for row in run.summary if row.metric in values)
    facts = {name: next(run for run in runs if any(r.metric == name for r in run.summary)).fact(name) for name in order}
    return [
        {
            "name": name,
            "title": fact.title,
            "unit": fact.unit,
            "higher": fact.higher_is_better,
            "ranked": fact.ranked,
            "places": decimals(fact.unit, values[name]),
        }
        for name, fact in facts.items()
    ]


def _sample(row: RunRow) -> dict[str, Any]:
    told = {"id": row.sample, "dataset": row.dataset, "emotion": row.emotion, "identity": row.identity}
    return {**told, "clips": {}, "values": {}}


def _value(row: RunRow, places: int) -> float | str:
    """The rounded value, or the reason code."""
    if row.value is None or not math.isfinite(row.value):
        return row.reason or "not_finite"
    return round(row.value, places + 1)


def link(run: RunData, clip: str, folder: Path) -> str:
    """A clip's address relative to the page in `folder`, percent-encoded, so that no name can leave the attribute."""
    if run.folder is None:
        path = clip if os.path.isabs(clip) else os.path.join("..", clip)
    else:
        path = os.path.relpath(run.folder.resolve() / clip, folder.resolve())
    return quote(Path(path).as_posix())
