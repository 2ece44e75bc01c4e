"""This module writes the table as plain text, printed at the end of a run: 100 columns wide, two rows per method."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from harness.reasons import sentence
from harness.streams import printable
from reports.failures import failures
from reports.fairness import fairness
from reports.layout import ROLES, Column, Section, TableCell, TableLine, sections
from reports.model import RunData
from reports.numbers import coverage, interval, number

WIDTH = 100
_GAP = 2
_UNDEFINED = "too_few"  # every clip is scored, and yet the set has no number
_MARKS = "* best, + second contestant, ~ too few clips to rank; scored/expected; [95 % interval over people]"


def table(run: RunData | Sequence[RunData], width: int = WIDTH) -> str:
    """Returns the sections, then the missing numbers with their reasons; a last line explains the marks."""
    runs = [run] if isinstance(run, RunData) else list(run)
    parts: list[str] = []
    for section in sections(runs):
        parts += [
            f"{printable(section.dataset)}  lane {section.lane}  protocol {printable(' + '.join(section.protocols))}",
            "",
        ]
        for block in _blocks(section, width):
            parts += [*_block(section, block), ""]
        parts += _limits(section, runs, width)
    parts.append(_MARKS)
    return "\n".join([*parts, *_missing(runs)]) + "\n"


def _blocks(section: Section, width: int) -> list[list[int]]:
    """Columns cut into blocks that fit the width; a block has at least one."""
    blocks: list[list[int]] = []
    left = 0
    for place in range(len(section.columns)):
        need = _width(section, place) + _GAP
        if not blocks or need > left:
            blocks.append([])
            left = width - _names(section)
        blocks[-1].append(place)
        left -= need
    return blocks


def _names(section: Section) -> int:
    return max(len(_label(line)) for line in section.lines)


def _label(line: TableLine) -> str:
    return printable(line.label) + ("" if line.role == "contestant" else f" ({line.role})")


def _width(section: Section, place: int) -> int:
    texts = [_head(section.columns[place])]
    for line in section.lines:
        texts += _texts(line.cells[place])
    return max(len(text) for text in texts)


def _head(column: Column) -> str:
    return printable(column.title)


def _texts(cell: TableCell | None) -> tuple[str, str]:
    """The two texts of a cell: value with coverage, and its interval."""
    if cell is None:
        return "", ""
    mark = {"best": "*", "second": "+", "": "~" if cell.partial else ""}[cell.rank] + "§" * cell.unaligned
    return f"{number(cell.row.value, cell.places)}{mark} {coverage(cell.row)}", interval(
        cell.row.low, cell.row.high, cell.places
    )


def _block(section: Section, places: Sequence[int]) -> list[str]:
    widths = [_width(section, place) for place in places]
    names, gap = _names(section), " " * _GAP

    def row(label: str, texts: Sequence[str]) -> str:
        cells = [text.rjust(size) for text, size in zip(texts, widths, strict=True)]
        return gap.join([label.ljust(names), *cells]).rstrip()

    out = [row("", [_head(section.columns[place]) for place in places])]
    rule = "-" * (names + sum(widths) + _GAP * len(widths))
    for role in ROLES:
        lines = section.of(role)
        out += [rule] if lines else []
        for line in lines:
            top, below = zip(*(_texts(line.cells[place]) for place in places), strict=True)
            out.append(row(_label(line), top))
            if any(below):
                out.append(row("", below))
    return out


def _limits(section: Section, runs: Sequence[RunData], width: int) -> list[str]:
    """What some methods could not do, so that their numbers are not misread; the page says what each was given."""
    notes = [printable(note.text) for note in fairness(section, runs) if note.limit]
    lines = [textwrap.wrap(note, width, initial_indent="  ", subsequent_indent="    ") for note in notes]
    return ["Fair play:", *(line for lines_of_note in lines for line in lines_of_note), ""] if lines else []


def _missing(runs: Sequence[RunData]) -> list[str]:
    """One line per reason: how many clips of which methods, then the metrics that lack them."""
    titles: dict[tuple[str, str], list[str]] = {}
    for failure in (failure for run in runs for failure in failures(run)):
        clips = f"{len(failure.clips)} clip{'s' * (len(failure.clips) > 1)}; {failure.who()}"
        titles.setdefault((sentence(failure.reason), clips), []).append(failure.title)
    for column in (column for section in sections(runs) for column, why in section.empty if why == _UNDEFINED):
        titles.setdefault((sentence(_UNDEFINED), "whole sets"), []).append(column.fact.title)
    lines = [printable(f"  {why} ({clips}): {', '.join(found)}") for (why, clips), found in titles.items()]
    return ["Not measured:", *lines] if lines else []
