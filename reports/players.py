"""This module packs the data of the page's clips: who made them, where they lie, their numbers, reasons and answers.

All is kept in columns, one text a column: a number is its value times ten to the metric's decimals, `r2` the third
reason, nothing where the metric was not asked; `x*5` stands for five in a row. So a page of a thousand samples stays
small.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, TypeGuard
from urllib.parse import quote

from harness.reasons import sentence
from reports.catalogue import Catalogue, Metric
from reports.model import Confusion, RunData, RunRow
from reports.numbers import decimals
from reports.screen import HEADLINES

SampleKey = tuple[str, str]  # dataset, sample
_PLAIN = re.compile(r"[A-Za-z0-9_.\-]+")  # a name that is the same in an address


def player_data(runs: Sequence[RunData], folder: Path, known: Catalogue) -> dict[str, Any]:
    """Returns the JSON block of the page: methods, metrics and samples by place; no sample where there are no clips."""
    samples = samples_of(runs, known)
    if not samples:
        return {"ids": []}
    places = {key: place for place, key in enumerate(samples)}
    codes = list(dict.fromkeys(row.reason for run in runs for row in run.rows if row.reason))
    metrics, values = _values(runs, known, places, codes)
    return {
        "methods": list(known.roles),
        "roles": list(known.roles.values()),
        "metrics": metrics,
        "reasons": [[code, sentence(code)] for code in codes],
        "ids": [sample for _, sample in samples],
        **{name: _names(getattr(row, name) for row in samples.values()) for name in ("dataset", "emotion", "identity")},
        "clips": _clips(runs, folder, known, places),
        "values": values,
        "answers": [_answers(one, known, index, places) for index, run in enumerate(runs) for one in run.confusions],
    }


def samples_of(runs: Sequence[RunData], known: Catalogue) -> dict[SampleKey, RunRow]:
    """Returns the samples of the page in order, each with one of its rows; none where no run has clips."""
    samples: dict[SampleKey, RunRow] = {}
    for index, run in enumerate(runs if any(run.clips for run in runs) else ()):
        for row in run.rows:
            if row.expected and (index, row.method) in known.labels:
                samples.setdefault((row.dataset, row.sample), row)
    return samples


def packed(tokens: Iterable[str]) -> str:
    """Returns tokens with commas between them, `x*5` for five in a row."""
    groups = ((token, sum(1 for _ in group)) for token, group in groupby(tokens))
    return ",".join(f"{token}*{count}" if count > 1 else token for token, count in groups)


def _names(values: Iterable[str]) -> dict[str, Any]:
    """A column of names: the names once, and the place of each sample's."""
    found = list(values)
    order = {name: place for place, name in enumerate(dict.fromkeys(found))}
    return {"names": list(order), "of": packed(str(order[name]) for name in found)}


def _values(
    runs: Sequence[RunData], known: Catalogue, places: Mapping[SampleKey, int], codes: Sequence[str]
) -> tuple[list[dict[str, Any]], list[list[str]]]:
    """(metrics with decimals, [metric][method] → the column of its samples)."""
    rows: dict[tuple[Metric, int], dict[int, RunRow]] = {}
    for index, run in enumerate(runs):
        methods = {method: known.method(index, method) for at, method in known.labels if at == index}
        for row in run.rows:
            method = methods.get(row.method)
            if method is not None and row.expected:
                key = ((row.metric, row.signature), method)
                rows.setdefault(key, {})[places[row.dataset, row.sample]] = row
    metrics, columns = [], []
    for metric, facts in known.metrics.items():
        found = [rows.get((metric, k), {}) for k in range(len(known.roles))]
        numbers = [row.value for column in found for row in column.values() if _finite(row.value)]
        digits = decimals(facts["unit"], numbers)
        head = metric[0] in HEADLINES
        metrics.append({**facts, "places": digits, "numbers": bool(numbers), "head": head})
        token = _token(digits, {code: f"r{place}" for place, code in enumerate(codes)})
        columns.append([packed(token(column.get(k)) for k in range(len(places))) if column else "" for column in found])
    return metrics, columns


def _finite(value: float | None) -> TypeGuard[float]:
    return value is not None and math.isfinite(value)


def _token(digits: int, codes: Mapping[str, str]) -> Callable[[RunRow | None], str]:
    def token(row: RunRow | None) -> str:
        if row is None or row.reason == "pooled":
            return ""
        if _finite(row.value):
            return str(round(row.value * 10**digits))
        return codes.get(row.reason or "", "")

    return token


def _clips(
    runs: Sequence[RunData], folder: Path, known: Catalogue, places: Mapping[SampleKey, int]
) -> list[dict[str, Any]]:
    """Where each method's clips lie: `from` + sample + `.mp4`, but for those that lie elsewhere, or nowhere (0)."""
    found: list[dict[int, str]] = [{} for _ in known.roles]
    datasets: dict[str, list[str]] = {}
    for dataset, sample in places:
        datasets.setdefault(sample, []).append(dataset)
    for index, run in enumerate(runs):
        to = links(run, folder)
        own = {row.dataset for row in run.summary}
        for (method, sample), clip in run.clips.items():
            place = known.method(index, method)
            for dataset in datasets.get(sample, ()) if place is not None else ():
                if dataset in own:
                    found[place or 0][places[dataset, sample]] = to(clip)
    return [_regular(clips, [sample for _, sample in places]) for clips in found]


def _regular(clips: Mapping[int, str], samples: Sequence[str]) -> dict[str, Any]:
    first = next(iter(clips.values()), "")
    begin = first.rpartition("/")[0] + "/"
    usual = {k: f"{begin}{name}.mp4" if _PLAIN.fullmatch(name) else "" for k, name in enumerate(samples)}
    return {"from": begin, "but": {k: clips.get(k, 0) for k in usual if clips.get(k, 0) != usual[k]}}


def _answers(one: Confusion, known: Catalogue, run: int, places: Mapping[SampleKey, int]) -> dict[str, Any]:
    order = {answer: str(place) for place, answer in enumerate(one.answers)}
    column = [""] * len(places)
    for sample, answer in one.taken.items():
        if (place := places.get((one.dataset, sample))) is not None:
            column[place] = order[answer]
    told = {"metric": known.metric(one.metric, one.signature), "method": known.method(run, one.method)}
    return {**told, "names": list(one.answers), "of": packed(column)}


def links(run: RunData, folder: Path) -> Callable[[str], str]:
    """Returns a function: a clip's place → its address relative to the page in `folder`, percent-encoded, so that no
    name can leave the attribute.
    """
    page = folder.resolve()
    home = os.path.relpath(run.folder.resolve(), page) if run.folder else ".."

    def to(clip: str) -> str:
        if os.path.isabs(clip):
            path = clip if run.folder is None else os.path.relpath(clip, page)
        else:
            path = os.path.normpath(os.path.join(home, clip))
        return quote(Path(path).as_posix(), errors="surrogateescape")

    return to
