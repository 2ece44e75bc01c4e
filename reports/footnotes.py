"""This module collects the footnotes of a table's numbers: chance, a label's ceiling, N and its warning, p.

A note that all methods of a column share stands there once.
"""

from __future__ import annotations

from dataclasses import dataclass

from reports.layout import Column, Section

_BETWEEN = "; "


@dataclass(frozen=True)
class Footnotes:
    """Holds one column's notes: `common` to all its methods ("" if none is), and each method's `own` (label, notes)."""

    column: Column
    common: str
    own: tuple[tuple[str, str], ...]


def footnotes(section: Section) -> list[Footnotes]:
    """Returns the footnotes of the columns whose numbers have notes, in order."""
    return [noted for place in range(len(section.columns)) if (noted := _footnotes(section, place)) is not None]


def _footnotes(section: Section, place: int) -> Footnotes | None:
    notes = {
        line.label: cell.row.note.split(_BETWEEN)
        for line in section.lines
        if (cell := line.cells[place]) is not None and cell.row.value is not None and cell.row.note
    }
    if not notes:
        return None
    numbers = sum(1 for line in section.lines if (cell := line.cells[place]) is not None and cell.row.value is not None)
    first_notes = next(iter(notes.values()))
    shared = (
        [part for part in first_notes if all(part in parts for parts in notes.values())]
        if len(notes) == numbers
        else []
    )
    rest = {label: [part for part in parts if part not in shared] for label, parts in notes.items()}
    own = tuple((label, _BETWEEN.join(parts)) for label, parts in rest.items() if parts)
    return Footnotes(section.columns[place], _BETWEEN.join(shared), own)
