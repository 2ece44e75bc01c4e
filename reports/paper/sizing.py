"""This module says how wide a paper's table will be, from the widths of Computer Modern's letters."""

from __future__ import annotations

from collections.abc import Sequence

from reports.paper.characters import filled, width_pt
from reports.paper.options import Spread
from reports.paper.table import Head, PaperCell, PaperRow, PaperTable

#: The narrowest places: a column of article's two-column form, and the text of its one-column form.
COLUMN_PT, PAGE_PT = 199.0, 344.0
SEPARATION_PT = {r"\small": 3.0, r"\footnotesize": 3.0, r"\scriptsize": 2.0}
SIZES = (r"\small", r"\footnotesize", r"\scriptsize")
_LABEL_CHARACTERS = {r"\small": 40, r"\footnotesize": 28, r"\scriptsize": 20}
_HEAD_CHARACTERS = {r"\small": 12, r"\footnotesize": 12, r"\scriptsize": 4}
_SUB = 0.75  # a subscript's letters are smaller
_BOLD = 1.16
_PM_PT = 3.4  # the space around the sign


def label_lines(row: PaperRow, font: str) -> list[str]:
    """Returns a row's label in lines; a word that no line can hold is cut where one ends."""
    most = _LABEL_CHARACTERS[font]
    return [line[k : k + most] for line in filled(row.label, most) for k in range(0, max(1, len(line)), most)]


def head_lines(head: Head, font: str) -> tuple[list[str], str, list[str]]:
    """Returns the lines of a head's word, its subscript, and the lines below: unit and arrow, where no line has room.

    In the smallest letters a subscript is a line of its own.
    """
    most = _HEAD_CHARACTERS[font]
    word, below = filled(head.word, most), filled(head.unit, most) if head.unit else []
    sub = head.sub
    if sub and font == SIZES[-1]:
        word, sub = [*word, sub], ""
    last = below or ([] if sub or head.own or len(word[-1]) + 2 > most else word)
    if not last:
        return word, sub, [head.arrow] if head.arrow else []
    last[-1] += f" {head.arrow}" * bool(head.arrow)
    return word, sub, below


def fits(table: PaperTable, places: Sequence[int], spread: Spread, room_pt: float) -> bool:
    """Says whether these columns fit that many points in some size of letters."""
    part = table.part(places)
    return any(width(part, spread, font) <= room_pt for font in SIZES)


def size(table: PaperTable, spread: Spread, room_pt: float) -> str:
    """Returns the largest size of letters that fits; the smallest if none does."""
    return next((font for font in SIZES if width(table, spread, font) <= room_pt), SIZES[-1])


def width(table: PaperTable, spread: Spread, font: str) -> float:
    """Returns about how wide a table is in points, in letters of that size."""
    lines = ["Method", *(line + " [00]" * bool(row.cite) for row in table.rows for line in label_lines(row, font))]
    widths = [max(width_pt(line, font) for line in lines)]
    at = 0
    for group in table.groups:
        own = [
            max([_head_pt(head, font), *(_cell_pt(row.cells[at + k], spread, font) for row in table.rows)])
            for k, head in enumerate(group.heads)
        ]
        at += len(own)
        spare = width_pt(group.title, font) - sum(own) if table.titled else 0.0
        widths += [*own, max(0.0, spare)]
    return sum(widths) + SEPARATION_PT[font] * (2 * at + 1)


def _cell_pt(cell: PaperCell | None, spread: Spread, font: str) -> float:
    if cell is None:
        return 0.0
    value = width_pt(cell.value, font) * (_BOLD if cell.rank == "best" else 1.0)
    value += width_pt(cell.marks, r"\tiny") if len(cell.marks) > 1 else 0.0  # one alone hangs over the gap
    value += width_pt(f"±{cell.half}", r"\tiny") + _PM_PT if spread == "pm" and cell.half else 0.0
    return max(value, width_pt(cell.interval, r"\tiny") if spread == "intervals" else 0.0)


def _head_pt(head: Head, font: str) -> float:
    word, sub, below = head_lines(head, font)
    widths = [width_pt(line, font) for line in (*word, *below)]
    widths[len(word) - 1] += _SUB * width_pt(sub, font)
    widths[-1] += width_pt(head.mark, r"\tiny")
    return max(widths)
