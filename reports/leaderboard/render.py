"""This module writes leaderboard.html: standings, histories and runs, in the look of a run's own page."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from markupsafe import Markup

from reports import tidy
from reports.catalogue import catalogue
from reports.layout import ROLES, Column, Section, TableCell, marks
from reports.leaderboard.history import History, histories, in_words, sparkline
from reports.leaderboard.standing import Board, committed, dated, in_order, standings
from reports.legend import INTERVALS, RANKED, UNALIGNED
from reports.model import RunData, distinctions
from reports.numbers import number
from reports.page_table import section_parts
from reports.templates import part, template

_OVERVIEW = 3  # metrics of each board


def render(runs: Sequence[RunData], folder: Path) -> str:
    """Returns the page; `folder` is where it will lie, so that its links to the runs' pages are relative."""
    script = '"use strict";\n(() => {\n' + part("page/start.js") + part("page/table.js") + "})();\n"
    ordered = in_order(runs)
    names = dict(zip(map(id, runs), tidy.run_names(runs), strict=True))
    words = [_run(run, names[id(run)], folder) for run in ordered]
    boards = standings(ordered)
    return template("leaderboard/leaderboard.html.j2").render(
        style=Markup(part("style.css") + part("leaderboard/leaderboard.css")),
        script=Markup(script),
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        overview=_overview(boards),
        boards=[
            (board.title, section_parts(section, k, shown, catalogue(shown)))
            for k, (board, (shown, section)) in enumerate(boards.items())
        ],
        histories=[_history(one, words) for one in histories(ordered)],
        runs=list(reversed(words)),
        intervals=INTERVALS,
        ranked=RANKED,
        unaligned=UNALIGNED,
    )


def _run(run: RunData, name: str, folder: Path) -> dict[str, Any]:
    """What is said of a run, and the address of its page where it has one."""
    made = dated(run)
    page = run.folder.resolve() / "report" / "index.html" if run.folder is not None else None
    own = page is not None and page.is_file() and page.parent != folder.resolve()
    link = quote(Path(os.path.relpath(page, folder.resolve())).as_posix()) if page is not None and own else ""
    methods = dict.fromkeys(row.method for row in run.summary if row.method not in run.anchors)
    return {
        "name": name,
        "link": link,
        "date": made.strftime("%Y-%m-%d %H:%M") if made else "",
        "commit": committed(run),
        "datasets": ", ".join(dict.fromkeys(row.dataset for row in run.summary)),
        "lane": run.lane,
        "protocol": run.protocol,
        "methods": ", ".join(methods),
        "samples": len({(row.dataset, row.sample) for row in run.rows if row.expected}),
    }


def _overview(boards: Mapping[Board, tuple[Sequence[RunData], Section]]) -> dict[str, Any]:
    """Methods by boards: a column for each signature of the first headline metrics that a board has."""
    heads: list[tuple[int, str, list[Column]]] = []
    cells: dict[tuple[str, int, int], TableCell] = {}
    roles: dict[str, str] = {}
    for k, (board, (_, section)) in enumerate(boards.items()):
        first = list(dict.fromkeys(column.fact.name for column in section.columns))[:_OVERVIEW]
        places = [place for place, column in enumerate(section.columns) if column.fact.name in first]
        heads.append((k, board.title, [section.columns[place] for place in places]))
        for line in section.lines:
            roles.setdefault(line.method, line.role)
            found = ((place, line.cells[places[place]]) for place in range(len(places)))
            cells.update({(line.method, k, place): cell for place, cell in found if cell is not None})
    keys = [(k, place) for k, _, columns in heads for place in range(len(columns))]
    ordered = [method for role in ROLES for method, own in roles.items() if own == role]
    return {
        "heads": heads,
        "rows": [(method, [_number(cells.get((method, *key))) for key in keys]) for method in ordered],
    }


def _number(cell: TableCell | None) -> tuple[str, str]:
    """A cell's text and rank."""
    return (number(cell.row.value, cell.places) + marks(cell), cell.rank) if cell is not None else ("", "")


def _which(one: History, place: int) -> str:
    """What tells a column's signature from others of its metric; "" where it has one alone."""
    column = one.columns[place]
    lines = [other.signature for other in one.columns if other.fact.name == column.fact.name]
    return distinctions(lines)[column.signature]


def _history(one: History, words: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    own = [words[place] for place in one.runs]
    called = [" ".join(filter(None, (told["date"], told["commit"], told["name"]))) for told in own]
    columns = [
        {
            "title": column.title,
            "which": _which(one, k),
            "signature": column.signature,
            "rest": k >= one.headlines,
            "spark": Markup(sparkline(one.line(k), column, called)),
        }
        for k, column in enumerate(one.columns)
    ]
    rows = [
        (told, [in_words(cell, column) if cell else "" for cell, column in zip(cells, one.columns, strict=True)])
        for told, cells in zip(own, one.cells, strict=True)
    ]
    return {
        "title": f"{one.method} on {one.board.title}",
        "columns": columns,
        "rows": rows[::-1],
        "rest": len(one.columns) - one.headlines,
    }
