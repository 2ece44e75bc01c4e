"""This module makes the last screen of a run as long as a terminal is high: what has no room is counted, and the
option that shows it is named.

Sentences become few first; then remarks go, from the last on; then tables lose rows from their end, where floors are.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

ALL = "--columns all"  # shows every row and remark
_LEAST_ROWS = 2  # of a table that has to be cut


def wrapped(text: str, width: int) -> str:
    """Returns a paragraph in lines of the width, all but the first indented."""
    return textwrap.fill(text, width, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False)


def height(lines: Sequence[str], width: int) -> int:
    """Returns how many rows of a terminal these lines take; one that is longer than the width goes on below."""
    return sum(max(1, math.ceil(len(row) / width)) for line in lines for row in line.split("\n"))


def shortened(text: str, room: int) -> str:
    """Returns a text of at most `room` characters; its middle goes first, as beginnings and cures say most."""
    if len(text) <= room:
        return text
    first = (room - 3) // 2
    return f"{text[:first].rstrip()} … {text[len(text) - (room - 3 - first) :].lstrip()}"


@dataclass(frozen=True)
class Block:
    """Holds one table of the screen: its first lines, which always stay, its rows, and the remarks below it."""

    head: tuple[str, ...]
    rows: tuple[str, ...]
    tail: tuple[str, ...] = ()  # of the table, always there
    notes: tuple[str, ...] = ()  # each wrapped

    def lines(self, left_out: int) -> list[str]:
        """Returns the table without so many of its last rows; a line says how many there are."""
        kept = self.rows[: len(self.rows) - left_out]
        more = [f"({left_out} more rows: {ALL})"] if left_out else []
        return [*self.head, *kept, *more, *self.tail, ""]


def fitted(blocks: Sequence[Block], claims: Sequence[Sequence[str]], room: int) -> list[str]:
    """Returns tables, remarks and sentences in at most `room` lines, if one short table and the fewest sentences have
    room at all; claims: the sentences, from the most that may be told to the fewest.
    """
    notes = _flat([note.split("\n") for block in blocks for note in block.notes])
    tables = _flat([block.lines(0) for block in blocks])
    for told in claims[:-1]:
        if len(tables) + len(notes) + len(told) <= room:
            return _together(blocks, [0] * len(blocks), [block.notes for block in blocks], told)
    every = [note for block in blocks for note in block.notes]
    told = next((one for one in claims[-2:] if len(tables) + bool(every) + len(one) <= room), claims[-1])
    cut = _cut(blocks, room - len(told) - bool(every))
    lines = _together(blocks, cut, [()] * len(blocks), ())
    kept = _first(every, room - len(told) - len(lines) - 1)
    gone = len(every) - len(kept)
    more = [f"  {gone} more remark{'s' * (gone > 1)} on what methods were given: {ALL}"] if gone else []
    return [*lines, *_flat([note.split("\n") for note in kept]), *more, *told]


def _flat(parts: Sequence[Sequence[str]]) -> list[str]:
    return [line for part in parts for line in part]


def _together(
    blocks: Sequence[Block], cut: Sequence[int], notes: Sequence[Sequence[str]], below: Sequence[str]
) -> list[str]:
    """Tables with the remarks of each; those that were left no table are one line."""
    lines: list[str] = []
    for block, rows, own in zip(blocks, cut, notes, strict=True):
        lines += [*block.lines(rows), *_flat([note.split("\n") for note in own])] if rows >= 0 else []
    gone = sum(rows < 0 for rows in cut)
    return [*lines, *([f"({gone} more tables: {ALL})"] if gone else []), *below]


def _first(notes: Sequence[str], room: int) -> list[str]:
    """The first notes that have room together."""
    kept: list[str] = []
    for note in notes:
        if height([*kept, note], 10**6) > room:
            break
        kept.append(note)
    return kept


def _cut(blocks: Sequence[Block], room: int) -> list[int]:
    """How many rows each table loses, the longest one first; −1: the whole table goes, the last one first."""
    cut = [0] * len(blocks)

    def taken() -> int:
        whole = sum(len(block.lines(max(0, rows))) for block, rows in zip(blocks, cut, strict=True) if rows >= 0)
        return whole + any(rows < 0 for rows in cut)

    while taken() > room:
        left = [(len(block.rows) - rows if rows >= 0 else 0) for block, rows in zip(blocks, cut, strict=True)]
        longest = max(range(len(blocks)), key=lambda place: left[place])
        if left[longest] > _LEAST_ROWS:
            cut[longest] += 2 if cut[longest] == 0 else 1  # the line that counts them takes one row
        elif sum(rows >= 0 for rows in cut) > 1:
            cut[max(place for place, rows in enumerate(cut) if rows >= 0)] = -1
        else:
            break
    return cut
