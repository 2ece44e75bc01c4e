"""Writes scores.csv, clips.csv and scores.json (docs/reference/runs.md, 'scores.json')."""

from __future__ import annotations

import hashlib
import io
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from harness import csv_cells
from harness.records import SummaryRow
from reports import confusion, tidy
from reports.model import Confusion, RunData, RunRow

SCHEMA_VERSION = 1
_SUMMARY = (
    *("dataset", "method", "metric", "value", "unit", "higher_is_better", "low", "high"),
    *("n_scored", "n_expected", "signature"),
)
_CSV = (*tidy.NUMBERS, "recall", "confusion")
#: The columns of clips.csv: no path, no paragraph.
_CLIPS_CSV = (
    *("run", "lane", "dataset", "method", "sample", "column", "metric", "emotion", "identity", "value", "reason"),
    "notes",
)


def to_json(runs: Sequence[RunData]) -> str:
    """Returns scores.json: strict JSON (a number that is not finite is null), keys in the schema's order, each row on a
    line.

    For `compare` there are `lane`, `commit` and `device` (that made it), `dataset_version` (of data that code draws),
    `descriptive` (metrics without a better or worse), `ideal` (of these, what they should be), `stochastic` (methods
    that draw noise of their own) and `aggregation` (signatures of numbers that are no means over their clips); for
    readers `confusion` (metrics that answer with a name: who was taken for whom, and the recall of each label) and
    `unaligned` (method and metric of frames that do not correspond to the ground truth's). A row names its signature
    only where its metric has several, a number its lane only where the runs have several. Names of several runs are
    joined; a method that several have says whose it is.
    """
    labelled = list(zip(runs, _labels(runs), strict=True))
    several = len({run.lane for run in runs}) > 1
    summary = [
        _summary(row, names.get(row.method, row.method)) | dropped.of(row) | ({"lane": run.lane} if several else {})
        for run, names in labelled
        for dropped in [_Dropped(run)]
        for row in run.summary
    ]
    rows = [
        _row(row, names.get(row.method, row.method), row.metric in ambiguous)
        for run, names in labelled
        for ambiguous in [_ambiguous(run.summary)]
        for row in run.rows
    ]
    taken = [confusion.to_json(one, names.get(one.method, one.method)) for r, names in labelled for one in r.confusions]
    apart = sorted({(names.get(method, method), metric) for run, names in labelled for method, metric in run.unaligned})
    head = _head(runs) | ({"unaligned": apart} if apart else {})
    body = [f"  {json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}" for key, value in head.items()]
    body += [_list("confusion", taken)] if taken else []
    body += [_list("summary", summary), _list("rows", [row for row in rows if row])]
    return "{\n" + ",\n".join(body) + "\n}\n"


def _head(runs: Sequence[RunData]) -> dict[str, Any]:
    """The keys on the runs as a whole; all but the first four only where they have content."""
    drawn = _joined(str(run.facts.get("dataset_version") or "") for run in runs)
    facts = [run.fact(name) for run in runs for name in {row.metric: row for row in run.summary}]
    descriptive = sorted({fact.name for fact in facts if not fact.ranked})
    ideals = {fact.name: fact.ideal for fact in facts if fact.ideal is not None and not fact.ranked}
    stochastic = sorted({name for run in runs for name in run.stochastic})
    made = {row.signature: run.fact(row.metric, row.signature).aggregation for run in runs for row in run.summary}
    others = {line: aggregation for line, aggregation in made.items() if aggregation != "mean"}
    return {
        "schema_version": SCHEMA_VERSION,
        "run": _joined(run.name for run in runs),
        "protocol": _joined(run.protocol for run in runs),
        "lane": _joined(run.lane for run in runs),
        **({"commit": commit} if (commit := _joined(map(commit_of, runs))) else {}),
        **({"device": device} if (device := _joined(str(run.facts.get("device") or "") for run in runs)) else {}),
        **({"existing": True} if all(run.existing for run in runs) else {}),
        **({"dataset_version": drawn} if drawn else {}),
        **({"descriptive": descriptive} if descriptive else {}),
        **({"ideal": ideals} if ideals else {}),
        **({"stochastic": stochastic} if stochastic else {}),
        **({"aggregation": others} if others else {}),
        **({"lists": lists} if (lists := _lists(runs)) else {}),
        **({"long": long} if (long := _long(runs)) else {}),
    }


def commit_of(run: RunData) -> str:
    """Returns the commit that made a run, `+changed` where its files were other ones; "" where it is not known."""
    made = run.facts.get("made_with")
    known = made.get("commit") if isinstance(made, Mapping) else None
    return f"{known}{'+changed' if made.get('dirty') else ''}" if known and isinstance(made, Mapping) else ""


