"""The key says what a study's blind names mean; it stays with whoever runs the study, and answers are read by it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from harness.atomic import replacing
from harness.errors import UsageError
from reports.study.design import Item, Sample
from reports.study.material import Metric

SCHEMA_VERSION = 1
ShownClip = tuple[str, Sample, str]  # method, sample, "paired" or "alone"
_WRONG = "Name the folder that `report RUN --study` wrote, with its key.json as it was written."


@dataclass(frozen=True)
class Key:
    """Holds a study: who is asked what under which blind name, and what the metrics say of the same clips."""

    study: str  # its own blind name
    seed: int
    methods: tuple[str, ...]
    choices: tuple[str, ...]  # the emotions that may be named
    items: Mapping[str, Item]  # blind name → what it is
    order: Mapping[int, tuple[str, ...]]  # rater, from 1 → items as they are shown
    clips: Mapping[str, ShownClip]  # blind name → whose clip of what
    metrics: tuple[Metric, ...]
    runs: tuple[str, ...] = ()


def write(key: Key, path: Path) -> None:
    """Writes key.json."""
    content = asdict(key) | {
        "schema_version": SCHEMA_VERSION,
        "metrics": [{**asdict(one), "clips": [[m, *s, v] for (m, s), v in one.clips.items()]} for one in key.metrics],
    }
    with replacing(path) as partial:
        partial.write_text(json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8", newline="\n")


def read(path: Path) -> Key:
    """Returns the key in key.json. Raises UsageError for a file that is none, or of another version."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"There is no study's key at '{path}': {error.strerror}.", _WRONG) from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"'{path}' is not JSON.", _WRONG) from error
    if not isinstance(content, dict) or content.get("schema_version") != SCHEMA_VERSION:
        raise UsageError(f"'{path}' is no key of a study of this version.", _WRONG)
    try:
        key = _key(content)
        if unknown := {name for own in key.order.values() for name in own} - set(key.items):
            raise KeyError(min(unknown))
        return key
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(f"'{path}' lacks a part of a study's key ({error}).", _WRONG) from error


def _key(content: Mapping[str, Any]) -> Key:
    return Key(
        content["study"],
        content["seed"],
        tuple(content["methods"]),
        tuple(content["choices"]),
        {name: Item(**{**one, "sample": _sample(one["sample"])}) for name, one in content["items"].items()},
        {int(rater): tuple(names) for rater, names in content["order"].items()},
        {name: (method, _sample(sample), how) for name, (method, sample, how) in content["clips"].items()},
        tuple(_metric(one) for one in content["metrics"]),
        tuple(content["runs"]),
    )


def _sample(pair: Sequence[str]) -> Sample:
    dataset, name = pair
    return dataset, name


def _metric(one: Mapping[str, Any]) -> Metric:
    clips = {(method, (dataset, sample)): float(value) for method, dataset, sample, value in one["clips"]}
    return Metric(**{**one, "clips": clips})
