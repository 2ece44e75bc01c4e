"""This module writes the verdict as Markdown: for a pull request's comment, and for the summary of a CI job.

Below the conclusion stand where both sides come from, the three worst clips with links, and the numbers.
"""

from __future__ import annotations

import math
import os
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from reports.gate.text import blind, conclusion, ordered, words
from reports.gate.verdict import CellVerdict, MovedClip, Verdict
from reports.markdown import escape
from reports.model import RunData
from reports.numbers import MISSING, decimals, number
from reports.scores import commit_of

WORST = 3
_MOST = 1000.0  # spreads that one number of a clip may count


@dataclass(frozen=True)
class Place:
    """Says where a text will lie, so that it can link the clips: below an address, beside them, or neither."""

    folder: Path | None = None  # of the Markdown file
    address: str = ""  # below which the run folder is published; wins

    def link(self, run: RunData, method: str, sample: str, title: str) -> str:
        """Returns the title, linked to the clip where that is known."""
        path = run.clips.get((method, sample))
        if path is None or run.folder is None:
            return escape(title)
        if self.address:
            return f"[{escape(title)}]({self.address.rstrip('/')}/{quote(path)})"
        if self.folder is None:
            return f"{escape(title)} (`{path}`)"
        return f"[{escape(title)}]({quote(os.path.relpath(run.folder / path, self.folder))})"


def markdown(verdict: Verdict, baseline: RunData, run: RunData, place: Place) -> str:
    """Returns the conclusion, both sides' commits, the worst clips and a table, its unmoved numbers folded away."""
    parts = [f"## {escape(conclusion(verdict))}", "", f"{_origin('Baseline', baseline)} {_origin('Run', run)}", ""]
    parts += _worst(verdict.cells, baseline, run, place)
    for folded in (False, True):
        rows = [_row(cell) for cell in ordered(verdict.cells) if (cell.state == "same") == folded]
        table = ["| verdict | dataset | method | metric | |", "| --- | --- | --- | --- | --- |", *rows]
        if rows and folded:
            table = ["<details><summary>The same</summary>", "", *table, "", "</details>"]
        parts += [*table, ""] if rows else []
    notes = filter(None, [blind(verdict), *verdict.remarks])
    return "\n".join([*parts, *map(escape, notes)]).rstrip() + "\n"


def _origin(side: str, run: RunData) -> str:
    """One sentence: which commit made a side, and when it was accepted."""
    commit, accepted = commit_of(run), run.facts.get("accepted")
    at = accepted.get("at") if isinstance(accepted, Mapping) else None
    made = f"commit {commit}" if commit else "no commit is known"
    return escape(f"{side}: {run.name}, {made}{f', accepted {at}' if at else ''}.")


def _row(cell: CellVerdict) -> str:
    state = f"**{cell.state}**" if cell.state in ("worse", "cannot compare") else cell.state
    return f"| {' | '.join([state, *map(escape, (cell.dataset, cell.method, cell.title, words(cell)))])} |"


def _worst(cells: Iterable[CellVerdict], baseline: RunData, run: RunData, place: Place) -> list[str]:
    """The clips that fell most, over all numbers that got worse, as lines of a list."""
    fallen: dict[tuple[str, str], list[tuple[CellVerdict, MovedClip]]] = defaultdict(list)
    for cell in cells:
        for clip in cell.clips:
            fallen[cell.method, clip.sample].append((cell, clip))
    worst = sorted(fallen, key=lambda key: (-sum(min(clip.spreads, _MOST) for _, clip in fallen[key]), key))[:WORST]
    if not worst:
        return []
    lines = ["The worst clips:", ""]
    for method, sample in worst:
        now, before = place.link(run, method, sample, sample), place.link(baseline, method, sample, "baseline's")
        told = "; ".join(_change(cell, clip) for cell, clip in fallen[method, sample])
        kept = f" ({before})" if (method, sample) in baseline.clips and baseline.folder is not None else ""
        lines.append(f"* {escape(method)} {now}{kept}: {escape(told)}")
    return [*lines, ""]


def _change(cell: CellVerdict, clip: MovedClip) -> str:
    if clip.now is None or math.isinf(clip.spreads):
        return f"{cell.title} {number(clip.before, decimals(cell.unit, [clip.before]))} → {MISSING}"
    places = decimals(cell.unit, [clip.before, clip.now])
    return f"{cell.title} {number(clip.before, places)} → {number(clip.now, places)}"
