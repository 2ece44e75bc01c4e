"""Made-up finished runs for the tests of reports/: numbers with a known truth, no torch, no disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from harness import statistics
from harness.emotions import BASIC_EMOTIONS
from harness.records import Comparison, SummaryRow
from reports.model import MetricFact, RunData, RunRow

#: A name that would break a page, a table, a macro or a terminal.
HOSTILE = '<script>alert(1)</script>|"quoted" & $x_1$ 100% \\cmd{é} ☃ `tick` *star*\n\x1b[31m'


FACTS = {
    "emotion_accuracy": MetricFact("emotion_accuracy", "Emotion accuracy", "%", True),
    "lse_c": MetricFact("lse_c", "LSE-C", "", True),
    "fid": MetricFact("fid", "FID", "", False, aggregation="pooled"),
    "identity": MetricFact("identity", "Identity similarity", "", True),
    "lpips": MetricFact("lpips", "LPIPS", "", False),
    "offset": MetricFact("offset", "Sync offset", "frames", False, ranked=False),
}
SIGNATURES = {name: f"{name}|net:small@sha1a2b|fps:25|codec:h264crf18|v:1" for name in FACTS}
#: True means of each method: (accuracy in %, LSE-C, FID, identity)
TRUTH = {
    "cmet": (80.0, 6.0, 21.0, 0.90),
    "edtalk": (62.0, 6.1, 24.0, 0.88),
    "label": (55.0, 5.9, 24.5, 0.89),
    "ground_truth": (98.0, 7.4, 4.0, 0.97),
    "no_edit": (12.0, 6.2, 30.0, 0.91),
    "still_face": (12.0, 1.2, 44.0, 0.93),
}
EMOTIONS = (*BASIC_EMOTIONS, "sarcastic", "desire")


def make_run(
    name: str = "bench",
    seed: int = 0,
    methods: Sequence[str] = tuple(TRUTH),
    identities: int = 20,
    clips: int = 60,
    dataset: str = "puppets",
    lane: str = "speech",
    shift: Mapping[str, float] | None = None,
    lose: Mapping[str, int] | None = None,
    folder: Path | None = None,
) -> RunData:
    """A run whose rows follow TRUTH; `shift` adds to a metric, `lose` leaves the first n clips of a metric unscored.

    The same sample has the same difficulty in every run, so runs of different seeds pair as real ones do.
    """
    shift, lose = shift or {}, lose or {}
    rng, world = np.random.default_rng(seed), np.random.default_rng(99)
    who = [f"p{k % identities:02d}" for k in range(clips)]
    hard = {metric: world.normal(0, 1, clips) for metric in FACTS}
    rows: list[RunRow] = []
    for method in methods:
        for metric in FACTS:
            for k in range(clips):
                value, reason = _value(method, metric, hard[metric][k], rng, shift.get(metric, 0.0))
                if value is not None and k < lose.get(metric, 0):
                    value, reason = None, "no_face"
                emotion = EMOTIONS[k % len(EMOTIONS)]
                sample = f"{who[k]}_{emotion}_{k:03d}"
                detail = "no face in any of 75 frames" if reason == "no_face" else ""
                rows.append(
                    RunRow(dataset, method, sample, who[k], emotion, metric, value, reason, detail, SIGNATURES[metric])
                )
    run = RunData(name, "demo", lane, _facts(seed), (), tuple(rows), FACTS, folder=folder)
    run = replace(run, summary=tuple(_summary(run, dataset, methods, shift)))
    clip_paths = {(row.method, row.sample): f"clips/{row.method}/{row.sample}.mp4" for row in rows}
    return replace(run, comparisons=tuple(_comparisons(run, methods, dataset)), clips=clip_paths)


def _value(
    method: str, metric: str, hard: float, rng: np.random.Generator, shift: float
) -> tuple[float | None, str | None]:
    accuracy, lse_c, _, identity = TRUTH.get(method, TRUTH["cmet"])
    if metric == "emotion_accuracy":
        return (100.0 if rng.random() * 100 < accuracy + shift else 0.0), None
    if metric == "lse_c":
        return lse_c + 0.5 * hard + 0.3 * rng.normal() + shift, None
    if metric == "identity":
        return identity + 0.02 * hard + 0.01 * rng.normal() + shift, None
    if metric == "offset":
        return float(rng.integers(-1, 2)), None
    return None, "pooled" if metric == "fid" else "no_reference"


def _summary(run: RunData, dataset: str, methods: Sequence[str], shift: Mapping[str, float]) -> list[SummaryRow]:
    found = []
    for metric, fact in FACTS.items():
        for method in methods:
            rows = [row for row in run.rows if (row.method, row.metric) == (method, metric)]
            scored = [row for row in rows if row.scored]
            values = [row.value for row in scored if row.value is not None]
            people = [row.identity for row in scored if row.value is not None]
            mean = statistics.left_out_of_mean(values, people) if values else None
            value = mean.value if mean else None
            scale = "share" if fact.unit == "%" else "plain"
            low, high = (mean.by_person().interval(scale) if mean else None) or (None, None)
            by = (mean.by_clip().interval(scale) if mean else None) or (None, None)
            if metric == "fid":
                value = TRUTH.get(method, TRUTH["cmet"])[2] + shift.get("fid", 0.0)
                low, high = value - 1.5, value + 1.5
            note = "" if scored else "no_reference"
            facts = (fact.unit, fact.higher_is_better, low, high, len(scored), len(rows), SIGNATURES[metric], note)
            facts = (*facts, *by, len(set(people)))
            found.append(SummaryRow(dataset, method, metric, value, *facts))
    return found


def _comparisons(run: RunData, methods: Sequence[str], dataset: str) -> list[Comparison]:
    found = []
    for metric in ("emotion_accuracy", "lse_c", "identity"):
        for k, first in enumerate(methods):
            for second in methods[k + 1 :]:
                a, b = (_values(run, method, metric) for method in (first, second))
                both = [sample for sample in a if sample in b]
                if len(both) < 2:
                    continue
                people = [s.partition("_")[0] for s in both]
                change = statistics.left_out_of_mean([a[s] - b[s] for s in both], people).by_person()
                low, high = change.interval() or (0.0, 0.0)
                p = change.p_value
                facts = (change.value, low, high, p, p, len(both), SIGNATURES[metric], "t over people", change.units)
                found.append(Comparison(dataset, metric, first, second, *facts))
    corrected = statistics.holm([c.p_value for c in found])
    return [replace(c, p_holm=p) for c, p in zip(found, corrected, strict=True)]


def _values(run: RunData, method: str, metric: str) -> dict[str, float]:
    rows = [row for row in run.rows if (row.method, row.metric) == (method, metric)]
    return {row.sample: row.value for row in rows if row.value is not None}


def _facts(seed: int) -> dict[str, object]:
    return {
        "schema_version": 1,
        "asked": {"methods": ["cmet"], "dataset": "puppets", "seed": seed},
        "made_with": {"commit": "0123abcd", "dirty": False},
        "packages": {"python": "3.11.2", "torch": "2.14.1"},
        "machine": {"platform": "Linux x86_64", "cores": 2},
    }


def renamed(run: RunData, old: str, new: str) -> RunData:
    """`run` with one method under another name."""

    def swap(name: str) -> str:
        return new if name == old else name

    return replace(
        run,
        summary=tuple(replace(row, method=swap(row.method)) for row in run.summary),
        rows=tuple(replace(row, method=swap(row.method)) for row in run.rows),
        comparisons=tuple(replace(c, first=swap(c.first), second=swap(c.second)) for c in run.comparisons),
        clips={(swap(method), sample): path for (method, sample), path in run.clips.items()},
    )


def with_signature(run: RunData, metric: str, signature: str) -> RunData:
    """`run` with one metric under another signature."""
    return replace(
        run,
        summary=tuple(replace(r, signature=signature) if r.metric == metric else r for r in run.summary),
        rows=tuple(replace(r, signature=signature) if r.metric == metric else r for r in run.rows),
    )


def with_published_names(run: RunData, protocol: str = "demo") -> RunData:
    """`run` with the metrics' keys as judges have them, judged by another protocol."""
    keys = {"emotion_accuracy": "emotion_acc", "identity": "identity_sim"}

    def name(key: str) -> str:
        return keys.get(key, key)

    return replace(
        run,
        protocol=protocol,
        summary=tuple(replace(row, metric=name(row.metric)) for row in run.summary),
        rows=tuple(replace(row, metric=name(row.metric)) for row in run.rows),
        comparisons=tuple(replace(one, metric=name(one.metric)) for one in run.comparisons),
        metric_facts={name(key): replace(fact, name=name(key)) for key, fact in run.metric_facts.items()},
    )
