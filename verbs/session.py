"""This module is shared by `run` and `score`: it resolves names, checks prerequisites, does the work, writes
reports.
"""

from __future__ import annotations

import inspect
import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import click

from baselines import ANCHORS, METHODS
from datasets import DATASETS
from evaluators.judge import Judge
from harness import registry, runner, store_file
from harness.dataset import Dataset, recognised, slips
from harness.errors import MissingError, UsageError, unknown_name
from harness.guard import Crash, attempt
from harness.method import Missing
from harness.records import Lane, Sample
from harness.store import RunStore
from harness.worker import Item, RunPlan
from verbs.choices import own_name, split_timeouts
from verbs.contestants import contestants, missing_of, with_demo_weights

T = TypeVar("T")
JUDGE = "evaluators.judge:Judge"
EXISTING = "baselines.existing:Existing"


@dataclass(frozen=True)
class Session:
    """Holds one run, resolved and checked, before anything is done."""

    plan: RunPlan
    samples: tuple[Sample, ...]
    judge: Judge
    asked: runner.Asked
    every: tuple[Sample, ...] = ()  # the whole list, drawn or not: anchors borrow from it

    @classmethod
    def for_run(
        cls,
        methods: Sequence[str],
        anchors: bool,
        dataset: str,
        dataset_options: Mapping[str, Any],
        protocol: str,
        lane: Lane,
        seed: int,
        limit: int | None,
        method_options: Mapping[str, Mapping[str, str]],
        device: str,
    ) -> Session:
        """Resolves every name and checks every prerequisite; raises UsageError or MissingError."""
        specs = _methods(methods, anchors)
        _known_settings(method_options, specs)
        spec = registry.resolve("dataset", dataset, DATASETS)
        options = {key: value for key, value in dataset_options.items() if value is not None}
        method_options, timeouts = split_timeouts(method_options)
        method_options = with_demo_weights(specs, method_options) if dataset == "puppets" else method_options
        plan = RunPlan(spec, options, specs, method_options, JUDGE, protocol, lane, seed, device, Path(), timeouts)
        asked = runner.Asked(tuple(specs), dataset, options, protocol, lane, seed, limit, method_options)
        judge = Judge(protocol, device, dataset)
        source = _source(dataset, spec, options)
        _check_methods(plan)
        every = _samples(spec, source)
        if not every:
            raise UsageError(f"The dataset '{dataset}' has no samples here.", "Try `python bench.py verify`.")
        samples = runner.with_limit(every, limit)
        _tell(source, samples)
        return cls(plan, samples, judge, asked, every)

    @classmethod
    def for_clips(
        cls,
        name: str,
        clips: Path,
        dataset: str,
        dataset_options: Mapping[str, Any],
        protocol: str,
        limit: int | None,
        device: str,
        lane: Lane = "as-published",
    ) -> Session:
        """Returns a run whose only method hands out the clips that exist."""
        spec = registry.resolve("dataset", dataset, DATASETS)
        options = {key: value for key, value in dataset_options.items() if value is not None}
        source = _source(dataset, spec, options)
        own = {"index": _index_of(source)} if dataset == "folder" else _named_by_id(clips)
        methods = {name: own}
        plan = RunPlan(spec, options, {name: EXISTING}, methods, JUDGE, protocol, lane, 0, device, Path())
        method_options = {
            name: {key: value for key, value in own.items() if key != "index"}
        }  # clips may be added later
        asked = runner.Asked((name,), dataset, options, protocol, lane, 0, limit, method_options)
        samples = runner.with_limit(_samples(spec, source), limit)
        _tell(source, samples)
        return cls(plan, samples, Judge(protocol, device, dataset), asked)

    def left(self, folder: Path, resume: bool) -> list[Item]:
        """Returns what a run into a folder would still do. UsageError as `work`, for a folder that holds another."""
        plan, every = runner.at(self.plan, folder), self.every or self.samples
        if not (folder / store_file.NAME).is_file():
            with tempfile.TemporaryDirectory() as empty, RunStore(Path(empty)) as store:
                return runner.left(store, plan, self.samples, self.judge, every)
        if not resume:
            raise runner.already_there(folder)
        with RunStore(folder, create=False) as store:
            runner.asked_with(folder, store.meta("asked"), self.asked)
            return runner.left(store, plan, self.samples, self.judge, every)

    def work(self, folder: Path, resume: bool, jobs: int, executor: str) -> runner.RunOutcome:
        """Does the run and writes its report."""
        from reports import write
        from reports.load import load_run

        with runner.open_store(folder, self.asked, resume) as store:
            outcome = runner.run(
                store, runner.at(self.plan, folder), self.samples, self.judge, self.asked, jobs, executor, self.every
            )
        write(load_run(folder), folder / "report")
        return outcome


