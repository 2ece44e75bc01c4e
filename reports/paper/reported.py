"""This module sets the numbers of other papers apart from ours: rows with a citation, never ranked.

A published number stands in a column of ours only if that column was measured by the paper's protocol, in its lane and
on its data; all others get a table of their own, which says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.errors import UsageError
from reports.layout import Column, Section
from reports.model import RunData
from reports.paper.options import TableOptions
from reports.paper.table import Group, Head, PaperCell, PaperRow, PaperTable
from reports.published import Published, PublishedTable, find

_BIBLIOGRAPHY = Path(__file__).parents[1] / "published.bib"
#: Paper → its key in published.bib.
_KEYS = {"cmet": "choi2026cmet", "edtalk": "tan2024edtalk", "eat": "gan2023eat", "float": "ki2025float"}


def asked(options: TableOptions) -> list[PublishedTable]:
    """Returns the published tables that the options name: cmet, or cmet:8. Raises UsageError for what is none."""
    found = [find(*name.partition(":")[::2]) for name in options.with_reported]
    for table in found:
        if table.paper not in _KEYS:
            raise UsageError(f"Nobody knows which paper '{table.paper}' is.", f"Known: {', '.join(_KEYS)}.")
    return found


def bibliography(tables: Iterable[PublishedTable]) -> str:
    """Returns reported.bib: the entries of these papers."""
    entries = _BIBLIOGRAPHY.read_text(encoding="utf-8").split("\n\n")
    wanted = {_KEYS[table.paper] for table in tables}
    return "\n\n".join(one.strip() for one in entries if one.partition("{")[2].partition(",")[0] in wanted) + "\n"


@dataclass(frozen=True)
class Columns:
    """Describes the columns of a table of ours: (dataset, lane, metric) and the protocols of their runs."""

    keys: tuple[tuple[str, str, str, frozenset[str]], ...]

    @classmethod
    def of(cls, found: Sequence[Section], chosen: Sequence[Sequence[int]], runs: Sequence[RunData]) -> Columns:
        """Returns those of a table that is made of these columns of these sections."""
        return cls(
            tuple(
                (s.dataset, s.lane, (column := s.columns[place]).fact.name, _protocols(s, column, runs))
                for s, places in zip(found, chosen, strict=True)
                for place in places
            )
        )

    def place(self, cell: Published) -> int | None:
        """Returns the column in which a published number may stand; None if there is none."""
        like = cell.column
        if like is None or like.emotion or cell.value is None:
            return None
        for place, (dataset, lane, metric, protocols) in enumerate(self.keys):
            if (dataset, lane, metric) == (like.dataset, like.lane, like.metric) and like.protocol in protocols:
                return place
        return None


def _protocols(section: Section, column: Column, runs: Sequence[RunData]) -> frozenset[str]:
    key = (section.dataset, column.fact.name, column.signature)
    fitting = (run for run in runs if run.lane == section.lane)
    return frozenset(r.protocol for r in fitting if any((x.dataset, x.metric, x.signature) == key for x in r.summary))


def rows(columns: Columns, options: TableOptions) -> list[PaperRow]:
    """Returns a row for each published method that has a number in one of these columns."""
    made = []
    for table in asked(options):
        cells: dict[str, list[PaperCell | None]] = {}
        for cell in table.cells:
            place = columns.place(cell)
            if place is not None:
                cells.setdefault(cell.method, [None] * len(columns.keys))[place] = PaperCell(cell.text)
        names = _names(cells, options)
        made += [PaperRow(names[one], "reported", tuple(own), _KEYS[table.paper]) for one, own in cells.items()]
    return made


def _names(methods: Iterable[str], options: TableOptions) -> dict[str, str]:
    """Method → its name without the remark in brackets, where that is still the only one of its name."""
    short = {method: method.partition(" (")[0] for method in methods}
    often = Counter(short.values())
    return {one: options.names.get(one, name if often[name] == 1 else one) for one, name in short.items()}


def apart(places: Sequence[Columns], options: TableOptions) -> list[PaperTable]:
    """Returns a table for each paper with the numbers that fit no column of ours."""
    found = []
    for table in asked(options):
        left = [c for c in table.cells if c.value is not None and all(one.place(c) is None for one in places)]
        if left:
            found.append(_apart(table, left, options))
    return found


def _apart(table: PublishedTable, left: Sequence[Published], options: TableOptions) -> PaperTable:
    datasets = {name: list(dict.fromkeys(c.metric for c in left if c.dataset == name)) for name in _in_order(left)}
    arrows = {c.metric: {"higher": "↑", "lower": "↓"}.get(c.direction, "") for c in left}
    units = {c.metric: f"({c.unit})" if c.unit else "" for c in left}
    groups = tuple(
        Group(name, tuple(_head(metric, units[metric], arrows[metric]) for metric in metrics))
        for name, metrics in datasets.items()
    )
    keys = [(name, metric) for name, metrics in datasets.items() for metric in metrics]
    texts = {(c.method, c.dataset, c.metric): c.text for c in left}
    names = _names(dict.fromkeys(c.method for c in left), options)
    made = []
    for method, name in names.items():
        own = [texts.get((method, *key)) for key in keys]
        cells = tuple(None if text is None else PaperCell(text) for text in own)
        made.append(PaperRow(name, "reported", cells, _KEYS[table.paper]))
    source = f"{table.title}, table {table.table}"
    caption = f"Reported by others, measured otherwise and not comparable with ours: {source}."
    return PaperTable(caption, groups, tuple(made), titled=True)


def _head(metric: str, unit: str, arrow: str) -> Head:
    """The head of a published metric; Acc_emo[happy] has its emotion below."""
    word, _, emotion = metric.rstrip("]").partition("[")
    return Head(word, "", f"{emotion} {unit}".strip(), arrow)


def _in_order(cells: Iterable[Published]) -> list[str]:
    return list(dict.fromkeys(cell.dataset for cell in cells))
