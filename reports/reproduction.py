"""These records are a published table next to ours, as text for a terminal and as Markdown.

Numbers that we have stand one in a line; those that we have not are grouped by the reason, and clips without a number
by theirs, with shares by emotion and identity. One sentence says what came out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from harness.reasons import sentence
from harness.streams import printable
from reports.breakdown import emotion_order
from reports.legend import INTERVALS
from reports.markdown import escape
from reports.numbers import MISSING, coverage, decimals, difference_unit, interval, number
from reports.published import Published, PublishedTable

_BRACKETS = f"Brackets: {INTERVALS}."
_PEOPLE = 5  # that are named
_HEAD = ("dataset", "method", "metric", "paper", "ours", "difference", "explained by")


@dataclass(frozen=True)
class Ours:
    """Holds our number for a published one."""

    value: float
    low: float | None
    high: float | None
    n_scored: int
    n_expected: int
    signature: str
    run: str


@dataclass(frozen=True)
class ReproducedNumber:
    """Holds one published number with ours, or with the reason why there is none."""

    paper: Published
    ours: Ours | None
    explained: str  # what explains the difference; where there is no number of ours, the reason
    notes: int  # number of its protocol note, from 1
    within: bool | None = None  # the paper's number lies in our interval; None where that is not known

    def columns(self) -> tuple[str, ...]:
        """Returns the line's texts, one for each column of the table."""
        paper, ours = self.paper, self.ours
        places = max(decimals(paper.unit, [paper.value]), len(paper.text.partition(".")[2]))
        mine = difference = ""
        if ours is not None:
            mine = f"{number(ours.value, places)} {interval(ours.low, ours.high, places)} {coverage(ours)}"
            if paper.value is not None:
                difference = number(ours.value - paper.value, places, sign=True) + difference_unit(paper.unit)
        heads = (paper.dataset, paper.method, paper.metric)
        return (*heads, _value(paper), " ".join(mine.split()), difference, f"{self.explained} [{self.notes}]")


@dataclass(frozen=True)
class LostClips:
    """Counts the clips that some of our numbers lack for one reason: all in all, by emotion and by identity."""

    method: str
    dataset: str
    metrics: tuple[str, ...]
    reason: str
    lost: Counter[tuple[str, str]]  # ("emotion" or "identity", its name) → clips without a number
    expected: Counter[tuple[str, str]]  # the same → clips that should have one

    def words(self) -> str:
        """Returns the counts in one line, in per cent of what was expected; the people who lost most."""
        emotions = [("emotion", name) for name in emotion_order(name for kind, name in self.lost if kind == "emotion")]
        people = [key for key, _ in self.lost.most_common() if key[0] == "identity" and key[1]]
        told = [f"by emotion: {', '.join(map(self._share, emotions))}"] if emotions else []
        more = f" and {len(people) - _PEOPLE} more" if len(people) > _PEOPLE else ""
        told += [f"by identity: {', '.join(map(self._share, people[:_PEOPLE]))}{more}"] if people else []
        where = f"{', '.join(self.metrics)} of {self.method} on {self.dataset}"
        return f"{sentence(self.reason)}: {self._share(('', 'clips'))} ({where}); {'; '.join(told)}".rstrip("; ")

    def _share(self, key: tuple[str, str]) -> str:
        return f"{key[1]} {self.lost[key]}/{self.expected[key]} ({100 * self.lost[key] / self.expected[key]:.1f} %)"


