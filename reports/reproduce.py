"""This module sets a published table next to ours: paper | ours | difference | explained by.

Ours stands beside a published number only if it was measured by the same protocol, in the lane and on the data of the
paper; any other number of ours is left out, and the line says what is missing and what to type to get it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from harness.records import SummaryRow
from harness.streams import printable
from reports.breakdown import breakdowns
from reports.legend import INTERVALS
from reports.markdown import escape
from reports.model import RunData
from reports.numbers import MISSING, coverage, decimals, difference_unit, interval, number
from reports.published import Published, PublishedTable, Target

_BRACKETS = f"Brackets: {INTERVALS}."
_HEAD = ("dataset", "method", "metric", "paper", "ours", "difference", "explained by")


@dataclass(frozen=True)
class Ours:
    """Holds our number for a published one."""

    value: float
    low: float | None
    high: float | None
    n_scored: int
    n_expected: int
    signature: str
    run: str


@dataclass(frozen=True)
class ReproducedNumber:
    """Holds one published number with ours, or with the reason why there is none."""

    paper: Published
    ours: Ours | None
    explained: str
    notes: int  # number of its protocol note, from 1

    def columns(self) -> tuple[str, ...]:
        """Returns the line's texts, one for each column of the table."""
        paper, ours = self.paper, self.ours
        places = max(decimals(paper.unit, [paper.value]), len(paper.text.partition(".")[2]))
        unit = f" {paper.unit}" if paper.unit else ""
        paper_value = f"{paper.text}{unit}" if paper.text else MISSING
        mine = difference = ""
        if ours is not None:
            mine = f"{number(ours.value, places)} {interval(ours.low, ours.high, places)} {coverage(ours)}"
            if paper.value is not None:
                difference = number(ours.value - paper.value, places, sign=True) + difference_unit(paper.unit)
        heads = (paper.dataset, paper.method, paper.metric)
        return (*heads, paper_value, " ".join(mine.split()), difference, f"{self.explained} [{self.notes}]")


@dataclass(frozen=True)
class Reproduction:
    """Holds a published table next to ours, its protocol notes and sources, and the commands for missing numbers."""

    table: PublishedTable
    lines: tuple[ReproducedNumber, ...]
    notes: tuple[str, ...]
    sources: tuple[str, ...]
    commands: tuple[str, ...]

    @property
    def measured(self) -> int:
        """Says how many published numbers have one of ours."""
        return sum(line.ours is not None for line in self.lines)

    def _conclusion(self) -> str:
        name = f"{self.table.title}, table {self.table.table}"
        return f"{name}: {self.measured} of {len(self.lines)} numbers measured here."

    def markdown(self) -> str:
        """Returns the table as Markdown."""
        rows = [_HEAD, ("---",) * len(_HEAD), *(tuple(map(escape, line.columns())) for line in self.lines)]
        parts = [f"## {escape(self._conclusion())}", "", *(f"| {' | '.join(row)} |" for row in rows), ""]
        parts += [f"{k}. {escape(note)}" for k, note in enumerate(self.notes, 1)]
        parts += ["", _BRACKETS] if self.measured else []
        parts += ["", "Read from: " + escape("; ".join(self.sources)) + "."]
        if self.commands:
            parts += ["", "What is missing:", "", "```", *self.commands, "```"]
        signed = dict.fromkeys(line.ours.signature for line in self.lines if line.ours is not None)
        parts += ["", *(f"- `{signature}`" for signature in signed)] if signed else []
        return "\n".join(parts).rstrip() + "\n"

    def text(self) -> str:
        """Returns the table for a terminal: aligned columns, notes below."""
        rows = [_HEAD, *(line.columns() for line in self.lines)]
        widths = [max(len(row[k]) for row in rows) for k in range(len(_HEAD) - 1)]
        out = [self._conclusion(), ""]
        for row in rows:
            cells = [text.ljust(width) for text, width in zip(row, widths, strict=False)]
            out.append("  ".join([*cells, row[-1]]).rstrip())
        out += ["", *(f"[{k}] {note}" for k, note in enumerate(self.notes, 1)), ""]
        out += [_BRACKETS] if self.measured else []
        out.append("Read from: " + "; ".join(self.sources) + ".")
        if self.commands:
            out += ["", "What is missing:", *(f"  {command}" for command in self.commands)]
        return printable("\n".join(out)) + "\n"


