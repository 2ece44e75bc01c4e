"""This module reads what earlier runs recorded of seconds, memory and disk, so that the next one knows what comes."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness import provenance, run_file
from harness.digest import recall
from harness.errors import BenchError
from harness.pace import Seconds
from harness.store import RunStore
from verbs.choices import RUNS

_MOST_RUNS = 50
_MOST_CLIPS = 20  # whose sizes are looked at


@dataclass(frozen=True)
class EarlierRun:
    """Holds the record of one run folder; `taken`: method → seconds of its clips."""

    folder: Path
    protocol: str
    dataset: str
    device: str
    taken: Mapping[str, Seconds] = field(default_factory=dict)
    process_bytes: int = 0

    def knows(self, method: str) -> bool:
        """Says whether it has a clip of the method for which nothing was loaded."""
        return method in self.taken and self.taken[method].clips > 0

    def clip_bytes(self) -> dict[str, float]:
        """Returns the mean size of each method's clips on disk, where it has any."""
        sizes = {}
        for method in self.taken:
            clips = sorted((self.folder / "clips" / method).glob("*.mp4"))[:_MOST_CLIPS]
            if clips:
                sizes[method] = sum(clip.stat().st_size for clip in clips) / len(clips)
        return sizes


def earlier_runs(folder: Path) -> Iterator[EarlierRun]:
    """Yields the records of this machine's runs in a folder, beside it and in runs/, the newest first."""
    beside = {store.parent.resolve(): store for place in (folder.parent, RUNS) for store in place.glob("*/run.sqlite")}
    for store in sorted(beside.values(), key=lambda path: path.stat().st_mtime, reverse=True)[:_MOST_RUNS]:
        found = read(store.parent)
        if found is not None:
            yield found


def read(folder: Path) -> EarlierRun | None:
    """Returns the record of one run folder; None where it cannot be read, or is another machine's."""
    facts = recall(folder / run_file.NAME)
    if facts.get("machine") != provenance.machine():
        return None
    try:
        with RunStore(folder, create=False) as store:
            asked, pace = store.meta("asked") or {}, store.meta("pace") or {}
            held = store.meta("process_bytes")
    except (BenchError, sqlite3.Error, OSError):  # another schema, a run that is being written
        return None
    taken = {method: Seconds(**one) for method, one in pace.items()}
    place: dict[str, Any] = {"protocol": asked.get("protocol", ""), "dataset": asked.get("dataset", "")}
    return EarlierRun(folder, **place, device=str(facts.get("device", "")), taken=taken, process_bytes=int(held or 0))
