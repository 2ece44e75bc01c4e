"""This module writes the one screen that ends a run: headline metrics, who beats whom, and where everything is.

The whole table is `reports.terminal.table`; here a number has half its interval's length behind it, and coverage only
where it is not whole.
"""

from __future__ import annotations

import math
import re
import textwrap
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from harness.reasons import sentence
from harness.streams import printable
from reports.failures import failures
from reports.fairness import fairness
from reports.fitting import Block, fitted, shortened, wrapped
from reports.layout import Column, Section, TableCell, TableLine, sections
from reports.model import RunData
from reports.numbers import coverage, interval, number
from reports.sentences import Sentence, sentences

#: The metrics that a first look needs, in order; each the first of its columns.
HEADLINES = ("emotion_acc", "ext_acc", "lse_c", "lse_d", "identity_sim", "fid", "fvd")
#: How many sentences are told of differences that hold, and of what is too small to tell: as many as there is room for.
_SENTENCES = ((4, 2), (3, 2), (3, 1), (2, 1), (1, 1))
LINES = 28  # where nobody says how many; reasons and places follow
_HEAD_LINES = 3
_ASKEW = 0.3  # of half an interval, from which on it is no ±
_ROLES = {"contestant": "", "ceiling": "ceiling", "floor": "floors"}

Ink = Callable[[str, str], str]  # (text, kind: bold | dim | good) → the text in that ink


def plain(text: str, kind: str) -> str:
    """Returns the text as it is, for what is no terminal."""
    return text


def screen(
    runs: Sequence[RunData], width: int, ink: Ink = plain, metrics: Sequence[str] = (), room: int = LINES
) -> str:
    """Returns the screen of one or more runs: at most `width` columns wide, and `room` lines long if a few rows of each
    table fit in there.

    metrics: keys, instead of `HEADLINES`.
    """
    known = sections(runs)
    blocks = [_block(section, _headlines(section, metrics or HEADLINES), runs, width, ink) for section in known]
    ranked = any(cell is not None and cell.rank for s in known for line in s.lines for cell in line.cells)
    found = sentences(runs)
    claims = [_claims(found, ranked, width, ink, most) for most in _SENTENCES]
    return "\n".join(fitted(blocks, claims, room)) + "\n"


def _headlines(section: Section, wanted: Sequence[str]) -> list[int]:
    """Places of the wanted columns that have a number; of all of them where none is wanted."""
    first: dict[str, int] = {}
    for place, column in enumerate(section.columns):
        first.setdefault(column.fact.name, place)
    return [first[name] for name in wanted if name in first] or list(range(len(section.columns)))


def _block(section: Section, places: Sequence[int], runs: Sequence[RunData], width: int, ink: Ink) -> Block:
    """One row a method; columns that do not fit are left to the page, and a line says so."""
    names = min(_longest_name(width), max(len(printable(line.label)) for line in section.lines))
    texts = {place: [_text(line.cells[place]) for line in section.lines] for place in places}
    heads = {place: _head(section.columns[place], max(map(len, texts[place]))) for place in places}
    sizes = {place: max(map(len, (*heads[place], *texts[place]))) for place in places}
    shown: list[int] = []
    for place in places:
        if names + sum(sizes[k] + 2 for k in (*shown, place)) <= width or not shown:
            shown.append(place)
    deep = max((len(heads[k]) for k in shown), default=0)  # no column: nothing was measured
    stacked = {k: [*[""] * (deep - len(heads[k])), *heads[k]] for k in shown}
    above = [(" " * names + "".join(f"  {stacked[k][d].rjust(sizes[k])}" for k in shown)).rstrip() for d in range(deep)]
    rows: list[str] = []
    role = "contestant"
    for number_of, line in enumerate(section.lines):
        if line.role != role:
            role = line.role
            rows.append(ink(f"{_ROLES[role]}:", "dim"))
        rows.append(_row(line, names, [(texts[k][number_of].rjust(sizes[k]), line.cells[k]) for k in shown], ink))
    left_out = [section.columns[k].fact.short for k in places if k not in shown]
    rest = f"(no room for {', '.join(left_out)}: a wider terminal, or --columns, shows them)"
    notes = [wrapped(f"  {printable(note.text)}", width) for note in fairness(section, runs) if note.limit]
    head = [*_heading(section, width, ink), *(ink(text, "dim") for text in above)]
    return Block(tuple(head), tuple(rows), tuple(wrapped(rest, width).split("\n")) if left_out else (), tuple(notes))


