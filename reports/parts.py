"""This module writes report/series: a script a sample, with what the methods were given and the curves along its clips.

A page on a disk may not fetch files, but it may load scripts: each part calls one function of the page with its data.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args

import numpy as np

from harness import store_file
from harness.atomic import replacing
from harness.errors import UsageError
from harness.records import Emotion, Lane, strip_to_lane
from harness.series import Series, unpacked
from harness.signature import Signature
from harness.store import RunStore
from reports.catalogue import Catalogue
from reports.model import RunData
from reports.players import SampleKey, links, samples_of

FOLDER = "series"
_MOST_UTTERANCES = 3


def write_parts(runs: Sequence[RunData], folder: Path, known: Catalogue) -> int:
    """Write a part for each sample of which a run's store knows something, by its place on the page; return how many.

    Parts that an earlier report left are taken away.
    """
    parts: dict[int, dict[str, list[Any]]] = defaultdict(lambda: {"given": [], "curves": []})
    places = {key: place for place, key in enumerate(samples_of(runs, known))}
    for index, run in enumerate(runs):
        if run.folder is not None and (run.folder / store_file.NAME).is_file():
            with closing(RunStore(run.folder, create=False)) as store:
                _add_given(parts, run, store, folder, places)
                _add_curves(parts, index, store, known, places)
    target = folder / FOLDER
    for place, part in parts.items():
        text = f"cmetPart({place}, {json.dumps(part, separators=(',', ':'))});\n"  # ASCII: no name leaves its string
        with replacing(target / f"{place}.js") as partial:
            partial.write_text(text, encoding="ascii", newline="\n")
    for path in target.glob("*.js"):
        if path.stem.isdecimal() and int(path.stem) not in parts:
            path.unlink()
    return len(parts)


def _add_given(
    parts: Mapping[int, dict[str, list[Any]]],
    run: RunData,
    store: RunStore,
    folder: Path,
    places: Mapping[SampleKey, int],
) -> None:
    to = links(run, folder)
    for key, record in store.sample_records().items():
        if key in places:
            parts[places[key]]["given"].append(given(record, run.lane, to))


def given(record: Mapping[str, Any], lane: str, to: Callable[[str], str]) -> dict[str, Any]:
    """Returns what the lane let methods see of a sample, as addresses of the files that are here."""
    kept = {field.name for field in fields(Emotion)}
    emotion = Emotion(**{name: value for name, value in record["emotion"].items() if name in kept})
    if lane in get_args(Lane):
        emotion = strip_to_lane(emotion, lane)  # type: ignore[arg-type]
    files = {
        "picture": record.get("source_image"),
        "sound": record.get("driving_audio"),
        "image": emotion.image,
        "clip": emotion.clip,
    }
    speech = [to(str(path)) for path in emotion.speech[:_MOST_UTTERANCES] if Path(path).is_file()]
    told = {"lane": lane, "label": emotion.label or "", "utterances": len(emotion.speech), "speech": speech}
    return told | {name: to(str(path)) for name, path in files.items() if path and Path(path).is_file()}


def _add_curves(
    parts: Mapping[int, dict[str, list[Any]]],
    run: int,
    store: RunStore,
    known: Catalogue,
    places: Mapping[SampleKey, int],
) -> None:
    settings = {(metric, _settings(line)): place for place, (metric, line) in enumerate(known.metrics)}
    for dataset, sample, method, metric, line, data in store.series():
        at, k = places.get((dataset, sample)), known.method(run, method)
        m = settings.get((metric, line))
        if at is not None and k is not None and m is not None:
            parts[at]["curves"].append({"m": m, "k": k, **_plain(unpacked(data))})


def _settings(line: str) -> str:
    """The signature without what only a measured set has, which is the one that rows are stored under."""
    try:
        return str(Signature.parse(line).settings())
    except UsageError:
        return line  # a foreign run may hold anything


def _plain(series: Series) -> dict[str, Any]:
    frames = series.frames.tolist()
    step = frames[1] - frames[0] if len(frames) > 1 else 1
    regular = bool((np.diff(series.frames) == step).all())
    told = {"first": frames[0], "step": step} if regular else {"frames": frames}
    return {**told, "names": list(series.names), "values": [list(_short(curve)) for curve in series.curves.tolist()]}


def _short(curve: Sequence[float]) -> Iterator[float | None]:
    for value in curve:
        yield float(f"{value:.3g}") if math.isfinite(value) else None
