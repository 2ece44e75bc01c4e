"""This module writes the tables as GitHub-flavoured Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from harness.reasons import sentence
from reports.breakdown import Breakdown, breakdowns
from reports.failures import failures
from reports.fairness import fairness
from reports.footnotes import footnotes
from reports.layout import ROLES, Column, Section, TableCell, has_unaligned, marks, sections
from reports.legend import INTERVALS, RANKED, UNALIGNED, people
from reports.model import RunData
from reports.numbers import MISSING, coverage, interval, number
from reports.paper.arrangement import arranged
from reports.paper.notes import below
from reports.paper.options import DEFAULT, TableOptions
from reports.paper.table import Head, PaperCell, PaperRow, PaperTable
from reports.sentences import sentences

_ESCAPED = str.maketrans(
    {c: f"\\{c}" for c in "\\`*[]|"} | {"<": "&lt;", ">": "&gt;", "&": "&amp;", "\n": " ", "\r": " "}
)
_RANKS = {"best": "**{}**", "second": "<u>{}</u>", "": "{}"}
_TITLES = {"contestant": "", "ceiling": "ceiling: ", "floor": "floor: "}


def escape(text: str) -> str:
    """Returns `text` as literal Markdown inside a table cell or a paragraph."""
    return text.translate(_ESCAPED)


def code(text: str) -> str:
    """Returns `text` as a code span, whatever it holds."""
    flat = text.replace("\n", " ").replace("\r", " ")
    longest = max((len(run) for run in _backticks(flat)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if longest else ""
    return f"{fence}{pad}{flat}{pad}{fence}"


def _backticks(text: str) -> list[str]:
    runs, current = [], ""
    for character in text + " ":
        if character == "`":
            current += "`"
        elif current:
            runs.append(current)
            current = ""
    return runs


def table(runs: Sequence[RunData], options: TableOptions = DEFAULT) -> str:
    """Returns the whole of table.md: the paper's tables, sections, sentences, emotions, what is missing, signatures.

    options: as `TableOptions.for_runs` gives them.
    """
    parts = [f"# {escape(title(runs))}", ""]
    for one in arranged(runs, options):
        parts += _paper(one, options)
    for section in sections(runs):
        parts += [*_section(section), *_fairness(section, runs)]
    parts += _sentences(runs)
    parts += _breakdowns(runs)
    parts += _failures(runs)
    return "\n".join(parts).rstrip() + "\n"


def title(runs: Sequence[RunData]) -> str:
    """Returns the names of the runs in one line."""
    return " + ".join(dict.fromkeys(run.name for run in runs)) or "no run"


def _paper(table: PaperTable, options: TableOptions) -> list[str]:
    """One table as it stands in the paper."""
    groups = [(f"{group.title}: " if table.titled else "", group.heads) for group in table.groups]
    heads = [f"{escape(name)}{_head(head)}" for name, of_group in groups for head in of_group]
    body = [[_named(row), *(_printed(cell, row, options) for cell in row.cells)] for row in table.rows]
    told = " ".join(below(table, options.spread))
    return [
        f"**{escape(table.caption)}**",
        "",
        *_grid(["method", *heads], body),
        "",
        *([escape(told), ""] if told else []),
    ]


def _head(head: Head) -> str:
    sub = f"<sub>{escape(head.sub)}</sub>" if head.sub else ""
    return " ".join(filter(None, [f"{escape(head.word)}{sub}", escape(head.unit), head.arrow]))


def _named(row: PaperRow) -> str:
    label = f"*{escape(row.label)}*" if row.role != "contestant" else escape(row.label)
    return f"{label} (reported: {escape(row.cite)})" if row.cite else label


def _printed(cell: PaperCell | None, row: PaperRow, options: TableOptions) -> str:
    if cell is None:
        return ""
    value = f"*{cell.value}*" if row.role == "reported" else _RANKS[cell.rank].format(cell.value)
    spread = {"": "", "pm": f" ±{cell.half}" if cell.half else "", "intervals": f" {cell.interval}"}[options.spread]
    return f"{value}{cell.marks}{spread}".rstrip()


def _section(section: Section) -> list[str]:
    head = ["method", *(f"{escape(column.title)} <sup>{column.mark}</sup>" for column in section.columns)]
    lines = [f"## {escape(section.heading)}", "", *_grid(head, _body(section)), ""]
    lines += [
        f"Each cell: value, {INTERVALS}, clips scored / expected. "
        f"**Bold**: best, <u>underlined</u>: second among contestants, {RANKED}; ceiling and floors are never ranked. "
        f"{MISSING}: no number. †: too few clips scored to be ranked.{f' §: {UNALIGNED}.' * has_unaligned(section)}",
        "",
    ]
    empty = [
        f"No number at all: {escape(column.title)} <sup>{column.mark}</sup>{': ' * bool(why)}{escape(sentence(why))}."
        for column, why in section.empty
    ]
    notes = [_footnote(column) for column in (*section.columns, *(column for column, _ in section.empty))]
    apart = [line for text in empty for line in (text, "")]
    return [*lines, *apart, *notes, "", *_footnotes(section), *_by_clip(section)]


def _footnotes(section: Section) -> list[str]:
    """The footnotes of the numbers: chance, ceilings, N and p."""
    lines = []
    for footnote in footnotes(section):
        notes = " · ".join(filter(None, [footnote.common, *(f"{label}: {own}" for label, own in footnote.own)]))
        lines.append(f"- {escape(footnote.column.fact.title)} <sup>{footnote.column.mark}</sup>: {escape(notes)}")
    return ["Read beside the numbers:", "", *lines, ""] if lines else []


def _fairness(section: Section, runs: Sequence[RunData]) -> list[str]:
    notes = [f"- {escape(note.text)}" for note in fairness(section, runs)]
    return ["What the methods were given, and what they used:", "", *notes, ""] if notes else []


def _by_clip(section: Section) -> list[str]:
    """The intervals that treat a clip, not a person, as the unit; only where some cell has one."""
    if all(cell is None or cell.row.clip_low is None for line in section.lines for cell in line.cells):
        return []
    head = ["95 % interval over clips", *(escape(column.title) for column in section.columns)]
    body = [[escape(line.label), *(_over_clips(cell) for cell in line.cells)] for line in section.lines]
    return [*_grid(head, body), "", *filter(None, [people(section)]), ""]


def _over_clips(cell: TableCell | None) -> str:
    return "" if cell is None else interval(cell.row.clip_low, cell.row.clip_high, cell.places)


def _body(section: Section) -> list[list[str]]:
    return [
        [f"{_TITLES[role]}{escape(line.label)}", *(_cell(cell) for cell in line.cells)]
        for role in ROLES
        for line in section.of(role)
    ]


def _grid(head: Sequence[str], body: Iterable[Sequence[str]]) -> list[str]:
    rule = ["---", *("---:" for _ in head[1:])]
    return [f"| {' | '.join(row)} |" for row in (head, rule, *body)]


def _cell(cell: TableCell | None) -> str:
    if cell is None:
        return ""
    value = number(cell.row.value, cell.places)
    value = _RANKS[cell.rank].format(value) + marks(cell)
    return " ".join(filter(None, [value, interval(cell.row.low, cell.row.high, cell.places), coverage(cell.row)]))


def _footnote(column: Column) -> str:
    return f"- <sup>{column.mark}</sup> {escape(column.fact.title)}: {code(column.signature)}"


def _sentences(runs: Sequence[RunData]) -> list[str]:
    found = sentences(runs)
    if not found:
        return []
    parts = ["## In words", ""]
    for kind, name in (("contestants", "Between contestants"), ("anchors", "Against ceiling and floors")):
        chosen = [f"- {escape(s.text)}" for s in found if s.kind == kind]
        parts += [f"### {name}", "", *chosen, ""] if chosen else []
    return parts


def _breakdowns(runs: Sequence[RunData]) -> list[str]:
    found = [one for run in runs for one in breakdowns(run)]
    parts = ["## Per emotion", ""] if found else []
    for one in found:
        parts += [f"### {escape(one.title)}", "", *_grid(["method", *map(escape, one.emotions)], _emotions(one)), ""]
    return parts


def _emotions(one: Breakdown) -> list[list[str]]:
    return [
        [
            escape(method),
            *(
                f"{number(share.value, one.places)} {coverage(share)}" if share else ""
                for share in (one.cells.get((method, emotion)) for emotion in one.emotions)
            ),
        ]
        for method in one.methods
    ]


def _failures(runs: Sequence[RunData]) -> list[str]:
    found = [failure for run in runs for failure in failures(run)]
    if not found:
        return []
    body = [
        [escape(f.title), escape(f.who()), str(len(f.clips)), f"{escape(sentence(f.reason))} ({code(f.reason)})"]
        for f in found
    ]
    return ["## Not measured", "", *_grid(["metric", "methods", "clips", "reason"], body), ""]