def _longest_name(width: int) -> int:
    """How much of a row a method's name may take."""
    return max(12, width // 3)


def _heading(section: Section, width: int, ink: Ink) -> list[str]:
    """What the table is of: dataset, lane, protocols, people, and whether small networks judged."""
    what = f"{section.dataset}, lane {section.lane}, protocol {' + '.join(section.protocols)}"
    count = section.identities
    people = f", {count} {'person' if count == 1 else 'people'}" if count else ""
    small = any("net:demo" in column.signature for column in section.columns)
    lines = wrapped(printable(what + people) + " (small demo networks)" * small, width).split("\n")
    return [ink(line, "bold") for line in lines]


def _head(column: Column, room: int) -> list[str]:
    """The title in as many lines, three at most, as make it no wider than the numbers below where that can be."""
    title = printable(f"{column.fact.short}{f' {column.arrow}' if column.arrow else ''}")
    longest = max(map(len, re.split(r"(?<=-)|\s", title)))
    tries = (textwrap.wrap(title, wide) for wide in range(max(room, longest), len(title) + 1))
    return next((lines for lines in tries if len(lines) <= _HEAD_LINES), [title])


def _text(cell: TableCell | None) -> str:
    if cell is None:
        return ""
    row, mark = cell.row, {"best": "*", "second": "+", "": ""}[cell.rank]
    covered = f" {coverage(row)}" if row.n_scored < row.n_expected else ""
    value, reach = _with_reach(cell)
    return f"{value}{mark}{reach}{covered}{'§' * cell.unaligned}"


def _with_reach(cell: TableCell) -> tuple[str, str]:
    """The value, and half its interval's length in two digits (both ends of a share far from the middle of its own)."""
    row, value = cell.row, cell.row.value
    if value is None or row.low is None or row.high is None or row.high <= row.low:
        return number(value, cell.places), ""
    half = (row.high - row.low) / 2
    if row.unit == "%" and abs(value - (row.low + row.high) / 2) > _ASKEW * half:
        return number(value, 0), f" {interval(row.low, row.high, 0)}"
    places = min(cell.places, max(0, 1 - math.floor(math.log10(half))))
    return number(value, places), f"±{number(half, places)}"


def _row(line: TableLine, names: int, cells: Sequence[tuple[str, TableCell | None]], ink: Ink) -> str:
    label = shortened(printable(line.label), names).ljust(names)
    inked = [ink(text, "good") if cell is not None and cell.rank == "best" else text for text, cell in cells]
    return "  ".join([ink(label, "bold") if line.role == "contestant" else label, *inked]).rstrip()


def _claims(found: Sequence[Sentence], ranked: bool, width: int, ink: Ink, most: tuple[int, int]) -> list[str]:
    """Differences that hold, then what is too small to tell between contestants; headline metrics first."""
    order = {name: place for place, name in enumerate(HEADLINES)}
    known = sorted((one for one in found if one.metric in order), key=lambda one: order[one.metric])
    most_held, most_unclear = most
    held = _in_turn(one for one in known if one.different)[:most_held]
    unclear = _in_turn(one for one in known if not one.different and (one.kind == "contestants" or not held))
    unclear = unclear[:most_unclear]
    marks = "* best, + second; " if ranked else ""
    lines = [ink("Who beats whom", "bold"), wrapped(f"  {marks}± or [ ]: 95 % interval over people", width)]
    lines += [wrapped(f"  {printable(one.text)}", width) for one in (*held, *unclear)]
    more = sum(one.different for one in found) - len(held)
    rest = sum(not one.different for one in found) - len(unclear)
    told = [f"{more} more differences hold" if more else "", f"{rest} more comparisons show none" if rest else ""]
    closing = "; ".join(part for part in told if part)
    lines += [wrapped(f"  {closing}: see the page.", width)] if closing else []
    return [row for line in lines for row in line.split("\n")] if found else []


def _in_turn(found: Iterable[Sentence]) -> list[Sentence]:
    """Contestants among themselves first; then each metric's first sentence, each one's second, and so on."""
    seen: Counter[tuple[str, str]] = Counter()
    ranked = []
    for one in found:
        ranked.append((one.kind != "contestants", seen[one.kind, one.metric], one))
        seen[one.kind, one.metric] += 1
    return [one for *_, one in sorted(ranked, key=lambda entry: entry[:2])]


def lost(runs: Sequence[RunData], most: int = 4) -> list[str]:
    """Returns the commonest reasons why numbers are missing, a line each: how many clips, and which metrics."""
    found: dict[str, tuple[set[tuple[str, ...]], dict[str, None]]] = {}
    for failure in (failure for run in runs for failure in failures(run)):
        clips, titles = found.setdefault(failure.reason, (set(), {}))
        clips.update((failure.dataset, *clip[:2]) for clip in failure.clips)
        titles[failure.title] = None
    ranked = sorted(found.items(), key=lambda pair: -len(pair[1][0]))
    lines = [_reason(sentence(reason), len(clips), list(titles)) for reason, (clips, titles) in ranked[:most]]
    return lines + ([f"and {len(ranked) - most} more reasons"] if len(ranked) > most else [])


def _reason(why: str, clips: int, titles: list[str]) -> str:
    where = ", ".join(titles) if len(titles) <= 3 else f"{len(titles)} metrics"
    return f"{why}: {clips} clip{'s' * (clips > 1)} ({where})"
