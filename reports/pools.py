"""This module scores any of a run's samples again, by the statistics of its clips: only here reports reach a judge."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property, lru_cache
from pathlib import Path

from harness import registry
from harness.cells import Key, StoredCell, gathered
from harness.errors import MissingError, UsageError
from harness.evaluator import Column
from harness.pairs import CellScores
from harness.signature import Signature
from harness.store import RunStore
from harness.summary import items_of

JUDGE = "evaluators.judge:Judge"


class Pools:
    """Finds the scores of a run folder's cells; judge and cells are read once, when the first is asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self, key: Key) -> CellScores | None:
        """Returns the scores of a cell; None where its statistics, or the judge that combines them, are not here."""
        line = str(Signature.parse(key[3]).settings())
        columns = [one for one in self._columns if one[1:] == (key[2], line)]
        cell = self._cells.get((*key[:3], line))
        if not columns or cell is None:
            return None
        with RunStore(self._folder, create=False) as store:
            kept = items_of(store, cell, *columns[0])
        return CellScores(cell, columns[0][0], key[2], lambda: kept)

    @cached_property
    def _cells(self) -> Mapping[Key, StoredCell]:
        with RunStore(self._folder, create=False) as store:
            return gathered(store)

    @cached_property
    def _columns(self) -> list[Column]:
        with RunStore(self._folder, create=False) as store:
            asked = store.meta("asked") or {}
        return list(_columns(str(asked.get("protocol", "")), str(asked.get("dataset", ""))))


@lru_cache(maxsize=16)
def _columns(protocol: str, dataset: str) -> tuple[Column, ...]:
    """What a protocol measures, built once for all runs of it."""
    try:
        columns: list[Column] = registry.load(JUDGE)(protocol, "cpu", dataset).columns()
    except (UsageError, MissingError):  # the user's own protocol or judge is elsewhere by now
        return ()
    return tuple(columns)
