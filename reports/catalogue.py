"""This module numbers the page's methods and metrics: tables, charts and clips name both by the same places."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reports.layout import Role, TableLine, sections
from reports.model import RunData

Metric = tuple[str, str]  # name, signature
_ORDER: tuple[Role, ...] = ("ceiling", "contestant", "floor")  # of players in a row


@dataclass(frozen=True)
class Catalogue:
    """Holds the methods of all runs, the ceiling first, and the metrics of all summaries, in order."""

    labels: Mapping[tuple[int, str], str]  # (run, method) → a label of its own
    roles: Mapping[str, Role]  # label → role, in the order of the page
    metrics: Mapping[Metric, Mapping[str, Any]]

    def method(self, run: int, method: str) -> int | None:
        """Returns the place of a run's method, or None."""
        label = self.labels.get((run, method))
        return None if label is None else list(self.roles).index(label)

    def metric(self, name: str, signature: str) -> int | None:
        """Returns the place of a metric under one signature, or None."""
        keys = list(self.metrics)
        return keys.index((name, signature)) if (name, signature) in self.metrics else None


def catalogue(runs: Sequence[RunData]) -> Catalogue:
    """Returns the catalogue of one page."""
    lines = [line for section in sections(runs) for line in section.lines]
    labels = _labels(runs, lines)
    roles = {labels[line.run, line.method]: line.role for line in lines}
    ordered = {label: role for wanted in _ORDER for label, role in roles.items() if role == wanted}
    return Catalogue(labels, ordered, _metrics(runs))


def _labels(runs: Sequence[RunData], lines: Sequence[TableLine]) -> dict[tuple[int, str], str]:
    """A method in two lanes is two players."""
    labels = {(line.run, line.method): line.label for line in lines}
    often = Counter(labels.values())
    return {
        (run, method): label
        if often[label] == 1
        else f"{label} ({runs[run].name}, lane {runs[run].lane}, run {run + 1})"
        for (run, method), label in labels.items()
    }


def _metrics(runs: Sequence[RunData]) -> dict[Metric, dict[str, Any]]:
    """Facts by metric; `key` is short and its own, for addresses."""
    found: dict[Metric, dict[str, Any]] = {}
    seen: Counter[str] = Counter()
    for run in runs:
        for cell in run.summary:
            if (cell.metric, cell.signature) not in found:
                fact = run.fact(cell.metric, cell.signature)
                seen[cell.metric] += 1
                key = cell.metric if seen[cell.metric] == 1 else f"{cell.metric}.{seen[cell.metric]}"
                told = {
                    "key": key,
                    "title": fact.title,
                    "short": fact.short,
                    "unit": fact.unit,
                    "higher": fact.higher_is_better,
                }
                found[cell.metric, cell.signature] = {**told, "ranked": fact.ranked}
    return found
