"""This module writes run.json: what was asked of a run, with what it was made, and what its signatures abbreviate."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from itertools import chain, count
from pathlib import Path
from typing import Any

from harness import provenance, registry, weights
from harness.atomic import replacing
from harness.digest import recall
from harness.evaluator import Column, Panel
from harness.store_file import SCHEMA_VERSION
from harness.worker import RunPlan

NAME = "run.json"


def write(folder: Path, asked: Mapping[str, Any], plan: RunPlan, judge: Panel, marks: Mapping[str, str]) -> None:
    """Write run.json atomically: request, versions, machine. Methods of earlier calls stay recorded."""
    before = recall(folder / NAME)
    files = {**_part(before, "weights"), **{n: provenance.weights_of(bare(plan, n)) for n in plan.methods}}
    long = abbreviated(judge.columns())
    facts = {
        "schema_version": SCHEMA_VERSION,
        "name": folder.name,
        "asked": asked,
        "dataset_version": provenance.version_of(registry.load(plan.dataset_spec)),
        "made_with": {**provenance.commit(), "date": _now()},
        "versions": provenance.versions(),
        "machine": provenance.machine(),
        "device": plan.device,
        "methods": {
            **_part(before, "methods"),
            **provenance.made_by(plan.methods, marks, lambda name: bare(plan, name)),
        },
        "weights": files,
        "weights_from": weights.origins(value for part in (*files.values(), *long.values()) for value in part.values()),
        "signatures": _by_metric(judge.columns()),
        "abbreviated": {line: fields for line, fields in long.items() if fields},
    }
    text = json.dumps(facts, indent=1, default=str, sort_keys=True)
    with replacing(folder / NAME) as partial:
        partial.write_text(text + "\n", encoding="utf-8")


def _now() -> str:
    """The date and time in UTC, to the second."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def _part(facts: Mapping[str, Any], key: str) -> dict[str, Any]:
    """A part of an earlier run.json; {} where it has none."""
    part = facts.get(key)
    return part if isinstance(part, dict) else {}


def bare(plan: RunPlan, name: str) -> Any:
    """Returns a method built but not loaded, to ask it for its facts."""
    return registry.load(plan.methods[name])(plan.method_options.get(name, {}), plan.device)


def abbreviated(columns: Sequence[Column]) -> dict[str, dict[str, str]]:
    """Returns signature line → its long form (whole hashes, class lists); reports read it and import no judge."""
    return {line: dict(evaluator.signature(metric).long) for evaluator, metric, line in columns}


def _by_metric(columns: Sequence[Column]) -> dict[str, str]:
    """Metric → signature line; where a protocol has a metric several times, the further ones as `metric #2`, …"""
    lines: dict[str, str] = {}
    for _, metric, line in columns:
        names = chain([metric], (f"{metric} #{k}" for k in count(2)))
        lines[next(name for name in names if name not in lines)] = line
    return lines
