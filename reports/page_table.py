"""This module prepares the page's tables of scores: headline columns first, each cell with what is read beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from harness.errors import UsageError
from harness.reasons import sentence
from harness.signature import Signature
from reports.catalogue import Catalogue
from reports.fairness import fairness
from reports.footnotes import footnotes
from reports.layout import ROLE_TITLES, ROLES, Column, Section, TableCell, TableLine, has_unaligned
from reports.legend import people
from reports.model import RunData
from reports.numbers import coverage, interval, number
from reports.screen import HEADLINES


def section_parts(section: Section, index: int, runs: Sequence[RunData], known: Catalogue) -> dict[str, Any]:
    """Returns what the template prints of one section; `rest` says how many columns are not headlines."""
    section, headlines = headlines_first(section)
    groups = [(role, ROLE_TITLES[role], [_line(line, known) for line in section.of(role)]) for role in ROLES]
    return {
        "index": index,
        "dataset": section.dataset,
        "lane": section.lane,
        "heading": section.heading,
        "columns": [
            {
                **_column(column, runs),
                "rest": place >= headlines,
                "metric": known.metric(column.fact.name, column.signature),
            }
            for place, column in enumerate(section.columns)
        ],
        "rest": len(section.columns) - headlines,
        "footnotes": footnotes(section),
        "people": people(section),
        "fairness": fairness(section, runs),
        "unaligned": has_unaligned(section),
        "empty": [(_column(column, runs), sentence(why) if why else "") for column, why in section.empty],
        "groups": [group for group in groups if group[2]],
    }


def headlines_first(section: Section) -> tuple[Section, int]:
    """Returns the section with its headline columns in front, and how many these are; all where it has none."""
    rank = {name: place for place, name in enumerate(HEADLINES)}
    names = [column.fact.name for column in section.columns]
    heads = sorted((k for k, name in enumerate(names) if name in rank), key=lambda k: (rank[names[k]], k))
    if not heads:
        return section, len(names)
    order = [*heads, *(k for k in range(len(names)) if k not in heads)]
    lines = tuple(replace(line, cells=tuple(line.cells[k] for k in order)) for line in section.lines)
    return replace(section, columns=tuple(section.columns[k] for k in order), lines=lines), len(heads)


def _column(column: Column, runs: Sequence[RunData]) -> dict[str, Any]:
    try:
        fields = Signature.parse(column.signature).fields
    except UsageError:
        fields = ()  # a foreign scores.json may hold anything
    long = next((run.long_signatures[column.signature] for run in runs if column.signature in run.long_signatures), {})
    return {
        "fact": column.fact,
        "arrow": column.arrow,
        "title": column.title,
        "mark": column.mark,
        "signature": column.signature,
        "fields": fields,
        "long": list(long.items()),
    }


def _line(line: TableLine, known: Catalogue) -> dict[str, Any]:
    return {
        "label": line.label,
        "place": known.method(line.run, line.method),
        "cells": [_cell(cell) for cell in line.cells],
    }


def _cell(cell: TableCell | None) -> dict[str, Any] | None:
    if cell is None:
        return None
    row = cell.row
    return {
        "value": number(row.value, cell.places),
        "interval": interval(row.low, row.high, cell.places),
        "over_clips": interval(row.clip_low, row.clip_high, cell.places),
        "coverage": coverage(row),
        "short": row.n_scored < row.n_expected,
        "note": sentence(row.note) if row.note and row.value is None else "",
        "rank": cell.rank,
        "partial": cell.partial,
        "unaligned": cell.unaligned,
    }