@dataclass(frozen=True)
class Reproduction:
    """Holds a published table next to ours, its protocol notes and sources, and the commands for missing numbers."""

    table: PublishedTable
    lines: tuple[ReproducedNumber, ...]
    notes: tuple[str, ...]
    sources: tuple[str, ...]
    commands: tuple[str, ...]
    lost: tuple[LostClips, ...] = ()

    @property
    def measured(self) -> int:
        """Says how many published numbers have one of ours."""
        return sum(line.ours is not None for line in self.lines)

    def missing(self) -> Iterator[tuple[str, list[str]]]:
        """Yields each reason why numbers of ours are missing, with its count and share, and the published numbers a
        method.
        """
        groups: dict[str, dict[tuple[str, str], list[str]]] = {}
        for line in self.lines:
            if line.ours is None:
                paper = line.paper
                value = f"{paper.metric} {_value(paper)}"
                groups.setdefault(line.explained, {}).setdefault((paper.dataset, paper.method), []).append(value)
        for reason, methods in groups.items():
            count = sum(map(len, methods.values()))
            share = f"{count} number{'s' * (count > 1)}, {100 * count / len(self.lines):.0f} %"
            yield f"{reason} ({share})", [f"{d}, {m}: {', '.join(values)}" for (d, m), values in methods.items()]

    def conclusion(self) -> str:
        """Returns the sentence that closes it."""
        within = sum(line.within is True for line in self.lines)
        beyond = sum(line.within is False for line in self.lines)
        found = f"{self.measured} of {len(self.lines)} published numbers were measured here in the paper's way"
        if not self.measured:
            return f"{found}, so nothing is shown about this table."
        open_ones = self.measured - within - beyond
        told = f"within our 95 % interval: {within}, beyond it: {beyond}"
        return f"{found}; {told}{f', without an interval: {open_ones}' if open_ones else ''}."

    def _title(self) -> str:
        return f"{self.table.title}, table {self.table.table}"

    def _rows(self) -> list[tuple[str, ...]]:
        return [_HEAD, *(line.columns() for line in self.lines if line.ours is not None)] if self.measured else []

    def markdown(self) -> str:
        """Returns the table as Markdown."""
        parts = [f"## {escape(self._title())}", ""]
        rows = [tuple(map(escape, row)) for row in self._rows()]
        ruled = [*rows[:1], *([("---",) * len(_HEAD)] if rows else []), *rows[1:]]
        parts += [*(f"| {' | '.join(row)} |" for row in ruled), ""] if ruled else []
        parts += self._below(escape, "- ", "  - ")
        if self.commands:
            parts += ["What is missing:", "", "```", *self.commands, "```", ""]
        signed = dict.fromkeys(line.ours.signature for line in self.lines if line.ours is not None)
        parts += [*(f"- `{signature}`" for signature in signed), ""] if signed else []
        return "\n".join([*parts, f"**{escape(self.conclusion())}**"]) + "\n"

    def text(self) -> str:
        """Returns the table for a terminal: aligned columns, notes below."""
        rows = self._rows()
        widths = [max(len(row[k]) for row in rows) for k in range(len(_HEAD) - 1)] if rows else []
        out = [self._title(), ""]
        for row in rows:
            cells = [text.ljust(width) for text, width in zip(row, widths, strict=False)]
            out.append("  ".join([*cells, row[-1]]).rstrip())
        out += ["", *self._below(str, "", "  ")] if rows else self._below(str, "", "  ")
        if self.commands:
            out += ["What is missing:", *(f"  {command}" for command in self.commands), ""]
        return printable("\n".join([*out, self.conclusion()])) + "\n"

    def _below(self, escaped: Callable[[str], str], first: str, second: str) -> list[str]:
        """The groups, the lost clips, the protocol notes and the sources."""
        out: list[str] = []
        for reason, methods in self.missing():
            out += [f"{first}{escaped(reason)}", *(f"{second}{escaped(one)}" for one in methods)]
        out += [""] if out else []
        if self.lost:
            out += ["Clips without a number:", "", *(f"- {escaped(one.words())}" for one in self.lost), ""]
        out += [f"{k}. {escaped(note)}" for k, note in enumerate(self.notes, 1)]
        out += ["", _BRACKETS] if self.measured else []
        return [*out, "", "Read from: " + escaped("; ".join(self.sources)) + ".", ""]


def _value(paper: Published) -> str:
    return f"{paper.text}{f' {paper.unit}' if paper.unit else ''}" if paper.text else MISSING
