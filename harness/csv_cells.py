"""A text in a csv file is never a formula: cells that a spreadsheet would run get an apostrophe, which readers of ours
take away again.

Numbers stay as they are, so that a column of numbers is read as one.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TextIO

_RUNS = re.compile(r"'*[=+\-@\t]")  # apostrophes in front too, so that each text has one cell
_KEPT = re.compile(r"'+[=+\-@\t]")


def cell(value: Any) -> Any:
    """Returns a value as a csv file may hold it: a text that begins with = + - @ or a tab after an apostrophe, its line
    ends as newlines (not every writer quotes the others).
    """
    if not isinstance(value, str):
        return value
    lines = value.replace("\r\n", "\n").replace("\r", "\n")
    return f"'{lines}" if _RUNS.match(lines) else lines


def text(cell: str) -> str:
    """Returns the text that `cell` was written for."""
    return cell[1:] if _KEPT.match(cell) else cell


def write(stream: TextIO, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Writes a csv of these columns, its names in the first line; what a row has beyond them is left out."""
    writer = csv.DictWriter(stream, columns, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    writer.writerows({key: cell(row.get(key)) for key in columns} for row in rows)
