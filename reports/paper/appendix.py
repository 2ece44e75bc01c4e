"""This module writes the appendix of a paper: every metric with intervals, coverage and signature, over whole pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from reports.fairness import fairness
from reports.footnotes import footnotes
from reports.layout import ROLES, Section, sections
from reports.model import RunData
from reports.paper import notes, words
from reports.paper.arrangement import cell_of, kept_runs
from reports.paper.main_table import HEADER, written
from reports.paper.options import DEFAULT, TableOptions
from reports.paper.table import Group, Head, PaperRow, PaperTable


def appendix_tex(runs: Sequence[RunData], options: TableOptions = DEFAULT) -> str:
    """Returns appendix.tex: tables for each dataset and lane; options as `TableOptions.for_runs` gives them."""
    chosen = kept_runs(runs, options)
    parts = [written(table, asked) for table, asked in tables(chosen, options)]
    return "\n".join([HEADER, "", *parts])


def tables(runs: Sequence[RunData], options: TableOptions) -> list[tuple[PaperTable, TableOptions]]:
    """Returns a table of all metrics for each dataset and lane, with the options that it is written by."""
    base = options.label or "tab:cmet-bench"
    whole = replace(options, columns=("all",), wide=True, spread="intervals")
    found = sections(runs, options.decimals)
    labels = [f"{base}-all" + f"-{k}" * (k > 1) for k in range(1, len(found) + 1)]
    return [(_table(one, runs, whole), replace(whole, label=label)) for one, label in zip(found, labels, strict=True)]


def _table(section: Section, runs: Sequence[RunData], options: TableOptions) -> PaperTable:
    places = range(len(section.columns))
    rows = [
        PaperRow(words.label_of(line, options), role, tuple(cell_of(section, line, place, runs) for place in places))
        for role in ROLES
        for line in section.of(role)
    ]
    closing = [*notes.absent([section], (), options), *(note.text for note in fairness(section, runs))]
    return PaperTable(
        f"All metrics. {words.caption([section], options)}",
        (Group(section.dataset, _heads(section, options)),),
        tuple(rows),
        max((len(run.comparisons) for run in runs), default=0),
        closing=tuple(closing),
    )


def _heads(section: Section, options: TableOptions) -> tuple[Head, ...]:
    common = {footnote.column.mark: f" {footnote.common}." for footnote in footnotes(section) if footnote.common}
    return tuple(
        Head(
            column.fact.title,
            unit=f"({column.fact.unit})" if column.fact.unit else "",
            arrow=column.arrow,
            note=notes.covered(section, place, options, ""),
            mark=column.mark,
            title=column.fact.title,
            foot=column.signature,
            also=common.get(column.mark, ""),
        )
        for place, column in enumerate(section.columns)
    )
