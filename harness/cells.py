"""The table of scores is gathered in cells: the rows of one method under one metric and signature."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from harness.reasons import reason
from harness.store import RunStore, StoredRow

Key = tuple[str, str, str, str]  # dataset, method, metric, signature line


@dataclass(frozen=True)
class StoredCell:
    """Holds the clips of one method under one metric; their statistics stay in the store until the cell's turn."""

    dataset: str
    method: str
    rows: tuple[StoredRow, ...]
    expected: int
    identity: Mapping[str, str]  # sample → identity
    emotion: Mapping[str, str]  # sample → the emotion asked for

    @cached_property
    def scored(self) -> tuple[StoredRow, ...]:
        """Returns the rows that count."""
        return tuple(row for row in self.rows if row.scored)

    @property
    def answers(self) -> int:
        """Returns how many scored rows answer for themselves (the others only give their ground truth to the pool)."""
        return sum("reference_only" not in row.notes for row in self.scored)

    @property
    def identities_known(self) -> bool:
        """Says whether the dataset says who is in its clips; where it does not, each clip bears its own name."""
        return any(who != sample for sample, who in self.identity.items())

    @property
    def lost(self) -> list[str]:
        """Returns the emotions asked for in clips that have no number by the method's fault: failed, cut, faceless."""
        lost = (row for row in self.rows if not row.scored and reason(row.reason or "").fault == "clip")
        return [self.emotion[row.sample] for row in lost]


def gathered(store: RunStore) -> dict[Key, StoredCell]:
    """Returns the cells of the store in which a number is expected of at least one clip.

    Rows are in order of their samples' names, so that no number depends on the order in which clips came.
    """
    known = {(dataset, sample): (who, emotion) for dataset, sample, who, emotion in store.samples()}
    grouped: dict[Key, list[StoredRow]] = defaultdict(list)
    for row in store.rows(statistics=False):
        if row.reason != "not_applicable":
            grouped[row.dataset, row.method, row.metric, row.signature].append(row)
    cells = {}
    for key, rows in grouped.items():
        rows.sort(key=lambda row: row.sample)
        about = {row.sample: known.get((row.dataset, row.sample), (row.sample, "")) for row in rows}
        expected = sum("reference_only" not in row.notes for row in rows)
        if expected:
            who, asked = ({sample: facts[k] for sample, facts in about.items()} for k in (0, 1))
            cells[key] = StoredCell(key[0], key[1], tuple(rows), expected, who, asked)
    return cells
