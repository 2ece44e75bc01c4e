"""This module reads labels.csv, which labels the clips of a folder: its columns, its rows, and its faults."""

from __future__ import annotations

import csv
import os
from pathlib import Path

from harness import csv_cells
from harness.errors import UsageError

COLUMNS = ("clip", "emotion", "intensity", "identity", "reference", "aligned", "audio", "image", "speech")
_TRUE, _FALSE = ("1", "true", "yes", "y"), ("0", "false", "no", "n")


def is_yes(text: str, where: str) -> bool:
    """Says whether a cell says yes; an empty one does not. Raises UsageError for any other word."""
    word = text.strip().lower()
    if word and word not in (*_TRUE, *_FALSE):
        raise UsageError(f"{where}: aligned '{text}' is neither 1 nor 0.", "Leave it empty if unknown.")
    return word in _TRUE


def read_labels(path: Path) -> list[tuple[int, dict[str, str]]]:
    """Returns (line in the file, {column: text}) of every row. Raises UsageError for a file that is no csv of
    COLUMNS.
    """
    if path.exists() and not path.is_file():
        raise UsageError(f"{path} is no file.", "Name a csv file.")
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream, strict=True)
            columns = tuple(reader.fieldnames or ())
            rows = [(reader.line_num, row) for row in reader]
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.", "Name a csv file.") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{path} cannot be read as a csv file: {error}.", "Save it as UTF-8 with commas.") from error
    if wrong := _wrong_columns(columns):
        raise UsageError(f"{path} {wrong}.", f"Known columns: {', '.join(COLUMNS)}; commas between them.")
    for line, row in rows:
        if any(row.get(None, ())):  # the cells beyond the last column
            raise UsageError(f"Line {line} of {path} has more cells than columns.", "Put names with commas in quotes.")
    return [(line, {column: csv_cells.text(row[column] or "") for column in columns}) for line, row in rows]


def path_in(folder: Path, text: str, where: str) -> Path:
    """Returns the path that a cell names, from `folder` on. UsageError for Windows' backslashes where no file has them.

    Raises what the system raises for a text that is no path (ValueError, OSError, RuntimeError).
    """
    path = folder / text.strip()
    if "\\" in text and os.sep != "\\" and not path.exists():
        slashed = text.strip().replace("\\", "/")
        raise UsageError(f"{where}: '{text.strip()}' has backslashes, and there is no such file.", f"Write {slashed}.")
    return path


def _wrong_columns(columns: tuple[str, ...]) -> str:
    unknown = next((name for name in columns if name not in COLUMNS), None)
    if "clip" not in columns:
        return "has no column 'clip'"
    if unknown is not None:
        return f"has the unknown column '{unknown}'"
    return "has a column twice" if len(set(columns)) < len(columns) else ""
