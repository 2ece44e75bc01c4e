"""The runner works off everything asked for, less the finished part, and stores results as they come."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from harness import provenance, registry, run_file
from harness.atomic import sweep, sweep_abandoned
from harness.digest import cache_dir
from harness.donors import donor_of
from harness.errors import UsageError
from harness.evaluator import Panel
from harness.executors import EXECUTORS
from harness.finished import Finished
from harness.pace import Kind, Pace
from harness.progress import Progress
from harness.records import Failed, Sample
from harness.store import RunStore
from harness.summary import summarise
from harness.worker import Item, Result, RunPlan

#: Options that must be the same when a run goes on, and how they are typed; methods and the limit may be extended.
_FIXED = {
    "dataset": "--dataset",
    "dataset_options": "--root, --list, --reference or --set",
    "protocol": "--protocol",
    "lane": "--lane",
    "seed": "--seed",
}


@dataclass(frozen=True)
class Asked:
    """Holds the request of a run, as run.json records it."""

    methods: tuple[str, ...]
    dataset: str
    dataset_options: Mapping[str, Any]
    protocol: str
    lane: str
    seed: int
    limit: int | None
    method_options: Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class RunOutcome:
    """Says how a run ended."""

    folder: Path
    made: int
    failed: int
    reused: int
    methods: tuple[str, ...] = ()
    seconds: float = 0.0


def open_store(folder: Path, asked: Asked, resume: bool) -> RunStore:
    """Returns the run's store, new or resumed. UsageError when the folder holds another run."""
    if (folder / "run.sqlite").is_file() and not resume:
        raise already_there(folder)
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"'{folder}' is a file, not a folder.", "Choose another --out.")
    store = RunStore(folder)
    try:
        now = asked_with(folder, store.meta("asked"), asked)
    except UsageError:
        store.close()
        raise
    store.set_meta("asked", now)
    return store


def already_there(folder: Path) -> UsageError:
    """Returns the error of a run into a folder that holds one."""
    return UsageError(f"'{folder}' already holds a run.", "Add --resume to go on with it, or choose another --out.")


def asked_with(folder: Path, before: Mapping[str, Any] | None, asked: Asked) -> dict[str, Any]:
    """Returns what is asked of a run that asked for `before`, its methods included. UsageError where they differ in
    what must be the same.
    """
    now: dict[str, Any] = json.loads(json.dumps(asdict(asked), default=str))
    if before is None:
        return now
    options = {**now["method_options"], **before["method_options"]}
    changed = [option for key, option in _FIXED.items() if before.get(key) != now.get(key)]
    if any(options[name] != value for name, value in now["method_options"].items()):
        changed.append("--set")
    if changed:
        what = f"'{folder}' was started with another {' and '.join(changed)}."
        raise UsageError(what, "Repeat the first command, or choose another --out.")
    return {**now, "method_options": options, "methods": list(dict.fromkeys([*before["methods"], *now["methods"]]))}


def run(
    store: RunStore,
    plan: RunPlan,
    samples: Sequence[Sample],
    judge: Panel,
    asked: Asked,
    jobs: int,
    executor: str = "local",
    every: Sequence[Sample] = (),
) -> RunOutcome:
    """Work off methods x samples; every finished item is in the store before the next is awaited.

    every: the whole test list, from which anchors borrow; `samples` themselves where it is not given.
    """
    folder, began = store.path.parent, time.monotonic()
    sweep(folder)
    sweep_abandoned(cache_dir())
    store.add_samples(samples, complete=asked.limit is None)
    marks = _marks(plan)
    finished = Finished(store, marks, judge)
    items = list(_items(plan, samples, finished, every or samples))
    run_file.write(folder, store.meta("asked"), plan, judge, marks)
    try:
        where = EXECUTORS[executor if items else "local"]  # nothing to do needs no cluster
        jobs = max(1, min(jobs, len(items)))
        pace = Pace(map(_kind, items), jobs)
        with closing(where(jobs).run(plan, items)) as results:
            made, failed = _store_all(results, store, finished, judge, Progress("clips", len(items), pace=pace), pace)
    finally:
        sweep(folder)
        finish(store, judge)
    reused, seconds = len(plan.methods) * len(samples) - len(items), time.monotonic() - began
    return RunOutcome(folder, made, failed, reused, tuple(plan.methods), seconds)