def reproduce(table: PublishedTable, runs: Sequence[RunData], methods: Collection[str] | None = None) -> Reproduction:
    """Puts the numbers of `runs` beside the published ones wherever protocol, lane, dataset, method and metric agree.

    `methods`: those that `run` can make itself (None: any); for the others, the command scores clips made elsewhere.
    """
    notes = list(dict.fromkeys(cell.notes for cell in table.cells))
    lines = []
    commands: dict[str, None] = {}
    for cell in table.cells:
        ours, explained = _ours(cell, runs)
        lines.append(ReproducedNumber(cell, ours, explained, notes.index(cell.notes) + 1))
        if ours is None and cell.target is not None:
            commands.setdefault(cell.target.command(methods))
    sources = tuple(dict.fromkeys(cell.source for cell in table.cells))
    return Reproduction(table, tuple(lines), tuple(notes), sources, tuple(commands))


def _ours(cell: Published, runs: Sequence[RunData]) -> tuple[Ours | None, str]:
    """(our number, what explains the difference), or (None, why there is no number of ours)."""
    target = cell.target
    if target is None:
        return None, f"not comparable: {cell.why}"
    fitting = [run for run in runs if (run.protocol, run.lane) == (target.protocol, target.lane)]
    if not fitting:
        return None, _misfit(target, runs)
    found = [(run, row) for run in fitting for row in run.summary if _fits(row, target)]
    if not found:
        return None, f"{fitting[0].name} has no {target.metric} of {target.method} on {target.dataset}"
    if len({row.signature for _, row in found}) > 1:
        return None, f"{len(found)} numbers with different signatures fit: give one run"
    run, row = found[0]
    ours = _number(run, row, target)
    if ours is None:
        return None, f"{run.name} scored {coverage(row)} clips" + (f": {row.note}" if row.note else "")
    return ours, _explained(cell, ours, run, row)


def _misfit(target: Target, runs: Sequence[RunData]) -> str:
    needed = f"needs protocol {target.protocol}, lane {target.lane}"
    if not runs:
        return f"not run yet: {needed}"
    had = ", ".join(dict.fromkeys(f"{run.name} is {run.protocol}/{run.lane}" for run in runs))
    return f"not comparable: {needed}; {had}"


def _fits(row: SummaryRow, target: Target) -> bool:
    return (row.dataset, row.method, row.metric) == (target.dataset, target.method, target.metric)


def _number(run: RunData, row: SummaryRow, target: Target) -> Ours | None:
    """The cell of the table, or of one emotion."""
    if not target.emotion:
        if row.value is None:
            return None
        return Ours(row.value, row.low, row.high, row.n_scored, row.n_expected, row.signature, run.name)
    for one in breakdowns(run):
        share = one.cells.get((row.method, target.emotion))
        if (one.dataset, one.signature) == (row.dataset, row.signature) and share and share.value is not None:
            counts = (share.n_scored, share.n_expected)
            return Ours(share.value, share.low, share.high, *counts, row.signature, run.name)
    return None


def _explained(cell: Published, ours: Ours, run: RunData, row: SummaryRow) -> str:
    """Causes of the difference that the numbers themselves show; the protocol note says the rest."""
    causes = []
    if cell.value is not None and ours.low is not None and ours.high is not None:
        inside = ours.low <= cell.value <= ours.high
        causes.append("within our interval" if inside else "beyond our interval")
    if cell.target is not None and cell.target.clips not in (None, ours.n_expected):
        causes.append(f"{ours.n_expected} clips, the paper's number is over {cell.target.clips}")
    if row.metric == "aitv":
        causes.append("seconds of another machine")
    if ours.n_scored < ours.n_expected:
        causes.append(f"{ours.n_expected - ours.n_scored} clips without a number")
    return ", ".join([*causes, *_made_with(run, row.method)]) or "measured"


def _made_with(run: RunData, method: str) -> list[str]:
    """The options that a method ran with (weights=demo, say): a paper's method has its own."""
    asked = run.facts.get("asked")
    options = asked.get("method_options") if isinstance(asked, Mapping) else None
    own = options.get(method) if isinstance(options, Mapping) else None
    return [f"{name}={value}" for name, value in sorted(own.items())] if isinstance(own, Mapping) else []
