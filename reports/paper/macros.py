"""This module writes every number of the tables as a LaTeX macro, so that running text and table cannot disagree."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, count

from harness.records import Comparison
from reports.breakdown import Breakdown, breakdowns
from reports.layout import Section, TableCell, letters, sections
from reports.model import RunData
from reports.numbers import decimals, difference_unit, interval, number, probability
from reports.paper.characters import escape
from reports.paper.options import DEFAULT, TableOptions

_DIGITS = dict(
    zip("0123456789", ["Zero", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine"], strict=True)
)
_ENDS = ("", "Low", "High", "Interval", "Scored", "Expected", "P")
_HEAD = r"""% One macro per number. Written by cmet-bench; \input this file in the preamble.
% \cmb + dataset + method + metric: the value; + Low, High, Interval (95 %), Scored, Expected (clips).
% The same + emotion: its value on the clips of one emotion; + Low, High, Interval, Scored, Expected.
% \cmb + dataset + method + Minus + method + metric: their difference on clips that both have; + Low, High, Interval,
% and P: the p-value of the paired test after Holm's correction, as "p = 0.012".
"""


class _Names:
    """Gives out names of letters only: \\cmb + the parts (+ the lane, or X and a letter, where two would clash)."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def of(self, lane: str, *parts: str) -> str:
        """Returns the first free name. Free is one whose every ending is: a metric may be called as another's `Low`."""
        name = "cmb" + "".join(word[:1].upper() + word[1:] for part in parts for word in _words(part))
        with_lane = name + "".join(word.capitalize() for word in _words(lane))
        more = (f"{name}X{letters(place).upper()}" for place in count(1))
        free = next(one for one in chain([name, with_lane], more) if self._taken.isdisjoint(one + end for end in _ENDS))
        self._taken.update(free + end for end in _ENDS)
        return free


def _words(text: str) -> list[str]:
    """Runs of ASCII letters; a digit becomes its word, anything else parts words."""
    bare = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    spaced = "".join(f" {_DIGITS[c]} " if c in _DIGITS else c if c.isalpha() else " " for c in bare)
    return spaced.split()


def numbers(runs: Sequence[RunData], options: TableOptions = DEFAULT) -> str:
    r"""Returns the whole of numbers.tex: \newcommand for every number, its interval and coverage.

    Its head says how they are called; options as `TableOptions.for_runs` gives them.
    """
    names = _Names()
    found = sections(runs, options.decimals)
    lines = [line for section in found for line in _section(section, names)]
    for section in found:
        for run in (run for run in runs if run.lane == section.lane):
            labels = {line.method: line.label for line in section.lines if runs[line.run] is run}
            lines += _emotions(section, run, labels, options, names)
            lines += _differences(section, run, labels, options, names)
    return "\n".join([_HEAD, *lines]).rstrip() + "\n"


def _section(section: Section, names: _Names) -> Iterator[str]:
    for line in section.lines:
        for column, cell in zip(section.columns, line.cells, strict=True):
            if cell is not None:
                yield from _cell(names.of(section.lane, section.dataset, line.label, column.fact.short), cell)


def _cell(name: str, cell: TableCell) -> Iterator[str]:
    row = cell.row
    mark = r"^{\S}" if cell.unaligned else ""
    yield _macro(name, number(row.value, cell.places), mark)
    yield from _ends(name, row.low, row.high, cell.places)
    yield from _counts(name, row.n_scored, row.n_expected)


def _emotions(
    section: Section, run: RunData, labels: Mapping[str, str], options: TableOptions, names: _Names
) -> Iterator[str]:
    """The numbers on the clips of each emotion."""
    for one in breakdowns(run):
        if one.dataset != section.dataset:
            continue
        places = _places(one, options)
        for (method, emotion), share in one.cells.items():
            if share.value is None or method not in labels:
                continue
            name = names.of(section.lane, section.dataset, labels[method], one.fact.short, emotion)
            yield _macro(name, number(share.value, places))
            yield from _ends(name, share.low, share.high, places)
            yield from _counts(name, share.n_scored, share.n_expected)


def _places(one: Breakdown, options: TableOptions) -> int:
    return options.decimals.get(one.fact.name, options.decimals.get("", one.places))


def _differences(
    section: Section, run: RunData, labels: Mapping[str, str], options: TableOptions, names: _Names
) -> Iterator[str]:
    """Both directions of every comparison, with interval and corrected p-value."""
    for one in run.comparisons:
        if one.dataset != section.dataset or not {one.first, one.second} <= set(labels):
            continue
        fact = run.fact(one.metric, one.signature)
        usual = decimals(fact.unit, [one.difference, one.low, one.high])
        places = options.decimals.get(one.metric, options.decimals.get("", usual))
        for first, second, sign in ((one.first, one.second, 1), (one.second, one.first, -1)):
            name = names.of(section.lane, section.dataset, labels[first], "minus", labels[second], fact.short)
            yield from _difference(name, one, sign, places, difference_unit(fact.unit))


def _difference(name: str, one: Comparison, sign: int, places: int, unit: str) -> Iterator[str]:
    low, high = sorted((sign * one.low, sign * one.high))
    yield _macro(name, number(sign * one.difference, places, sign=True), rf"\mbox{{{escape(unit)}}}" if unit else "")
    yield from _ends(name, low, high, places)
    yield _macro(f"{name}P", probability(one.p_holm))


def _ends(name: str, low: float | None, high: float | None, places: int) -> Iterator[str]:
    if low is not None and high is not None:
        yield _macro(f"{name}Low", number(low, places))
        yield _macro(f"{name}High", number(high, places))
        yield _macro(f"{name}Interval", interval(low, high, places))


def _counts(name: str, scored: int, expected: int) -> Iterator[str]:
    yield _macro(f"{name}Scored", str(scored))
    yield _macro(f"{name}Expected", str(expected))


def _macro(name: str, text: str, more: str = "") -> str:
    return (
        rf"\newcommand{{\{name}}}{{\ensuremath{{{text.replace('−', '-').replace('–', chr(92) + 'mbox{--}')}{more}}}}}"
    )
