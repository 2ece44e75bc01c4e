"""This module writes index.html: one file that opens offline, with all that a reviewer asks for, names escaped."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from harness.reasons import sentence
from reports.breakdown import Breakdown, EmotionMean, breakdowns
from reports.catalogue import Catalogue, catalogue
from reports.chart import dots, series_class, shape
from reports.confusion import Board, boards
from reports.failures import Failure, failures, notes
from reports.layout import sections
from reports.legend import INTERVALS, RANKED, UNALIGNED
from reports.markdown import title
from reports.model import Confusion, RunData
from reports.numbers import coverage, number
from reports.page_table import section_parts
from reports.players import player_data
from reports.sentences import sentences
from reports.templates import part, template

_KINDS = (("contestants", "Between contestants"), ("anchors", "Against the ceiling and the floors"))
#: Parts of the page's script, in order.
_SCRIPTS = ("start", "table", "address", "choice", "form", "transport", "parts", "cards", "keys", "links")
_LISTED = 40  # clips of one failure that the page spells out


def render(runs: Sequence[RunData], folder: Path, known: Catalogue | None = None, parts: int = 0) -> str:
    """Returns the page of one or more runs; `folder` is where it will lie, so that its links to clips are relative.

    known: of these runs; parts: how many parts (reports.parts) lie beside it.
    """
    script = _script()
    known = known or catalogue(runs)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return template("index.html.j2").render(
        title=title(runs),
        several=len(runs) > 1,
        style=Markup(part("style.css")),
        script=Markup(script),
        script_hash=digest,
        facts=_facts(runs),
        sections=[section_parts(section, index, runs, known) for index, section in enumerate(sections(runs))],
        intervals=INTERVALS,
        ranked=RANKED,
        unaligned=UNALIGNED,
        over_clips=any(row.clip_low is not None for run in runs for row in run.summary),
        sentences=_sentences(runs),
        charts=[_chart(one, run, (i, k), known) for i, run in enumerate(runs) for k, one in enumerate(breakdowns(run))],
        boards=[_board(board, i, known) for i, run in enumerate(runs) for board in boards(run)],
        failures=[_failure(failure, i, known) for i, run in enumerate(runs) for failure in failures(run)],
        notes=[(sentence(code), code, count) for run in runs for code, count in notes(run).items()],
        provenance=[(run.name, _tree(run.facts)) for run in runs],
        data={**player_data(runs, folder, known), "parts": parts},
    )


def _script() -> str:
    """The page's one script: its parts in one function, so that they share names with nothing else."""
    return '"use strict";\n(() => {\n' + "\n".join(part(f"page/{name}.js") for name in _SCRIPTS) + "})();\n"


def _facts(runs: Sequence[RunData]) -> list[tuple[str, str]]:
    def joined(values: Iterable[str]) -> str:
        return ", ".join(dict.fromkeys(value for value in values if value))

    rows = [row for run in runs for row in run.summary]
    samples = {(row.dataset, row.sample) for run in runs for row in run.rows}
    found = [
        ("dataset", joined(row.dataset for row in rows)),
        ("protocol", joined(run.protocol for run in runs)),
        ("lane", joined(run.lane for run in runs)),
        ("samples", str(len(samples)) if samples else ""),
        ("identities", str(len({row.identity for run in runs for row in run.rows} - {""}) or "")),
    ]
    return [(name, value) for name, value in found if value]


def _sentences(runs: Sequence[RunData]) -> list[tuple[str, list[Any]]]:
    found = sentences(runs)
    groups = [(name, [s for s in found if s.kind == kind]) for kind, name in _KINDS]
    return [(name, lines) for name, lines in groups if lines]


def _chart(one: Breakdown, run: RunData, place: tuple[int, int], known: Catalogue) -> dict[str, Any]:
    """One chart with its legend and its table; place: of its run, and in it."""
    legend = [
        (method, series_class(k) + (" hollow" if method in run.anchors else ""), Markup(shape(k, 7, 7)))
        for k, method in enumerate(one.methods)
    ]
    shares = {key: _share(share, one.places) for key, share in one.cells.items()}
    rows = [
        (method, known.method(place[0], method), [shares.get((method, emotion)) for emotion in one.emotions])
        for method in one.methods
    ]
    picture = Markup(dots(one, run.anchors, f"c{place[0]}-{place[1]}"))
    told = {"title": one.title, "legend": legend, "svg": picture, "emotions": one.emotions, "rows": rows}
    return {**told, "metric": known.metric(one.fact.name, one.signature)}


def _share(share: EmotionMean, places: int) -> dict[str, Any]:
    short = share.n_scored < share.n_expected
    return {"value": number(share.value, places), "coverage": coverage(share), "short": short}


def _board(board: Board, run: int, known: Catalogue) -> dict[str, Any]:
    return {"title": board.title, "tables": [_confusion(one, run, known) for one in board.tables]}


def _confusion(one: Confusion, run: int, known: Catalogue) -> dict[str, Any]:
    """One table: a line per label, a column per answer, the recall at the end; `shade` 0 to 4 is a count's share."""
    lines = []
    for label, row in one.counts.items():
        total = sum(row.values())
        cells = [(row.get(answer, 0), answer == label, -(-4 * row.get(answer, 0) // total)) for answer in one.answers]
        lines.append((label, cells, number(one.recall.get(label), 1)))
    return {
        "method": one.method,
        "place": known.method(run, one.method),
        "metric": known.metric(one.metric, one.signature),
        "names": one.classes,
        "others": [(code.replace("_", " "), sentence(code), code) for code in one.others],
        "lines": lines,
    }


def _failure(failure: Failure, run: int, known: Catalogue) -> dict[str, Any]:
    listed = failure.clips[:_LISTED]
    return {
        "who": failure.who(),
        "metric": known.metric(failure.metric, failure.signature),
        "place": known.method(run, failure.methods[0]) if len(failure.methods) == 1 else None,
        "title": failure.title,
        "clips": len(failure.clips),
        "reason": failure.reason,
        "sentence": sentence(failure.reason),
        "listed": listed,
        "hidden": len(failure.clips) - len(listed),
    }


def _tree(facts: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """run.json as nested (name, value) pairs; lists become lines, None a dash."""
    return [(str(key), _leaf(value)) for key, value in facts.items()]


def _leaf(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(_tree(value)) if value else "–"
    if isinstance(value, (list, tuple)):
        return ", ".join(str(item) for item in value) or "–"
    return "–" if value is None else str(value)
