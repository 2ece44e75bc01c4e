"""Reads published numbers from published.csv: one row per number, each with its protocol and where it was read.

`our_*` columns say which run of ours measures the same thing in the same way; they are empty where none does.
"""

from __future__ import annotations

import csv
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from harness.errors import UsageError, unknown_name

_OURS = ("our_protocol", "our_lane", "our_dataset", "our_method", "our_metric")
PATH = Path(__file__).with_name("published.csv")


@dataclass(frozen=True)
class Target:
    """Describes the run whose number may stand next to a published one."""

    protocol: str
    lane: str
    dataset: str
    method: str
    metric: str
    emotion: str = ""  # "": all clips
    clips: int | None = None  # how many the published number is over; None where that is not known

    def command(self, methods: Collection[str] | None = None) -> str:
        """Returns the command line that makes that number; of a method that is none of `methods`, its clips must be
        there already.
        """
        root = "" if self.dataset == "puppets" else " --root DIR"
        if methods is not None and self.method not in methods:
            where = f"--dataset {self.dataset} --protocol {self.protocol}"
            return f"python bench.py score --clips FOLDER --name {self.method} {where}{root}"
        asked = {"method": self.method, "dataset": self.dataset, "protocol": self.protocol, "lane": self.lane}
        return "python bench.py run " + " ".join(f"--{name} {value}" for name, value in asked.items()) + root


@dataclass(frozen=True)
class Published:
    """Holds one published number; `value` is None where no reachable source states it."""

    dataset: str
    method: str
    metric: str
    direction: str
    value: float | None
    text: str  # as printed
    unit: str
    notes: str
    source: str
    target: Target | None  # None: nothing of ours can stand beside it, and `why` says why
    why: str = ""
    column: Target | None = None  # whose column it may stand in, made by whichever method; None: of no table of ours


@dataclass(frozen=True)
class PublishedTable:
    """Holds one table of one paper."""

    paper: str
    table: str
    title: str
    cells: tuple[Published, ...]


def tables() -> dict[tuple[str, str], PublishedTable]:
    """Returns (paper, table) → table, in file order."""
    found: dict[tuple[str, str], list[Published]] = {}
    titles: dict[tuple[str, str], str] = {}
    with PATH.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            key = (row["paper"], row["table"])
            found.setdefault(key, []).append(_published(row))
            titles.setdefault(key, row["title"])
    return {key: PublishedTable(*key, titles[key], tuple(cells)) for key, cells in found.items()}


def _published(row: dict[str, str]) -> Published:
    text, why = row["value"], _why(row)
    wanted = {name.removeprefix("our_"): row[name] for name in (*_OURS, "emotion")}
    clips = int(row["clips"]) if row["clips"] else None
    like = Target(**wanted, clips=clips)
    try:
        value = float(text)
    except ValueError:
        value = None  # not found, or only a bound (">75")
    facts = (row["unit"], row["protocol_notes"], row["source"])
    same = all(row[name] for name in _OURS if name != "our_method")
    heads = (row["dataset"], row["method"], row["metric"], row["direction"])
    return Published(*heads, value, text, *facts, None if why else like, why, like if same else None)


def _why(row: dict[str, str]) -> str:
    """Why nothing of ours can stand beside a published number; empty if something can."""
    missing = {
        "value": "no source states the number",
        "our_protocol": "its protocol is none of ours",
        "our_method": "the method is none of ours",
        "our_metric": "the metric is not computed here by the paper's protocol",
    }
    return next((words for column, words in missing.items() if not row[column]), "")


def find(paper: str, table: str = "") -> PublishedTable:
    """Returns the table `table` ("1", "Table 1", "log") of `paper` ("cmet"); UsageError names the known ones."""
    every = tables()
    papers = {name for name, _ in every}
    if paper not in papers:
        raise unknown_name("paper", paper, papers)
    known = [name for owner, name in every if owner == paper]
    wanted = table.lower().removeprefix("table").strip() or known[0]
    if wanted not in known:
        raise UsageError(f"There is no table '{table}' of '{paper}'.", f"Known: {', '.join(known)}.")
    return every[paper, wanted]
