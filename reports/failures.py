"""This module groups the clips without a number by reason: nothing disappears, and nothing fills a page either."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from reports.model import RunData, RunRow


@dataclass(frozen=True)
class Failure:
    """Holds all clips that one metric could not judge for one reason."""

    dataset: str
    metric: str
    signature: str
    title: str  # the metric's title
    reason: str  # code of harness.reasons
    methods: tuple[str, ...]
    clips: tuple[tuple[str, str, str], ...]  # (method, sample, detail or "")

    def who(self) -> str:
        """Returns the methods by name, or how many where that is shorter."""
        return ", ".join(self.methods) if len(self.methods) <= 3 else f"{len(self.methods)} methods"


def failures(run: RunData) -> list[Failure]:
    """Returns failures of a run, metrics in the summary's order, the commonest reason first."""
    groups: dict[tuple[str, str, str, str], list[RunRow]] = defaultdict(list)
    for row in run.rows:
        if not row.scored and row.expected:
            groups[row.dataset, row.metric, row.signature, row.reason or ""].append(row)
    known = dict.fromkeys((row.dataset, row.metric, row.signature) for row in run.summary)
    order = {key: place for place, key in enumerate(known)}
    keys = sorted(groups, key=lambda key: (order.get(key[:3], len(order)), -len(groups[key])))
    return [_failure(run, key, groups[key]) for key in keys]


def _failure(run: RunData, key: tuple[str, str, str, str], rows: list[RunRow]) -> Failure:
    dataset, metric, signature, reason = key
    methods = tuple(dict.fromkeys(row.method for row in rows))
    clips = tuple((row.method, row.sample, row.detail) for row in rows)
    return Failure(dataset, metric, signature, run.fact(metric, signature).title, reason, methods, clips)


def notes(run: RunData) -> dict[str, int]:
    """Says how many scored clips carry each remark (fps_resampled, multiple_faces, …); each counts a clip once."""
    seen = {(row.dataset, row.method, row.sample, note) for row in run.rows for note in row.notes}
    counts: dict[str, int] = defaultdict(int)
    for *_, note in seen:
        counts[note] += 1
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
