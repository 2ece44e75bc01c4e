"""What judges want read beside their numbers: chance, a label's ceiling, N and its warning, p; once if all share it."""

from __future__ import annotations

from dataclasses import dataclass

from reports.layout import Column, Section

_BETWEEN = "; "


@dataclass(frozen=True)
class Beside:
    """The remarks on one column: `common` to all its methods ("" if nothing is), and what is (label, `own`) besides."""

    column: Column
    common: str
    own: tuple[tuple[str, str], ...]


def beside(section: Section) -> list[Beside]:
    """The columns whose numbers have remarks, in order."""
    return [found for place in range(len(section.columns)) if (found := _beside(section, place)) is not None]


def _beside(section: Section, place: int) -> Beside | None:
    told = {
        line.label: cell.row.note.split(_BETWEEN)
        for line in section.lines
        if (cell := line.cells[place]) is not None and cell.row.value is not None and cell.row.note
    }
    if not told:
        return None
    numbers = sum(1 for line in section.lines if (cell := line.cells[place]) is not None and cell.row.value is not None)
    first = next(iter(told.values()))
    shared = [part for part in first if all(part in parts for parts in told.values())] if len(told) == numbers else []
    rest = {label: [part for part in parts if part not in shared] for label, parts in told.items()}
    own = tuple((label, _BETWEEN.join(parts)) for label, parts in rest.items() if parts)
    return Beside(section.columns[place], _BETWEEN.join(shared), own)
