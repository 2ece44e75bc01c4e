"""This module tells how one method's numbers went from run to run: a table by date, and a line a metric."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape

from harness.records import SummaryRow
from reports.layout import Column, sections
from reports.leaderboard.standing import Board, board_of
from reports.model import RunData
from reports.numbers import interval, number
from reports.page_table import headlines_first

WIDTH, HEIGHT, _EDGE = 132, 34, 5


@dataclass(frozen=True)
class History:
    """Holds the runs of one method on one board, the oldest first, and its numbers: a tuple a run, a cell a column."""

    method: str
    board: Board
    runs: tuple[int, ...]  # places in the runs given
    columns: tuple[Column, ...]  # one a metric and signature, headlines first
    headlines: int
    cells: tuple[tuple[SummaryRow | None, ...], ...]

    def line(self, column: int) -> list[SummaryRow | None]:
        """Returns one metric's numbers under one signature, by run."""
        return [row[column] for row in self.cells]


def histories(runs: Sequence[RunData]) -> list[History]:
    """Returns the history of every contestant on every board where two runs or more have it; runs: the oldest first."""
    held: dict[tuple[str, Board], dict[int, RunData]] = {}
    for index, run in enumerate(runs):
        for method in dict.fromkeys(row.method for row in run.summary if row.method not in run.anchors):
            for board in dict.fromkeys(board_of(run, row) for row in run.summary if row.method == method):
                held.setdefault((method, board), {})[index] = run
    return [_history(method, board, found) for (method, board), found in held.items() if len(found) > 1]


def _history(method: str, board: Board, held: dict[int, RunData]) -> History:
    cut = [
        replace(run, summary=tuple(r for r in run.summary if r.method == method and board_of(run, r) == board))
        for run in held.values()
    ]
    section, headlines = headlines_first(sections(cut)[0])
    of_run = {line.run: tuple(cell.row if cell else None for cell in line.cells) for line in section.lines}
    cells = tuple(of_run.get(place, (None,) * len(section.columns)) for place in range(len(cut)))
    return History(method, board, tuple(held), section.columns, headlines, cells)


def sparkline(line: Sequence[SummaryRow | None], column: Column, words: Sequence[str]) -> str:
    """Returns the line of one metric as inline SVG; words: what to call each run. "" for fewer than two numbers.

    Every point names its number. Runs without a number leave no point, and the line goes on after them.
    """
    points = [(k, row.value, row) for k, row in enumerate(line) if row is not None and _finite(row.value)]
    values = [value for _, value, _ in points if value is not None]
    if len(values) < 2:
        return ""
    low, span = min(values), (max(values) - min(values)) or 1.0
    wide, high = WIDTH - 2 * _EDGE, HEIGHT - 2 * _EDGE
    path, dots = "", ""
    for (k, _, row), value in zip(points, values, strict=True):
        x, y = _EDGE + k * wide / (len(line) - 1), HEIGHT - _EDGE - (value - low) / span * high
        path += f" {x:.1f},{y:.1f}"
        told = escape(f"{words[k]}: {in_words(row, column)}")
        dots += f'<g><title>{told}</title><circle cx="{x:.1f}" cy="{y:.1f}" r="2.6"/></g>'
    ends = f"from {number(values[0], column.places)} to {number(values[-1], column.places)}"
    title = escape(f"{column.fact.title}, {len(points)} runs, {ends}")
    picture = f'<svg class="spark s0" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{title}">'
    return f'{picture}<polyline points="{path.strip()}"></polyline>{dots}</svg>'


def in_words(row: SummaryRow, column: Column) -> str:
    """Returns a number with its interval and coverage."""
    ends = interval(row.low, row.high, column.places)
    covered = "" if row.n_scored == row.n_expected else f"{row.n_scored}/{row.n_expected}"
    return " ".join(filter(None, (number(row.value, column.places), ends, covered)))


def _finite(value: float | None) -> bool:
    return value is not None and math.isfinite(value)
