"""This module compares several methods on the clips that all of them have; a ranking looks at no others."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from harness.records import SummaryRow
from reports.model import RunData


def on_shared_clips(cells: Sequence[tuple[RunData, SummaryRow]], least: float) -> list[float]:
    """Returns one value a cell (each with a value, all of one column), over the clips that all of them have scored.

    Empty where these are fewer than `least`. The table's own values where all have the same clips, or where the values
    are no means of clips' values (a pooled metric, a bare table) and cannot be cut to a part of them.
    """
    own = [row.value for _, row in cells if row.value is not None]
    found = [run.values.get((row.dataset, row.method, row.metric, row.signature), {}) for run, row in cells]
    if any(not values or not _is_mean(values, *cell) for values, cell in zip(found, cells, strict=True)):
        return own
    common = set.intersection(*(set(values) for values in found))
    if len(common) < least:
        return []
    if all(len(values) == len(common) for values in found):
        return own
    return [math.fsum(values[sample] for sample in common) / len(common) for values in found]


def _is_mean(values: Mapping[str, float], run: RunData, cell: SummaryRow) -> bool:
    """Whether the cell's number is the mean over just these clips."""
    return len(values) == cell.n_scored and run.fact(cell.metric, cell.signature).aggregation == "mean"
