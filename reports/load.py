"""This module reads a run folder into the plain records that every report is made of."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from harness import registry
from harness.errors import CannotCompareError, SchemaError, UsageError
from harness.evaluator import Aggregation
from harness.records import Clip, Failed, SummaryRow
from harness.signature import Signature
from harness.store import RunStore, StoredRow
from harness.summary import unpack
from reports.aggregation import undeclared
from reports.confusion import counted
from reports.model import Confusion, Making, MetricFact, RunData, RunRow, no_pool
from reports.pools import Pools

DECISIONS = "evaluators.extended.decisions"  # numpy only
_REWRITE = "Repeat the run with --resume; it is rewritten."


def load_run(folder: Path, to_compare: bool = False) -> RunData:
    """Returns everything the reports know of the run in `folder`.

    With `to_compare`, the statistics of clips can be asked for (`pool`), and confusions are not read. UsageError when
    the folder is no run, or one of another schema.
    """
    with RunStore(folder, create=False) as store:
        facts = _facts(folder)
        asked = store.meta("asked") or {}
        metrics: Mapping[str, Mapping[str, Any]] = store.meta("metrics") or {}
        summary = tuple(store.summary())
        signed = {(row.dataset, row.method, row.metric, _settings(row.signature)): row.signature for row in summary}
        return RunData(
            name=folder.resolve().name,
            protocol=str(asked.get("protocol", "")),
            lane=str(asked.get("lane", "")),
            facts=facts,
            summary=summary,
            rows=(rows := _rows(store, signed)),
            metric_facts={name: _fact(name, told) for name, told in metrics.items()},
            comparisons=tuple(store.comparisons()),
            clips=_clips(store, folder.resolve()),
            long_signatures=_long(store, metrics, summary),
            confusions=() if to_compare else _confusions(store, summary, rows),
            aggregations=_aggregations(store, metrics, summary),
            makings=_makings(store),
            unaligned=_unaligned(facts, metrics, summary),
            frames_asked=store.frames() if to_compare else {},
            folder=folder,
            existing=_existing(facts),
            stochastic=_stochastic(facts),
            pool=Pools(folder) if to_compare else no_pool,
        )


def _rows(store: RunStore, signed: Mapping[tuple[str, str, str, str], str]) -> tuple[RunRow, ...]:
    """Every row that the table counts, with who and which emotion its sample is, and the signature of its number.

    Rows of another signature (the judge's weights were fetched since, say) stay in the store and are reported nowhere.
    """
    counted_in = {(dataset, metric) for dataset, _, metric, _ in signed}
    current = {(dataset, metric, line) for dataset, _, metric, line in signed}
    who = {(dataset, sample): (identity, emotion) for dataset, sample, identity, emotion in store.samples()}
    return tuple(
        RunRow(
            row.dataset,
            row.method,
            row.sample,
            *who.get((row.dataset, row.sample), ("", "")),
            row.metric,
            row.value,
            row.reason or ("pooled" if row.value is None else None),
            row.detail,
            signed.get((row.dataset, row.method, row.metric, row.signature), row.signature),
            row.notes,
        )
        for row in store.rows(statistics=False)
        if (row.dataset, row.metric) not in counted_in or (row.dataset, row.metric, row.signature) in current
    )


def _confusions(store: RunStore, summary: Iterable[SummaryRow], rows: Iterable[RunRow]) -> tuple[Confusion, ...]:
    """The confusions of every number of the summary that is a share of right answers."""
    deciding = registry.load(f"{DECISIONS}:METRICS")
    missed: dict[tuple[str, str, str, str], list[tuple[str, str, str]]] = defaultdict(list)
    for row in rows:
        if row.metric in deciding and row.expected and not row.scored:
            missed[row.dataset, row.method, row.metric, row.signature].append(
                (row.sample, row.emotion, row.reason or "")
            )
    keys = [(row.dataset, row.method, row.metric, row.signature) for row in summary if row.metric in deciding]
    found = [counted(key, *_answers(store, key), missed[key]) for key in keys]
    return tuple(one for one in found if one is not None)


def _answers(store: RunStore, key: tuple[str, str, str, str]) -> tuple[tuple[str, ...], list[tuple[str, str, str]]]:
    """(classes, (sample, label, answer) of each scored clip); an undecided one's answer is the reason in its notes."""
    line = _settings(key[3])
    stored = [row for row in store.rows(cell=(*key[:3], line)) if row.reason is None and row.statistics]
    if not stored:
        return (), []
    decisions = registry.load(f"{DECISIONS}:decided")(key[2], line, [unpack(row) for row in stored])
    pairs = [(row, pair) for row, pair in zip(stored, decisions.pairs, strict=True) if pair is not None]
    return decisions.classes, [(row.sample, label, answer or _undecided(row)) for row, (label, answer) in pairs]


def _undecided(row: StoredRow) -> str:
    """Why the judge could not decide on a clip that counts: the note after `undecided`, if there is one."""
    return (*row.notes, "undecided")[row.notes.index("undecided") + 1] if "undecided" in row.notes else "undecided"


def _clips(store: RunStore, folder: Path) -> dict[tuple[str, str], str]:
    """(method, sample) → the clip, by its place in the run folder if it lies there."""
    return {
        (method, sample): str(clip.path.relative_to(folder) if clip.path.is_relative_to(folder) else clip.path)
        for (_, method, sample), (clip, _) in store.clips().items()
        if isinstance(clip, Clip)
    }


def _makings(store: RunStore) -> tuple[Making, ...]:
    """How each clip of the samples that are asked for was made, and which were refused."""
    emotions = {(dataset, sample): emotion for dataset, sample, _, emotion in store.samples()}
    found = []
    for key, (clip, _) in store.clips().items():
        emotion = emotions.get((key[0], key[2]))
        if emotion is not None and isinstance(clip, Clip):
            notes = tuple(note for note in clip.notes.split("; ") if note)
            found.append(Making(*key, emotion, clip.used, clip.label, notes))
        elif emotion is not None and isinstance(clip, Failed) and clip.kind == "unsupported":
            found.append(Making(*key, emotion, "", refused=clip.reason))
    return tuple(found)


def _unaligned(
    facts: Mapping[str, Any], metrics: Mapping[str, Mapping[str, Any]], summary: Iterable[SummaryRow]
) -> frozenset[tuple[str, str]]:
    """(method, metric) of the numbers that need the ground truth's head motion, of methods whose head moves otherwise,
    or not at all.
    """
    made = facts.get("methods") or {}
    own = {name for name, one in made.items() if (one.get("facts") or {}).get("pose") in ("own", "source")}
    aligned = {name for name, one in metrics.items() if one.get("frame_aligned")}
    return frozenset((r.method, r.metric) for r in summary if r.method in own and r.metric in aligned)


def load_any(path: Path) -> RunData:
    """Returns the RunData of a run folder, or of a bare scores.json or a folder that keeps one, to be compared.
    CannotCompareError where it is of another schema.
    """
    kept = path / "scores.json"
    if path.is_dir() and ((path / "run.sqlite").is_file() or not kept.is_file()):
        try:
            return load_run(path, to_compare=True)
        except SchemaError as error:
            raise CannotCompareError(error.what, error.cure) from error
    path = kept if path.is_dir() else path
    if path.is_file():
        from reports.scores_file import read_scores

        return read_scores(path)
    raise UsageError(f"There is no run at '{path}'.", "Name a run folder, or a scores.json.")


def _settings(line: str) -> str:
    """A signature without what only a measured set has: the one that rows are stored under."""
    return str(Signature.parse(line).settings())


def _long(
    store: RunStore, metrics: Mapping[str, Mapping[str, Any]], summary: Iterable[SummaryRow]
) -> dict[str, Mapping[str, str]]:
    """The long line that each signature of the summary abbreviates."""
    long_of = store.meta("signatures")
    if long_of is None:  # older runs kept it for one signature a metric
        long_of = {one["signature"]: one["long"] for one in metrics.values()}
    known = {line: long for line, long in long_of.items() if long}
    lines = [row.signature for row in summary]
    return {**known, **{line: known[_settings(line)] for line in lines if _settings(line) in known}}


def _facts(folder: Path) -> Mapping[str, Any]:
    path = folder / "run.json"
    if not path.is_file():
        return {}
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UsageError(f"'{path}' is not valid JSON: {error}.", _REWRITE) from error
    if not isinstance(facts, dict):
        raise UsageError(f"'{path}' is not what a run writes: it is no object.", _REWRITE)
    return facts


def _fact(name: str, facts: Mapping[str, Any]) -> MetricFact:
    aggregation: Aggregation = facts.get("aggregation") or ("pooled" if facts["pooled"] else "mean")
    own = (facts["title"], facts["unit"], facts["higher_is_better"], facts["ranked"])
    return MetricFact(name, *own, aggregation, facts.get("ideal"))


def _aggregations(
    store: RunStore, metrics: Mapping[str, Mapping[str, Any]], summary: Iterable[SummaryRow]
) -> dict[str, Aggregation]:
    """Signature of the summary → how clips make its number."""
    declared: Mapping[str, Aggregation] = store.meta("aggregations") or {}
    pooled = {name for name, facts in metrics.items() if _fact(name, facts).pooled}
    return {
        row.signature: declared.get(_settings(row.signature)) or undeclared(row.signature, row.metric in pooled)
        for row in summary
    }


def _stochastic(facts: Mapping[str, Any]) -> frozenset[str]:
    """The methods that said, when they were built, that they draw noise."""
    methods: Mapping[str, Any] = facts.get("methods") or {}
    return frozenset(name for name, kept in methods.items() if (kept.get("facts") or {}).get("stochastic"))


def _existing(facts: Mapping[str, Any]) -> bool:
    """Whether none of its methods has facts of its own: they only hand out clips (harness.method.facts_of)."""
    methods: Mapping[str, Any] = facts.get("methods") or {}
    return bool(methods) and not any(kept.get("facts", {"": ""}) for kept in methods.values())
