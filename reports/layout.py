"""Makes the one arrangement that every table prints: sections by dataset and lane, columns by signature, anchors apart.

Two numbers share a column only if metric and signature are equal, and a section only if dataset and lane are (and the
version of the data, where code draws them). That rule lives here and nowhere else; Markdown, LaTeX, terminal and page
differ only in ink. A number is that of the clips which its method has; best and second are found on the clips that all
ranked contestants have (reports.shared).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal

from harness.records import SummaryRow
from reports.model import CEILINGS, MetricFact, RunData
from reports.numbers import decimals
from reports.shared import on_shared_clips

Rank = Literal["best", "second", ""]
Role = Literal["contestant", "ceiling", "floor"]
ROLES: tuple[Role, ...] = ("contestant", "ceiling", "floor")
#: The title above the lines of a role; none above the contestants.
ROLE_TITLES: dict[Role, str] = {"contestant": "", "ceiling": "Ceiling", "floor": "Floors"}

#: A contestant that scored less than this share of the best-covered one's clips is printed but not ranked; and where
#: the ranked ones have less than this share in common, none is.
RANKED_COVERAGE = 0.9


@dataclass(frozen=True)
class Column:
    """Holds one metric under one signature; `mark` is the letter of its footnote."""

    fact: MetricFact
    signature: str
    mark: str
    places: int

    @property
    def arrow(self) -> str:
        """Returns an arrow towards the better side; "" for descriptive metrics."""
        return "" if not self.fact.ranked else "↑" if self.fact.higher_is_better else "↓"

    @property
    def title(self) -> str:
        """Returns the title with unit and arrow, without the footnote mark."""
        unit = f" ({self.fact.unit})" if self.fact.unit else ""
        return f"{self.fact.title}{unit}{' ' + self.arrow if self.arrow else ''}"


@dataclass(frozen=True)
class TableCell:
    """Holds one number of the table with its rank.

    partial: too little coverage to be ranked. unaligned: of frames that do not correspond to the ground truth's.
    """

    row: SummaryRow
    places: int
    rank: Rank = ""
    partial: bool = False
    unaligned: bool = False


def marks(cell: TableCell) -> str:
    """Returns the signs that stand after a number: † too few clips to be ranked, § frames that do not correspond."""
    return "†" * cell.partial + "§" * cell.unaligned


@dataclass(frozen=True)
class TableLine:
    """Holds one method of one run across all columns of its section; None where it was not asked."""

    label: str
    method: str
    run: int  # index into the runs given
    role: Role
    cells: tuple[TableCell | None, ...]


@dataclass(frozen=True)
class Section:
    """Holds all methods that ran in one lane (one way to state the emotion), on one dataset."""

    dataset: str
    lane: str
    protocols: tuple[str, ...]
    columns: tuple[Column, ...]
    lines: tuple[TableLine, ...]
    empty: tuple[tuple[Column, str], ...] = ()  # columns without any number, and the commonest reason code
    identities: int = 0  # 0: not known
    drawn: str = ""  # which version of the data, where the runs have several

    @property
    def heading(self) -> str:
        """Returns the heading: the facts that all numbers of a section have in common."""
        data = f"{self.dataset} (version {self.drawn})" if self.drawn else self.dataset
        return f"{data}, lane {self.lane}, protocol {' + '.join(self.protocols)}"

    def of(self, role: Role) -> tuple[TableLine, ...]:
        """Returns the section's lines of one role, in order."""
        return tuple(line for line in self.lines if line.role == role)


def has_unaligned(section: Section) -> bool:
    """Says whether a number of the section has the sign §."""
    return any(cell is not None and cell.unaligned for line in section.lines for cell in line.cells)


def sections(runs: Sequence[RunData], asked: Mapping[str, int] = MappingProxyType({})) -> list[Section]:
    """Arrange the summaries of one or more runs; order of datasets, metrics and methods is that of the runs.

    asked: decimals by metric, or for all others under "".
    """
    keys = dict.fromkeys((row.dataset, run.lane, _drawn(run)) for run in runs for row in run.summary)
    several = Counter((dataset, lane) for dataset, lane, _ in keys)
    found = [_section(runs, *key, asked) for key in keys]
    return [one if several[one.dataset, one.lane] > 1 else replace(one, drawn="") for one in found]


def _drawn(run: RunData) -> str:
    """The version of the code that drew the data: other drawings under one name are other data."""
    return str(run.facts.get("dataset_version") or "")


def _section(runs: Sequence[RunData], dataset: str, lane: str, drawn: str, asked: Mapping[str, int]) -> Section:
    here = {index: run for index, run in enumerate(runs) if (run.lane, _drawn(run)) == (lane, drawn)}
    rows = {index: [row for row in run.summary if row.dataset == dataset] for index, run in here.items()}
    every = _columns([(here[index], row) for index, found in rows.items() for row in found], asked)
    columns = tuple(column for column in every if column.places >= 0)
    empty = tuple((column, _why(column, rows)) for column in every if column.places < 0)
    labels = _labels(here, rows)
    lines = [
        TableLine(label, method, index, _role(here[index], method), _cells(here[index], rows[index], method, columns))
        for (index, method), label in labels.items()
    ]
    ranked = _ranked([line for role in ROLES for line in lines if line.role == role], columns, here)
    protocols = tuple(dict.fromkeys(run.protocol for index, run in here.items() if rows[index]))
    people = {row.identity for index, run in here.items() if rows[index] for row in run.rows if row.dataset == dataset}
    return Section(dataset, lane, protocols, columns, ranked, empty, len(people - {""}), drawn or "unknown")