def _index_of(dataset: Dataset) -> str:
    """{sample id: path} of a folder dataset, as the option that baselines.existing reads."""
    return json.dumps({sample.id: str(dataset.clip(sample)) for sample in dataset.samples()})


def _named_by_id(clips: Path) -> dict[str, str]:
    """Where the clips of a dataset's samples lie: a folder, or the files of a csv, called <sample id> both."""
    if clips.is_dir():
        return {"clips": str(clips)}
    from datasets.folder import Folder

    index: dict[str, str] = {}
    for one in Folder(clips).entries:
        if index.setdefault(one.clip.stem, str(one.clip)) != str(one.clip):
            raise UsageError(
                f"{clips} names two clips of sample '{one.clip.stem}': {index[one.clip.stem]} and {one.clip}.",
                "Leave one of them out.",
            )
    return {"clips": str(clips), "index": json.dumps(index)}


def _source(name: str, spec: str, options: Mapping[str, Any]) -> Dataset:
    """The dataset with these options; UsageError for one that it does not take, or for one's own that fails."""
    kind = registry.load(spec)
    taken = inspect.signature(kind).parameters
    if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in taken.values()):  # those check for themselves
        for option in options:
            if option not in taken:
                raise unknown_name(f"option of dataset {name}", option, taken)
    source: Dataset = _own(spec, lambda: kind(**options))
    return source


def _samples(spec: str, source: Dataset) -> tuple[Sample, ...]:
    return _own(spec, lambda: recognised(source.samples(), source.extended))


def _own(spec: str, work: Callable[[], T]) -> T:
    """The result of work by a dataset; where one of the user's own fails, one sentence."""
    if not registry.is_file_spec(spec):
        return work()
    made = attempt(work)
    if isinstance(made, Crash):
        what = made.reason if made.expected else f"The dataset {spec} fails: {made.reason}."
        raise UsageError(what, made.cure or f"`python bench.py list --check {spec} --root DIR` tests it.")
    return made


def _methods(names: Sequence[str], anchors: bool) -> dict[str, str]:
    """Column title → spec, contestants first, then the anchors that were not named."""
    specs: dict[str, str] = {}
    for name in [*names, *(ANCHORS if anchors else ())]:
        spec = registry.resolve("method", name, METHODS)
        title = own_name("method", spec) if registry.is_file_spec(name) else name
        if specs.get(title, spec) != spec:
            raise UsageError(f"Two methods are called '{title}'.", "Rename one of them.")
        specs[title] = spec
    return specs


def _known_settings(given: Mapping[str, Any], specs: Mapping[str, str]) -> None:
    for name in given:
        if name not in specs:
            raise UsageError(f"--set {name}.… is about no method or dataset of this run.", f"Add --method {name}?")


def _tell(dataset: Dataset, samples: Sequence[Sample]) -> None:
    """Prints the dataset's remarks before the work, e.g. that it is a part, and each label that names no emotion."""
    for line in (*dataset.notices(), *slips(samples, dataset)):
        click.echo(f"note: {line}", err=True)


def _check_methods(plan: RunPlan) -> None:
    """Say which methods cannot run here: their samples are rows with that reason. Stop before any work if none of the
    contestants can.
    """
    lacks: dict[str, Missing] = {}
    for name, spec in plan.methods.items():
        missing = attempt(partial(missing_of, spec, plan.method_options.get(name, {}), plan.device))
        if isinstance(missing, Crash):
            what = missing.reason if missing.expected else f"Method '{name}' cannot be built: {missing.reason}."
            raise UsageError(what, missing.cure or f"`python bench.py list --check {spec}` tests a method of yours.")
        if missing:
            lacks[name] = missing[0]
    if all(name in lacks for name in contestants(plan.methods)):
        name, lack = next(iter(lacks.items()))
        raise MissingError(f"Method '{name}' needs {lack.what}.", lack.cure)
    for name, lack in lacks.items():
        click.echo(f"note: method '{name}' cannot run here: it needs {lack.what}. {lack.cure}".rstrip(), err=True)
