"""This module reads the csv files that raters send back, and leaves out raters who fail the attention checks.

A file that is not what the page writes is one sentence that names the file and its line: no answer is guessed at.
"""

from __future__ import annotations

import csv
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.errors import CannotCompareError, UsageError
from reports.study.design import most_wrong
from reports.study.key import Key

COLUMNS = ("rater", "item", "answer", "seconds", "order")
BROKEN, UNSURE = "broken", "unsure"
_AS_WRITTEN = "Take the file as the page wrote it."


@dataclass(frozen=True)
class Answer:
    """Holds one line of a rater's file."""

    rater: int
    item: str  # blind name
    answer: str  # left, right, an emotion, `unsure`, or `broken` where a clip did not play
    seconds: float  # from when the clips were shown
    order: int  # from 1


@dataclass(frozen=True)
class Sorted:
    """Holds the answers that count, checks left out, and why raters are left out."""

    answers: tuple[Answer, ...]  # of raters who passed; without those whose clips did not play
    kept: tuple[int, ...]
    failed: tuple[int, ...]  # raters who got too many checks wrong
    unfinished: tuple[int, ...]  # raters who left before their last check
    broken: int  # answers of kept raters whose clips did not play


def files(paths: Sequence[Path]) -> list[Path]:
    """Returns csv files, and those of folders. Raises UsageError where there is none."""
    found: list[Path] = []
    for path in paths:
        inside = sorted(path.glob("*.csv")) if path.is_dir() else [path]
        if not inside:
            raise UsageError(f"There is no csv file in '{path}'.", "Put the raters' files there.")
        found += inside
    return found


def read(paths: Sequence[Path], key: Key) -> list[Answer]:
    """Returns the answers of all files, in their order. Raises UsageError for what the page of this study cannot have
    written, and for an item that is answered twice.
    """
    seen: dict[str, Path] = {}
    answers = []
    for path in files(paths):
        for line, row in _rows(path):
            answer = _answer(row, key, f"Line {line} of {path}")
            if answer.item in seen:
                where = "the same file" if seen[answer.item] == path else f"'{seen[answer.item]}'"
                what = f"Line {line} of {path} answers item {answer.item} of rater {answer.rater} again, after {where}."
                raise UsageError(what, "Keep one file a rater.")
            seen[answer.item] = path
            answers.append(answer)
    return answers


def _rows(path: Path) -> Iterator[tuple[int, Mapping[str, str]]]:
    """(line, {column: text}) of one file."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream, strict=True)
            head = next(reader, [])
            rows = [(reader.line_num, row) for row in reader if row]
    except OSError as error:
        raise UsageError(
            f"{path} cannot be read: {error.strerror}.", "Name csv files of raters, or a folder."
        ) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{path} cannot be read as a csv file: {error}.", _AS_WRITTEN) from error
    if tuple(head) != COLUMNS:
        raise UsageError(f"{path} does not begin with the line {','.join(COLUMNS)}.", _AS_WRITTEN)
    for line, row in rows:
        if len(row) != len(COLUMNS):
            raise UsageError(f"Line {line} of {path} has {len(row)} cells, not {len(COLUMNS)}.", _AS_WRITTEN)
        yield line, dict(zip(COLUMNS, row, strict=True))


def _answer(row: Mapping[str, str], key: Key, where: str) -> Answer:
    rater, name, answer = int(_number(row["rater"], "rater", where)), row["item"], row["answer"]
    if rater not in key.order:
        raise UsageError(f"{where}: there is no rater {rater}; the study has {len(key.order)}.", _AS_WRITTEN)
    if name not in key.items:
        raise UsageError(f"{where}: item {name[:40]!r} is not of this study.", "Name the study it was made for.")
    if name not in key.order[rater]:
        raise UsageError(f"{where}: item {name} was not given to rater {rater}.", _AS_WRITTEN)
    known = ("left", "right") if key.items[name].right else (*key.choices, UNSURE)
    if answer not in (*known, BROKEN):
        raise UsageError(f"{where}: {answer[:40]!r} is none of {', '.join(known)}.", _AS_WRITTEN)
    seconds, order = _number(row["seconds"], "seconds", where), int(_number(row["order"], "order", where))
    return Answer(rater, name, answer, seconds, order)


def _number(text: str, column: str, where: str) -> float:
    """A number of at least 0, whole but for seconds."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < 1e9 or (column != "seconds" and value != int(value)):
        raise UsageError(f"{where}: {column} {text[:40]!r} is no such number.", _AS_WRITTEN)
    return value


def sort_out(answers: Sequence[Answer], key: Key) -> Sorted:
    """Returns the answers that count. Raises CannotCompareError where no rater is left."""
    by_rater: dict[int, dict[str, str]] = defaultdict(dict)
    for one in answers:
        by_rater[one.rater][one.item] = one.answer
    kept, failed, unfinished = [], [], []
    for rater, given in sorted(by_rater.items()):
        asked = [name for name in key.order[rater] if key.items[name].truth]
        played = [name for name in asked if given.get(name, BROKEN) != BROKEN]
        wrong = sum(given[name] != key.items[name].truth for name in played)
        if wrong > most_wrong(len(played)) or (asked and not played and all(name in given for name in asked)):
            failed.append(rater)
        elif any(name not in given for name in asked):
            unfinished.append(rater)
        else:
            kept.append(rater)
    if not kept:
        told = f"{len(failed)} failed the attention checks, {len(unfinished)} left before the last one"
        raise CannotCompareError(f"No rater is left of {len(by_rater)}: {told}.", "Ask more people.")
    counted = [one for one in answers if one.rater in kept and not key.items[one.item].truth]
    counting = tuple(one for one in counted if one.answer != BROKEN)
    return Sorted(counting, tuple(kept), tuple(failed), tuple(unfinished), len(counted) - len(counting))