def left(
    store: RunStore, plan: RunPlan, samples: Sequence[Sample], judge: Panel, every: Sequence[Sample]
) -> list[Item]:
    """Returns what is left to do; nothing is written."""
    return list(_items(plan, samples, Finished(store, _marks(plan), judge), every))


def _marks(plan: RunPlan) -> dict[str, str]:
    dataset = registry.load(plan.dataset_spec)
    return {name: provenance.fingerprint(run_file.bare(plan, name), dataset) for name in plan.methods}


def _store_all(
    results: Iterator[Result], store: RunStore, finished: Finished, judge: Panel, progress: Progress, pace: Pace
) -> tuple[int, int]:
    """Store each result as it comes, and show how far it is; (clips made, clips failed)."""
    made = failed = 0
    try:
        for result in results:
            _keep(store, result, finished, judge)
            lost = isinstance(result.clip, Failed)
            made, failed = made + (not lost), failed + lost
            pace.settled(_kind(result.item), result.seconds, result.first, result.process_bytes)
            progress.step(f"{result.item.method} {result.item.sample.id}", lost)
    except KeyboardInterrupt:
        progress.say("Summing up what is finished; another Ctrl-C leaves at once.")
        raise
    finally:
        progress.close()
        store.set_meta("pace", pace.record(store.meta("pace") or {}))
        store.set_meta("process_bytes", max(pace.process_bytes, store.meta("process_bytes") or 0))
    return made, failed


def _kind(item: Item) -> Kind:
    return item.method, item.clip is not None


def finish(store: RunStore, judge: Panel) -> None:
    """Compute the summary of whatever is in the store."""
    datasets = {dataset for dataset, *_ in store.samples()}
    progress = Progress("metrics summed up", len(judge.columns()) * len(datasets))
    try:
        summed_up(store, judge, progress.step)
    finally:
        progress.close()


def summed_up(store: RunStore, judge: Panel, tell: Callable[[str], None] | None = None) -> None:
    """Write the summary of the store's rows, and the meaning of its signatures and metrics; `tell` gets each metric."""
    columns = judge.columns()
    store.set_meta("metrics", {metric: asdict(evaluator.facts(metric)) for evaluator, metric, _ in columns})
    store.set_meta("aggregations", {line: evaluator.facts(metric).aggregation for evaluator, metric, line in columns})
    store.set_meta("signatures", run_file.abbreviated(columns))
    store.set_summary(*summarise(store, columns, tell))


def _items(plan: RunPlan, samples: Sequence[Sample], finished: Finished, every: Sequence[Sample]) -> Iterator[Item]:
    """What is left to do, method by method, in list order; samples that a method failed on before come last."""
    for name, spec in plan.methods.items():
        differs_in = getattr(registry.load(spec), "donor_differs_in", None)
        for sample in sorted(samples, key=partial(finished.ended_badly, name)):
            item = finished.item(name, sample, donor_of(sample, every, differs_in) if differs_in else None)
            if item is not None:
                yield item


def _keep(store: RunStore, result: Result, finished: Finished, judge: Panel) -> None:
    item = result.item
    key = (item.sample.dataset, item.method, item.sample.id)
    if result.clip is not item.clip:
        store.put(*key, result.clip, finished.mark(item.method, result.clip, item.sample, item.donor))
    rows, lost = result.rows, result.unjudged or result.clip
    if not rows and isinstance(lost, Failed):
        rows = judge.rows(item.sample, lost, item.finished if result.unjudged else frozenset())
    store.put_rows(*key, rows)


def with_limit(samples: Sequence[Sample], limit: int | None) -> tuple[Sample, ...]:
    """Returns `limit` samples in list order, drawn by a hash of their ids: mixed, and a larger limit keeps them."""
    if limit is None or limit >= len(samples):
        return tuple(samples)
    if limit < 1:
        raise UsageError(f"--limit {limit} leaves nothing to do.", "Give a number of at least 1.")
    drawn = sorted(samples, key=lambda sample: hashlib.sha256(sample.id.encode()).digest())[:limit]
    chosen = {sample.id for sample in drawn}
    return tuple(sample for sample in samples if sample.id in chosen)


def at(plan: RunPlan, folder: Path) -> RunPlan:
    """Returns the plan with its clips in a run folder."""
    return replace(plan, clips_folder=folder / "clips")
