"""This module chooses what a paper's table shows: rows, columns and marks, as texts that LaTeX and Markdown share.

Datasets that were judged in one lane stand side by side as groups of columns. Everything that a mark or a missing
number needs to be understood is a note below the table; intervals and signatures of all numbers are in the appendix.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from reports.layout import ROLES, Role, Section, TableCell, TableLine, marks, sections
from reports.model import RunData, distinctions
from reports.numbers import interval, number
from reports.paper import notes, reported, words
from reports.paper.options import TableOptions
from reports.paper.table import Group, PaperCell, PaperRow, PaperTable
from reports.screen import HEADLINES
from reports.sentences import ALPHA

#: The metrics of a table that nobody asked columns of, most important first.
DEFAULT_COLUMNS = (*HEADLINES, "fid_pair", "fvd_pair")


def kept_runs(runs: Sequence[RunData], options: TableOptions) -> list[RunData]:
    """Returns the runs with the summaries of the methods that the options want, in that order."""
    if not options.rows:
        return list(runs)
    order = {method: place for place, method in enumerate(options.rows)}
    kept = ([row for row in run.summary if row.method in order] for run in runs)
    ordered = (sorted(rows, key=lambda row: order[row.method]) for rows in kept)
    return [replace(run, summary=tuple(rows)) for run, rows in zip(runs, ordered, strict=True)]


def arranged(runs: Sequence[RunData], options: TableOptions) -> list[PaperTable]:
    """Returns a table for each lane; options as `TableOptions.for_runs` gives them.

    Datasets are groups of columns; one that was drawn by several versions of its code gets a table a version.
    """
    chosen = kept_runs(runs, options)
    tables: list[list[Section]] = []
    for section in sections(chosen, options.decimals):
        fitting = (t for t in tables if t[0].lane == section.lane and section.dataset not in {s.dataset for s in t})
        place = next(fitting, None)
        if place is None:
            tables.append([section])
        else:
            place.append(section)
    parts = [_with_numbers(found, options) for found in tables]
    described = [reported.Columns.of(found, places, chosen) for found, places in parts]
    made = [_table(found, places, chosen, options) for found, places in parts]
    with_rows = [_with_reported(t, reported.rows(c, options)) for t, c in zip(made, described, strict=True)]
    return [*with_rows, *reported.apart(described, options)]


def _with_numbers(found: Sequence[Section], options: TableOptions) -> tuple[list[Section], list[list[int]]]:
    """The sections that have a column at all, with the places of their columns; the first one where none has."""
    places = [wanted_columns(section, options) for section in found]
    kept = [k for k, own in enumerate(places) if own] or [0]
    return [found[k] for k in kept], [places[k] for k in kept]


def _with_reported(table: PaperTable, rows: Sequence[PaperRow]) -> PaperTable:
    """The table with the rows of others behind the contestants."""
    own = [row for row in table.rows if row.role == "contestant"]
    return replace(table, rows=(*own, *rows, *(row for row in table.rows if row.role != "contestant")))


def _table(
    found: Sequence[Section], chosen: Sequence[Sequence[int]], runs: Sequence[RunData], options: TableOptions
) -> PaperTable:
    groups = [_group(section, places, options, len(found) > 1) for section, places in zip(found, chosen, strict=True)]
    asked = options.columns if options.columns != ("all",) else ()
    return PaperTable(
        options.caption or words.caption(found, options),
        tuple(groups),
        _rows(found, chosen, runs, options),
        max((len(run.comparisons) for run in runs), default=0),
        (*(notes.absent(found, asked, options) if asked else ()), *notes.demo(found, chosen)),
        bool(options.caption),
        titled=len(groups) > 1,
        shrinks=not options.columns and len(groups) == 1,
    )


def _rows(
    found: Sequence[Section], chosen: Sequence[Sequence[int]], runs: Sequence[RunData], options: TableOptions
) -> tuple[PaperRow, ...]:
    """One row for a method on all datasets."""
    rows: dict[tuple[Role, str], list[PaperCell | None]] = {}
    start, width = 0, sum(map(len, chosen))
    for section, places in zip(found, chosen, strict=True):
        for line in section.lines:
            cells = rows.setdefault((line.role, words.label_of(line, options)), [None] * width)
            cells[start : start + len(places)] = [cell_of(section, line, place, runs) for place in places]
        start += len(places)
    return tuple(
        PaperRow(label, role, tuple(cells)) for one in ROLES for (role, label), cells in rows.items() if role == one
    )


def wanted_columns(section: Section, options: TableOptions) -> list[int]:
    """Returns the places of the columns that the options want, in their order.

    Of a metric under several signatures those stand here that some method needs to have a number at all.
    """
    if options.columns == ("all",):
        return list(range(len(section.columns)))
    places: list[int] = []
    for metric in options.columns or DEFAULT_COLUMNS:
        covered: set[int] = set()
        for place, column in enumerate(section.columns):
            lines = {k for k, line in enumerate(section.lines) if _value(line.cells[place]) is not None}
            if column.fact.name == metric and lines - covered:
                covered |= lines
                places.append(place)
    return places or ([] if options.columns else list(range(len(section.columns))))


def _value(cell: TableCell | None) -> float | None:
    return cell.row.value if cell is not None else None


def _group(section: Section, places: Sequence[int], options: TableOptions, several: bool) -> Group:
    title = words.name_of(section.dataset, options)
    columns = [section.columns[place] for place in places]
    heads = []
    for place, column in zip(places, columns, strict=True):
        alike = [one.signature for one in columns if one.fact.name == column.fact.name]
        head = words.head(column, distinctions(alike)[column.signature], options)
        heads.append(replace(head, note=notes.covered(section, place, options, f" on {title}" if several else "")))
    return Group(title, tuple(heads))


def cell_of(section: Section, line: TableLine, place: int, runs: Sequence[RunData]) -> PaperCell | None:
    """Returns a number of a section with its rank, its marks and its interval."""
    cell = line.cells[place]
    if cell is None:
        return None
    row, beats = cell.row, cell.rank == "best" and _beats_second(section, line, place, runs)
    half = "" if row.low is None or row.high is None else number((row.high - row.low) / 2, cell.places)
    signs = "‡" * beats + marks(cell)
    return PaperCell(number(row.value, cell.places), cell.rank, signs, half, interval(row.low, row.high, cell.places))


def _beats_second(section: Section, line: TableLine, place: int, runs: Sequence[RunData]) -> bool:
    """Whether the paired test of their run shows a difference to every method that is second (Holm's correction)."""
    seconds = [other for other in section.lines if (cell := other.cells[place]) is not None and cell.rank == "second"]
    column = section.columns[place]
    shown = {
        frozenset((one.first, one.second))
        for one in runs[line.run].comparisons
        if (one.dataset, one.metric, one.signature) == (section.dataset, column.fact.name, column.signature)
        and one.p_holm <= ALPHA
        and one.difference != 0
    }
    return bool(seconds) and all(
        other.run == line.run and frozenset((line.method, other.method)) in shown for other in seconds
    )
