"""This module finds a method's standing: the newest run of it on each dataset, lane, protocol and version of data.

Older runs of the same method are its history. Numbers of two signatures never share a column, here or there.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import Any

from harness.records import SummaryRow
from reports.layout import ROLES, Section, TableLine, sections
from reports.model import RunData
from reports.page_table import headlines_first


@dataclass(frozen=True)
class Board:
    """Names what all numbers of one table were measured on, and how."""

    dataset: str
    lane: str
    protocol: str
    drawn: str  # the version of the code that drew the data, "" for recorded data

    @property
    def title(self) -> str:
        """Returns the board in words."""
        data = f"{self.dataset} (version {self.drawn})" if self.drawn else self.dataset
        return f"{data}, lane {self.lane}, protocol {self.protocol}"


def dated(run: RunData) -> datetime | None:
    """Returns when a run was made, in UTC: by its run.json, or that file's time for older runs; None without either."""
    told = _made_with(run).get("date")
    if isinstance(told, str):
        try:
            found = datetime.fromisoformat(told)
        except ValueError:
            return None
        return found.astimezone(timezone.utc) if found.tzinfo else found.replace(tzinfo=timezone.utc)
    path = run.folder / "run.json" if run.folder is not None else None
    return datetime.fromtimestamp(path.stat().st_mtime, timezone.utc) if path and path.is_file() else None


def committed(run: RunData) -> str:
    """Returns the first ten digits of the commit a run was made with, and + where it had changes; "" if unknown."""
    made = _made_with(run)
    commit = made.get("commit")
    return f"{commit[:10]}{'+' if made.get('dirty') else ''}" if isinstance(commit, str) else ""


def _made_with(run: RunData) -> Mapping[str, Any]:
    made = run.facts.get("made_with")
    return made if isinstance(made, Mapping) else {}


def in_order(runs: Sequence[RunData]) -> list[RunData]:
    """Returns runs by date, the oldest first; those without a date before all others, as they were given."""
    first = datetime.min.replace(tzinfo=timezone.utc)
    return sorted(runs, key=lambda run: dated(run) or first)


def board_of(run: RunData, row: SummaryRow) -> Board:
    """Returns the board that a number belongs to."""
    return Board(row.dataset, run.lane, run.protocol, str(run.facts.get("dataset_version") or ""))


def standings(runs: Sequence[RunData]) -> dict[Board, tuple[list[RunData], Section]]:
    """Returns each board with its runs, cut to what is shown, and its table; runs: the oldest first.

    Of each method and board the newest run that has a number is shown, the best line first by the first headline. Where
    a board has one version of its data, its name leaves it out.
    """
    newest: dict[tuple[Board, str], int] = {}
    for index, run in enumerate(runs):
        for row in run.summary:
            if row.value is not None:
                newest[board_of(run, row), row.method] = index
    found: dict[Board, tuple[list[RunData], Section]] = {}
    for board in dict.fromkeys(board for board, _ in newest):
        cut = [
            _cut(run, board, {m for (b, m), k in newest.items() if (b, k) == (board, i)}) for i, run in enumerate(runs)
        ]
        shown = [run for run in reversed(cut) if run.summary]
        found[board] = shown, _best_first(sections(shown)[0])
    several = {(b.dataset, b.lane, b.protocol) for b in found if sum(_same(b, other) for other in found) > 1}
    return {
        board if (board.dataset, board.lane, board.protocol) in several else replace(board, drawn=""): told
        for board, told in found.items()
    }


def _best_first(section: Section) -> Section:
    """The section with its headlines in front, and the lines of each role by the first of them that has numbers."""
    section, headlines = headlines_first(section)
    if not headlines:
        return section
    sign = -1.0 if section.columns[0].fact.higher_is_better else 1.0

    def place(line: TableLine) -> tuple[int, float]:
        cell = line.cells[0]
        value = cell.row.value if cell is not None else None
        return ROLES.index(line.role), math.inf if value is None else sign * value

    return replace(section, lines=tuple(sorted(section.lines, key=place)))


def _same(one: Board, other: Board) -> bool:
    return replace(one, drawn="") == replace(other, drawn="")


def _cut(run: RunData, board: Board, methods: set[str]) -> RunData:
    """The run with its numbers of these methods on this board alone."""
    rows = tuple(row for row in run.summary if row.method in methods and board_of(run, row) == board)
    return replace(run, summary=rows)
