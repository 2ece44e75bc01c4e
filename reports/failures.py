"""What has no number, grouped by why: nothing disappears, and nothing fills a page either."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from reports.model import RunData, RunRow


@dataclass(frozen=True)
class Failure:
    """All clips of one method that one metric could not judge for one reason."""

    dataset: str
    method: str
    metric: str
    title: str  # the metric's title
    reason: str  # code of harness.reasons
    samples: tuple[str, ...]
    details: tuple[tuple[str, str], ...]  # (sample, detail) where a detail is known


def failures(run: RunData) -> list[Failure]:
    """Failures of a run, metrics and methods in the summary's order."""
    groups: dict[tuple[str, str, str, str, str], list[RunRow]] = defaultdict(list)
    for row in run.rows:
        if not row.scored and row.expected:
            groups[row.dataset, row.method, row.metric, row.signature, row.reason or ""].append(row)
    order = {key: place for place, key in enumerate((r.dataset, r.method, r.metric, r.signature) for r in run.summary)}
    keys = sorted(groups, key=lambda key: (order.get(key[:4], len(order)), -len(groups[key])))
    return [_failure(run, key, groups[key]) for key in keys]


def _failure(run: RunData, key: tuple[str, str, str, str, str], rows: list[RunRow]) -> Failure:
    dataset, method, metric, signature, reason = key
    samples = tuple(row.sample for row in rows)
    details = tuple((row.sample, row.detail) for row in rows if row.detail)
    return Failure(dataset, method, metric, run.fact(metric, signature).title, reason, samples, details)


def notes(run: RunData) -> dict[str, int]:
    """How many scored clips carry each remark (fps_resampled, multiple_faces, …); a clip counts once a remark."""
    seen = {(row.dataset, row.method, row.sample, note) for row in run.rows for note in row.notes}
    counts: dict[str, int] = defaultdict(int)
    for *_, note in seen:
        counts[note] += 1
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
