"""This module writes every number of the tables as a LaTeX macro, so that running text and table cannot disagree."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from itertools import chain, count

from reports.layout import Section, TableCell, letters, sections
from reports.model import RunData
from reports.numbers import number

_DIGITS = dict(
    zip("0123456789", ["Zero", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine"], strict=True)
)
_ENDS = ("", "Low", "High", "Scored", "Expected")


def numbers(runs: Sequence[RunData]) -> str:
    r"""Returns the whole of numbers.tex: \newcommand for value, interval ends and coverage of every cell.

    Names hold letters only: \cmb + dataset + method + metric (+ lane, or X and a letter, where two would clash) +
    ``Low``, ``High``, ``Scored``, ``Expected`` or nothing.
    """
    parts = ["% One macro per number. Written by cmet-bench; \\input this file in the preamble.", ""]
    taken: set[str] = set()
    for section in sections(runs):
        for line in section.lines:
            for column, cell in zip(section.columns, line.cells, strict=True):
                if cell is not None:
                    name = _unique(_name(section.dataset, line.label, column.fact.short), section, taken)
                    parts += _macros(name, cell)
    return "\n".join(parts).rstrip() + "\n"


def _macros(name: str, cell: TableCell) -> list[str]:
    row = cell.row
    found = {"": number(row.value, cell.places), "Scored": str(row.n_scored), "Expected": str(row.n_expected)}
    if row.low is not None and row.high is not None:
        found |= {"Low": number(row.low, cell.places), "High": number(row.high, cell.places)}
    marks = {"": r"^{\S}"} if cell.unaligned else {}
    return [
        rf"\newcommand{{\{name}{end}}}{{\ensuremath{{{_math(text)}{marks.get(end, '')}}}}}"
        for end, text in found.items()
    ]


def _math(text: str) -> str:
    return text.replace("−", "-").replace("–", r"\mbox{--}")


def _name(*parts: str) -> str:
    words = [word for part in parts for word in _words(part)]
    return "cmb" + "".join(word[:1].upper() + word[1:] for word in words)


def _words(text: str) -> list[str]:
    """Runs of ASCII letters; a digit becomes its word, anything else parts words."""
    bare = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    spaced = "".join(f" {_DIGITS[c]} " if c in _DIGITS else c if c.isalpha() else " " for c in bare)
    return spaced.split()


def _unique(name: str, section: Section, taken: set[str]) -> str:
    """The first free one of `name`, `name` with the lane, `name` with a letter; the table's order decides.

    Free is one whose every ending is: a metric may be called as another one's `Low`.
    """
    with_lane = name + "".join(word.capitalize() for word in _words(section.lane))
    more = (f"{name}X{letters(place).upper()}" for place in count(1))
    free = next(one for one in chain([name, with_lane], more) if taken.isdisjoint(one + end for end in _ENDS))
    taken.update(free + end for end in _ENDS)
    return free
