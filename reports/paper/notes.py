"""This module writes the notes below a paper's table: what its marks mean, and which numbers are of fewer clips."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.reasons import sentence
from reports.layout import Section
from reports.legend import RANKED, UNALIGNED
from reports.numbers import coverage
from reports.paper.options import Spread, TableOptions
from reports.paper.table import PaperTable
from reports.paper.words import label_of, name_of
from reports.sentences import ALPHA


def below(table: PaperTable, spread: Spread) -> Iterator[str]:
    """Yields the notes of a table, or of a part of one: its marks, its columns' notes, its own."""
    cells = [cell for row in table.rows for cell in row.cells if cell is not None]
    signs, ranks = {sign for cell in cells for sign in cell.marks}, {cell.rank for cell in cells}
    if "best" in ranks:
        second = ", underlined: second" if "second" in ranks else ""
        yield f"Bold: best{second} among contestants, {RANKED}."
    if "‡" in signs:
        level = f"p ≤ {ALPHA:g} after Holm's correction for {table.tests} comparisons"
        yield f"‡: better than the second (paired, {level})."
    if "†" in signs:
        yield "†: too few clips scored to be ranked."
    if "§" in signs:
        yield f"§: {UNALIGNED}."
    if spread == "pm" and any(cell.half for cell in cells):
        yield "±: half the length of the 95 % interval (both ends: appendix)."
    if spread == "intervals" and any(cell.interval for cell in cells):
        yield "In brackets: 95 % interval."
    yield from (head.note for head in table.heads if head.note)
    yield from table.notes


def covered(section: Section, place: int, options: TableOptions, where: str) -> str:
    """Says how many clips were scored, where these are not all: once if that is the same for all methods."""
    cells = {label_of(line, options): cell for line in section.lines if (cell := line.cells[place]) is not None}
    short = {label: coverage(cell.row) for label, cell in cells.items() if cell.row.n_scored < cell.row.n_expected}
    if not short:
        return ""
    same = len(set(short.values())) == 1 and len(short) == len(cells)
    told = next(iter(short.values())) if same else ", ".join(f"{label} {text}" for label, text in short.items())
    return f"{section.columns[place].fact.title}{where}: clips scored: {told}."


def absent(found: Sequence[Section], metrics: Sequence[str], options: TableOptions) -> Iterator[str]:
    """Yields a note for each metric that has no number; metrics: those that were asked for, all for none."""
    for section in found:
        where = f" on {name_of(section.dataset, options)}" if len(found) > 1 else ""
        for column, why in section.empty:
            if column.fact.name in metrics or not metrics:
                yield f"{column.fact.title}{where}: no number{': ' if why else ''}{sentence(why)}."


def demo(found: Sequence[Section], chosen: Sequence[Sequence[int]]) -> Iterator[str]:
    """Yields the warning that belongs to numbers of the small networks."""
    lines = [section.columns[k].signature for section, places in zip(found, chosen, strict=True) for k in places]
    if any("net:demo" in line for line in lines):
        yield "Judged by small demo networks, which say nothing of real faces."
