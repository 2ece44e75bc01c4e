"""These records are a paper's table before it is written: texts, ranks and marks, in the order of the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

RowRole = Literal["contestant", "reported", "ceiling", "floor"]


@dataclass(frozen=True)
class PaperCell:
    """Holds one number as texts: its value, how it ranks, signs behind it, and its interval in both forms."""

    value: str
    rank: str = ""  # best | second | ""
    marks: str = ""
    half: str = ""
    interval: str = ""


@dataclass(frozen=True)
class Head:
    """Holds what stands above a column: a word, its subscript, and a second line (the unit) with the arrow.

    note: of its numbers, printed below the table; foot: its signature, printed where `mark` names it.
    """

    word: str
    sub: str = ""
    unit: str = ""
    arrow: str = ""
    own: bool = False  # in the author's words
    note: str = ""
    mark: str = ""
    title: str = ""
    foot: str = ""
    also: str = ""  # what else the foot says: chance, N


@dataclass(frozen=True)
class Group:
    """Holds the columns of one dataset; `title` is printed where there are several."""

    title: str
    heads: tuple[Head, ...]


@dataclass(frozen=True)
class PaperRow:
    """Holds one method; `cite`: the key of the paper that reported its numbers, where they are not ours."""

    label: str
    role: RowRole
    cells: tuple[PaperCell | None, ...]
    cite: str = ""


@dataclass(frozen=True)
class PaperTable:
    """Holds one table with its caption and the notes that stand below it whatever columns it has."""

    caption: str
    groups: tuple[Group, ...]
    rows: tuple[PaperRow, ...]
    tests: int = 0  # so many comparisons are corrected for in the sign of significance
    notes: tuple[str, ...] = ()
    own_caption: bool = False  # in the author's words
    titled: bool = False  # its columns' datasets are named above them, as there are several
    shrinks: bool = False  # may lose its last columns where they have no room
    closing: tuple[str, ...] = ()  # sentences of their own below the last of the table's parts

    @property
    def heads(self) -> tuple[Head, ...]:
        """Returns the heads of all groups."""
        return tuple(head for group in self.groups for head in group.heads)

    def part(self, places: Sequence[int]) -> PaperTable:
        """Returns the table with these of its columns."""
        groups, at = [], 0
        for group in self.groups:
            kept = [k - at for k in places if at <= k < at + len(group.heads)]
            at += len(group.heads)
            if kept:
                groups.append(Group(group.title, tuple(group.heads[k] for k in kept)))
        rows = tuple(replace(row, cells=tuple(row.cells[k] for k in places)) for row in self.rows)
        return replace(self, groups=tuple(groups), rows=rows)