def _why(column: Column, rows: Mapping[int, Sequence[SummaryRow]]) -> str:
    key = (column.fact.name, column.signature)
    notes = Counter(row.note for found in rows.values() for row in found if (row.metric, row.signature) == key)
    return notes.most_common(1)[0][0]


def _columns(rows: Sequence[tuple[RunData, SummaryRow]], asked: Mapping[str, int]) -> tuple[Column, ...]:
    """Columns in the metrics' order, several signatures of one metric side by side; `places` is −1 without numbers."""
    order = list(dict.fromkeys(row.metric for _, row in rows))
    facts = {(row.metric, row.signature): run.fact(row.metric, row.signature) for run, row in reversed(rows)}
    keys = sorted(dict.fromkeys((row.metric, row.signature) for _, row in rows), key=lambda key: order.index(key[0]))
    columns = []
    for place, key in enumerate(keys):
        values = [row.value for _, row in rows if (row.metric, row.signature) == key]
        usual = decimals(facts[key].unit, values)
        places = asked.get(key[0], asked.get("", usual)) if any(value is not None for value in values) else -1
        columns.append(Column(facts[key], key[1], letters(place), places))
    return tuple(columns)


def letters(place: int) -> str:
    """Returns a, b, …, z, aa, ab, …"""
    text = ""
    place += 1
    while place:
        place, rest = divmod(place - 1, 26)
        text = chr(ord("a") + rest) + text
    return text


def _labels(runs: Mapping[int, RunData], rows: Mapping[int, Sequence[SummaryRow]]) -> dict[tuple[int, str], str]:
    """(run, method) → line label; the run's name is added where several runs have the method."""
    keys = list(dict.fromkeys((index, row.method) for index, found in rows.items() for row in found))
    often = Counter(method for _, method in keys)
    names = Counter(run.name for run in runs.values())
    labels = {}
    for index, method in keys:
        name = runs[index].name + (f" #{index + 1}" if names[runs[index].name] > 1 else "")
        labels[index, method] = f"{method} ({name})" if often[method] > 1 else method
    return labels


def _role(run: RunData, method: str) -> Role:
    if method not in run.anchors:
        return "contestant"
    return "ceiling" if method in CEILINGS else "floor"


def _cells(
    run: RunData, rows: Sequence[SummaryRow], method: str, columns: Sequence[Column]
) -> tuple[TableCell | None, ...]:
    found = {(row.metric, row.signature): row for row in rows if row.method == method}
    cells = []
    for column in columns:
        row = found.get((column.fact.name, column.signature))
        unaligned = row is not None and row.value is not None and (method, row.metric) in run.unaligned
        cells.append(None if row is None else TableCell(row, column.places, unaligned=unaligned))
    return tuple(cells)


def _ranked(
    lines: Sequence[TableLine], columns: Sequence[Column], runs: Mapping[int, RunData]
) -> tuple[TableLine, ...]:
    """The lines with best and second marked among the contestants of each column."""
    cells = [list(line.cells) for line in lines]
    for place, column in enumerate(columns):
        contest = [
            (index, cell)
            for index, line in enumerate(lines)
            if line.role == "contestant"
            and (cell := line.cells[place]) is not None
            and cell.row.value is not None
            and not cell.unaligned
        ]
        if not column.fact.ranked or len(contest) < 2:
            continue
        most = max(cell.row.n_scored for _, cell in contest)
        full = {index: cell.row for index, cell in contest if cell.row.n_scored >= RANKED_COVERAGE * most}
        values = on_shared_clips([(runs[lines[index].run], row) for index, row in full.items()], RANKED_COVERAGE * most)
        ranks = _ranks(dict(zip(full, values, strict=True)), column) if values else {}
        for index, cell in contest:
            cells[index][place] = replace(cell, rank=ranks.get(index, ""), partial=index not in full)
    return tuple(replace(line, cells=tuple(row)) for line, row in zip(lines, cells, strict=True))


def _ranks(values: Mapping[int, float], column: Column) -> dict[int, Rank]:
    """Line → rank: ties at printed precision share one."""
    printed = {index: round(value, column.places) for index, value in values.items()}
    steps = sorted(set(printed.values()), reverse=column.fact.higher_is_better)
    names: dict[float, Rank] = {}
    if len(steps) > 1:  # where all are equal, nothing is best
        names[steps[0]] = "best"
        if sum(value == steps[0] for value in printed.values()) == 1:
            names[steps[1]] = "second"
    return {index: names.get(value, "") for index, value in printed.items()}
