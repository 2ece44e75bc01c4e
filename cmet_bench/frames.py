"""Runs become pandas tables: `frame` has one row a number, `clips` one row a clip and metric."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from cmet_bench.measured import Measures
from harness.errors import UsageError
from reports import tidy
from reports.load import load_run
from reports.model import RunData
from reports.scores_file import read_scores

_FLOATS = ("value", "low", "high", "clip_low", "clip_high")


def frame(runs: Any) -> pd.DataFrame:
    """Returns the numbers of one run or of many, tidy: one row a number.

    runs: a run folder, a scores.json, what `measure` gave, or a list of these. Columns are those of scores.csv: run,
    protocol, lane, dataset, method, metric, `column` (equal if and only if metric and signature are), value (nan: not
    measured, see note), unit, higher_is_better, low and high (95 %, over people), n_scored of n_expected clips,
    signature, clip_low and clip_high (over clips), n_people, note. UsageError for what is no run.
    """
    return _table(tidy.NUMBERS, tidy.numbers, runs)


def clips(runs: Any) -> pd.DataFrame:
    """Returns every clip of one run or of many under every metric that was asked of it: one row a clip and metric.

    runs: as in `frame`. Columns: run, lane, dataset, method, sample, column, metric, emotion, identity, value (nan
    where only the set has a number, or none), unit, reason (the code why there is none), detail, notes, signature, clip
    (its path). A bare scores.json knows no emotion, identity, detail and path.
    """
    return _table(tidy.CLIPS, tidy.clips, runs)


def _table(
    columns: Sequence[str], rows: Callable[[Sequence[RunData]], Iterable[dict[str, Any]]], runs: Any
) -> pd.DataFrame:
    table = pd.DataFrame(list(rows(list(_loaded(runs)))), columns=list(columns))
    return table.astype({name: "float64" for name in _FLOATS if name in columns})


def _loaded(runs: Any) -> Iterator[RunData]:
    if isinstance(runs, Measures):
        yield runs.run
    elif isinstance(runs, RunData):
        yield runs
    elif isinstance(runs, (str, os.PathLike)):
        yield _read(Path(runs).expanduser())
    else:
        for one in runs:
            yield from _loaded(one)


def _read(path: Path) -> RunData:
    if path.is_dir():
        return load_run(path)
    if not path.is_file():
        raise UsageError(f"There is no run at '{path}'.", "Name a run folder, or a scores.json.")
    return read_scores(path)
