"""Tidy tables hold one number a row: the table's cells (scores.csv), and every clip under every metric (clips.csv).

`column` names what may be averaged or subtracted: two rows have the same one if and only if their metric and their
signature are equal. Where a run has a metric under one signature only, it is the metric's name.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from reports.legend import UNALIGNED
from reports.model import RunData, distinctions

#: What `numbers` gives of each cell of the table, in this order.
NUMBERS = (
    *("run", "protocol", "lane", "dataset", "method", "metric", "column", "value", "unit", "higher_is_better"),
    *("low", "high", "n_scored", "n_expected", "signature", "clip_low", "clip_high", "n_people", "note"),
)
#: What `clips` gives of each clip under each metric.
CLIPS = (
    *("run", "lane", "dataset", "method", "sample", "column", "metric", "emotion", "identity", "value", "unit"),
    *("reason", "detail", "notes", "signature", "clip"),
)


def numbers(runs: Sequence[RunData]) -> Iterator[dict[str, Any]]:
    """Yields the cells of all tables, a mapping with the keys NUMBERS each; None where there is no (finite) number."""
    columns = column_names(runs)
    for run, name in zip(runs, run_names(runs), strict=True):
        for row in run.summary:
            fields = {key: finite(value) for key, value in asdict(row).items()}
            named = {"run": name, "protocol": run.protocol, "lane": run.lane}
            found = fields | named | {"column": columns[row.metric, row.signature]}
            if row.value is not None and (row.method, row.metric) in run.unaligned:
                found["note"] = "; ".join(filter(None, (row.note, f"§ {UNALIGNED}")))
            yield {key: found[key] for key in NUMBERS}


def clips(runs: Sequence[RunData]) -> Iterator[dict[str, Any]]:
    """Yields every clip under every metric that was asked of it, a mapping with the keys CLIPS each.

    `value` is None where the clip has no number of its own, and `reason` says why (`pooled`: only the set has one).
    `emotion`, `identity` and `clip` (its path) are None where they are not known, as in a bare scores.json.
    """
    columns = column_names(runs)
    for run, name in zip(runs, run_names(runs), strict=True):
        units, paths = {row.metric: row.unit for row in run.summary}, _paths(run)
        for row in (row for row in run.rows if row.expected):
            column = columns.get((row.metric, row.signature), row.metric)
            yield {
                "run": name,
                "lane": run.lane,
                "dataset": row.dataset,
                "method": row.method,
                "sample": row.sample,
                "column": column,
                "metric": row.metric,
                "emotion": row.emotion or None,
                "identity": row.identity or None,
                "value": finite(row.value),
                "unit": units.get(row.metric, ""),
                "reason": row.reason,
                "detail": row.detail,
                "notes": " ".join(row.notes),
                "signature": row.signature,
                "clip": paths.get((row.method, row.sample)),
            }


def column_names(runs: Sequence[RunData]) -> Mapping[tuple[str, str], str]:
    """Returns (metric, signature) → a name that no other pair of these runs has."""
    return named((row.metric, row.signature) for run in runs for row in run.summary)


def named(pairs: Iterable[tuple[str, str]]) -> Mapping[tuple[str, str], str]:
    """Returns (metric, signature) → a name that no other of these pairs has."""
    signatures: dict[str, dict[str, None]] = {}
    for metric, line in pairs:
        signatures.setdefault(metric, {})[line] = None
    return {
        (metric, line): f"{metric} ({words})" if words else metric
        for metric, lines in signatures.items()
        for line, words in distinctions(list(lines)).items()
    }


def run_names(runs: Sequence[RunData]) -> list[str]:
    """Returns the runs' names; runs that are called alike are numbered."""
    often = Counter(run.name for run in runs)
    return [f"{run.name} #{k}" if often[run.name] > 1 else run.name for k, run in enumerate(runs, 1)]


def finite(value: Any) -> Any:
    """Returns the value; None for a number that is not finite."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _paths(run: RunData) -> Mapping[tuple[str, str], str]:
    """(method, sample) → where the clip lies; each once, since a table asks for it in every metric."""
    if run.folder is None:
        return run.clips
    home = run.folder.resolve()
    return {key: str(home / path) for key, path in run.clips.items()}