def _long(runs: Sequence[RunData]) -> dict[str, dict[str, str]]:
    """What the signatures of the summary abbreviate: whole hashes, lists of classes, versions of the decoders."""
    shown = {row.signature for run in runs for row in run.summary}
    return {line: dict(long) for run in runs for line, long in run.long_signatures.items() if line in shown}


def _joined(names: Iterable[str]) -> str:
    return " + ".join(dict.fromkeys(filter(None, names)))


def _labels(runs: Sequence[RunData]) -> list[dict[str, str]]:
    """For each run: method → name that no other run's method has."""
    methods = [dict.fromkeys(row.method for row in run.summary) for run in runs]
    often = Counter(method for own in methods for method in own)
    named = zip(methods, tidy.run_names(runs), strict=True)
    return [{m: f"{m} ({name})" for m in own if often[m] > 1} for own, name in named]


def _list(key: str, items: Sequence[dict[str, Any]]) -> str:
    lines = ",\n".join("    " + json.dumps(item, ensure_ascii=False, allow_nan=False) for item in items)
    return f"  {json.dumps(key)}: [\n{lines}\n  ]" if items else f"  {json.dumps(key)}: []"


def _summary(row: SummaryRow, method: str) -> dict[str, Any]:
    fields = asdict(row) | {"method": method}
    return {key: tidy.finite(fields[key]) for key in _SUMMARY}


class _Dropped:
    """Counts the reasons why clips of a run have no number, by cell."""

    def __init__(self, run: RunData) -> None:
        self._of: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
        for row in run.rows:
            if row.expected and row.value is None and row.reason not in (None, "", "pooled"):
                self._of[row.dataset, row.method, row.metric, row.signature][row.reason or ""] += 1

    def of(self, row: SummaryRow) -> dict[str, dict[str, int]]:
        """Returns {"drop": {reason: clips}} of a cell; {} where every clip has its number."""
        found = self._of.get((row.dataset, row.method, row.metric, row.signature))
        return {"drop": dict(sorted(found.items()))} if found else {}


def _lists(runs: Sequence[RunData]) -> dict[str, str]:
    """A digest of the sorted names of the samples that were asked for, by dataset."""
    names: dict[str, set[str]] = defaultdict(set)
    for run in runs:
        for row in run.rows:
            names[row.dataset].add(row.sample)
    joined = {one: "\n".join(sorted(names[one])).encode("utf-8", "surrogateescape") for one in sorted(names)}
    return {one: hashlib.sha256(text).hexdigest()[:8] for one, text in joined.items()}


def _ambiguous(summary: Iterable[SummaryRow]) -> set[str]:
    """Metrics that stand under more than one signature: their rows must say which."""
    often = Counter(metric for metric, _ in {(row.metric, row.signature) for row in summary})
    return {metric for metric, n in often.items() if n > 1}


def _row(row: RunRow, method: str, signed: bool) -> dict[str, Any]:
    """One row; a clip that only its pool scores says so in `reason`. Rows that were never asked for are left out."""
    if not row.expected:
        return {}
    value = tidy.finite(row.value)
    fields = {"dataset": row.dataset, "method": method, "sample": row.sample, "metric": row.metric, "value": value}
    if value is None:
        fields["reason"] = row.reason or ("pooled" if row.value is None else "not_finite")
    return fields | ({"signature": row.signature} if signed else {})


def to_csv(runs: Sequence[RunData]) -> str:
    """Returns scores.csv: one line per cell of the table, full precision, empty where there is no number.

    Numbers that may be set side by side, and no others, have the same `column`. Where the metric answers with a name:
    `recall` ({label: percent}) and `confusion` ({label: {answer: clips}}), JSON.
    """
    names = tidy.run_names(runs)
    taken = {
        (name, one.dataset, one.method, one.metric, one.signature): one
        for run, name in zip(runs, names, strict=True)
        for one in run.confusions
    }
    keys = ("run", "dataset", "method", "metric", "signature")
    return _written(_CSV, (row | _answers(taken.get(tuple(row[key] for key in keys))) for row in tidy.numbers(runs)))


def _answers(one: Confusion | None) -> dict[str, str]:
    return {"recall": _compact(one.recall), "confusion": _compact(one.counts)} if one else {}


def clips_csv(runs: Sequence[RunData]) -> str:
    """Returns clips.csv: one line per clip and metric, full precision; without a value the reason code why there is
    none.
    """
    return _written(_CLIPS_CSV, tidy.clips(runs))


def _written(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    out = io.StringIO()
    csv_cells.write(out, columns, rows)
    return out.getvalue()


def _compact(values: Mapping[str, Any]) -> str:
    return json.dumps(values, ensure_ascii=False, separators=(",", ":"))
