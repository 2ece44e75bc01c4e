"""This module reads scores.json, whoever wrote it: a field that is not of its kind is one sentence."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from harness.errors import CannotCompareError, UsageError
from harness.records import SummaryRow
from reports.aggregation import undeclared
from reports.model import Confusion, MetricFact, RunData, RunRow
from reports.scores import SCHEMA_VERSION
from reports.tidy import finite

_CURE = "Name a run folder or a scores.json written by `report`."
_AGGREGATIONS = ("mean", "weighted", "pooled")
_FACTS = ("dataset_version", "device")
_SHOWN = 60  # characters of a wrong value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("is no text")
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError("is neither true nor false")
    return value


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**53:
        raise TypeError("is no number of clips")
    return value


def _number(value: Any) -> float | None:
    """A number; None for none, and for one that is not finite."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError("is no number")
    try:
        whole: float | None = finite(float(value))
    except OverflowError:
        return None
    return value if whole is not None else None


def _object(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise TypeError("is no object")
    return value


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError("is no list")
    return value


_SUMMARY: Mapping[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("dataset", "method", "metric", "unit", "signature"), _text),
    **dict.fromkeys(("value", "low", "high"), _number),
    **dict.fromkeys(("n_scored", "n_expected"), _count),
    "higher_is_better": _flag,
}


def read_scores(path: Path) -> RunData:
    """Returns a RunData of a scores.json: numbers and rows, without identities, emotions or clips.

    Raises UsageError when the file is not one, CannotCompareError when it is of another schema.
    """
    content = _json(path)
    if not isinstance(content, dict) or "schema_version" not in content:
        raise UsageError(f"'{path}' is not a scores.json: it names no schema_version.", _CURE)
    if content["schema_version"] is True or content["schema_version"] != SCHEMA_VERSION:
        found = json.dumps(content["schema_version"])[:_SHOWN]
        raise CannotCompareError(
            f"'{path}' has schema {found}; this version reads {SCHEMA_VERSION}.",
            "Write it again with `report`, or use the version of cmet-bench that wrote it.",
        )
    try:
        return _run(content)
    except (KeyError, TypeError) as error:
        raise UsageError(f"'{path}' lacks or misnames a field of scores.json: {error}.", _CURE) from error


def _json(path: Path) -> Any:
    if path.exists() and not path.is_file():
        raise UsageError(f"'{path}' is no file.", _CURE)
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise UsageError(f"'{path}' cannot be read: {error.strerror}.", _CURE) from error
    except UnicodeDecodeError as error:
        raise UsageError(f"'{path}' is not JSON in UTF-8: {error.reason} at byte {error.start}.", _CURE) from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"'{path}' is not JSON: {str(error)[:120]}.", _CURE) from error


def _field(item: Any, key: str, kind: Callable[[Any], Any]) -> Any:
    """A field of its kind. KeyError where it is lacking, TypeError where it is of another kind."""
    try:
        return kind(_object(item)[key])
    except TypeError as error:
        found = item.get(key) if isinstance(item, dict) else item
        raise TypeError(f"{key} {str(found)[:_SHOWN]!r} {error}") from None


def _maybe(item: Mapping[str, Any], key: str, kind: Callable[[Any], Any], default: Any) -> Any:
    return _field(item, key, kind) if item.get(key) is not None else default


def _run(content: dict[str, Any]) -> RunData:
    summary = tuple(_summary(item) for item in _field(content, "summary", _list))
    signatures = {(row.dataset, row.method, row.metric): row.signature for row in summary}
    rows = tuple(_row(item, signatures) for item in _field(content, "rows", _list))
    unranked = {_text(name) for name in _maybe(content, "descriptive", _list, ())}
    ideals = {name: _ideal(point) for name, point in _maybe(content, "ideal", _object, {}).items()}
    descriptive = {
        row.metric: MetricFact(
            row.metric, row.metric, row.unit, row.higher_is_better, ranked=False, ideal=ideals.get(row.metric)
        )
        for row in summary
        if row.metric in unranked
    }
    pooled = {row.metric for row in rows if row.reason == "pooled"}
    said = _maybe(content, "aggregation", _object, {})
    declared = {line: kind for line, kind in said.items() if kind in _AGGREGATIONS}
    aggregations = {
        row.signature: declared.get(row.signature) or undeclared(row.signature, row.metric in pooled) for row in summary
    }
    names = (_field(content, "run", _text), _field(content, "protocol", _text), _maybe(content, "lane", _text, ""))
    taken = tuple(_confusion(item) for item in _maybe(content, "confusion", _list, ()))
    facts: dict[str, Any] = {key: _field(content, key, _text) for key in _FACTS if key in content}
    commit, _, changed = _maybe(content, "commit", _text, "").partition("+")
    facts["accepted"] = _maybe(content, "accepted", _object, {})
    facts |= {"made_with": {"commit": commit, "dirty": bool(changed)}} if commit else {}
    apart = frozenset(_pair(item) for item in _maybe(content, "unaligned", _list, ()))
    noisy = frozenset(_text(name) for name in _maybe(content, "stochastic", _list, ()))
    read = RunData(*names, facts, summary, rows, descriptive, confusions=taken, aggregations=aggregations)
    return replace(read, unaligned=apart, stochastic=noisy, existing=_maybe(content, "existing", _flag, False))


def _summary(item: Any) -> SummaryRow:
    return SummaryRow(**{key: _field(item, key, kind) for key, kind in _SUMMARY.items()})


def _row(item: Any, signatures: Mapping[tuple[str, str, str], str]) -> RunRow:
    dataset, method, sample, metric = (_field(item, key, _text) for key in ("dataset", "method", "sample", "metric"))
    value, reason = _field(item, "value", _number), _maybe(item, "reason", _text, None)
    signature = _maybe(item, "signature", _text, "") or signatures.get((dataset, method, metric), "")
    return RunRow(dataset, method, sample, "", "", metric, value, reason, "", signature)


def _ideal(point: Any) -> float | Literal["asked"] | None:
    return "asked" if point == "asked" else _number(point)


def _pair(item: Any) -> tuple[str, str]:
    method, metric = (_text(name) for name in (*_list(item), None, None)[:2])
    return method, metric


def _confusion(item: Any) -> Confusion:
    dataset, method, metric, line = (_field(item, key, _text) for key in ("dataset", "method", "metric", "signature"))
    classes, others = ([_text(name) for name in _field(item, part, _list)] for part in ("classes", "others"))
    counts = {
        label: {answer: _count(clips) for answer, clips in _object(answers).items()}
        for label, answers in _field(item, "counts", _object).items()
    }
    recall = {label: _number(share) or 0.0 for label, share in _field(item, "recall", _object).items()}
    return Confusion(dataset, method, metric, line, (*classes, *others), counts, recall, len(classes))
