"""A worker makes and judges one sample with one method at a time, keeping networks loaded between samples."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from harness import foreign, liveness, registry
from harness.dataset import Dataset
from harness.errors import MissingError, NoRoomError
from harness.evaluator import Panel
from harness.footprint import Footprint, process_peak
from harness.guard import Crash, attempt
from harness.lanes import request_in, unsupported
from harness.method import Frame, Method
from harness.output import ClipWriter
from harness.records import Clip, Failed, FailureKind, Lane, Request, Row, Sample
from harness.seeds import seed_for

T = TypeVar("T")

#: A method that writes no frame and gives no other sign of life for so long, loading included, is ended.
TIMEOUT_SECONDS = 600.0


#: What is added for a method that ends its own process for silence: then the worker need not be ended.
_GRACE_SECONDS = 60.0


@dataclass(frozen=True)
class RunPlan:
    """Holds everything that the workers of a run share. Plain data: it crosses process borders."""

    dataset_spec: str
    dataset_options: Mapping[str, Any]
    methods: Mapping[str, str]  # method name → spec
    method_options: Mapping[str, Mapping[str, str]]
    judge_spec: str
    protocol: str  # name of a protocol, or a path to one
    lane: Lane
    seed: int
    device: str
    clips_folder: Path
    timeouts: Mapping[str, float] = field(default_factory=dict)  # method → seconds, where not the default

    def clip_path(self, item: Item) -> Path:
        """Returns where the clip of an item belongs."""
        return self.clips_folder / item.method / f"{item.sample.id}.mp4"

    def timeout(self, method: str) -> float:
        """Returns for how many seconds a method may give no sign of life."""
        return self.timeouts.get(method, TIMEOUT_SECONDS)


@dataclass(frozen=True)
class Item:
    """Describes one unit of work: a sample and a method, and its finished part."""

    method: str
    sample: Sample
    clip: Clip | None = None  # made before: only judge it
    donor: Sample | None = None  # another sample, for anchors that need one (harness.donors)
    finished: frozenset[tuple[str, str]] = frozenset()  # (metric, signature) of rows that exist


@dataclass(frozen=True)
class Result:
    """Holds the result of an item. `unjudged`: how judging ended a clip's process, where the clip was there before.

    seconds: the time it took, 0 where unknown; first: whether the process loaded something for it; process_bytes: the
    most memory that its process held meanwhile.
    """

    item: Item
    clip: Clip | Failed
    rows: tuple[Row, ...]
    unjudged: Failed | None = None
    seconds: float = 0.0
    first: bool = False
    process_bytes: int | None = None


def request_for(sample: Sample, method: str, plan: RunPlan) -> Request:
    """Returns the input of `method` for a sample of this run."""
    return request_in(plan.lane, sample, seed_for(plan.seed, method, sample.id))


def ask(method: Any, request: Request, target: Path, through: Callable[[Frame], Frame] | None = None) -> Clip | Failed:
    """Says how a loaded method ends on a request. A Clip is the one that the harness encoded, at `target`.

    through: applied to each frame before it is written.
    """
    with ClipWriter(request, target, bool(getattr(method, "anchor", False)), through) as out:
        made = _own(lambda: _answered(method, request, out, target))
    return Failed(_kind(made), made.reason, made.cure, made.detail) if isinstance(made, Crash) else made


def _answered(method: Any, request: Request, out: ClipWriter, target: Path) -> Clip | Failed:
    """The method's answer, rebuilt of plain values, if it is one."""
    made = method.generate(request, out)
    if isinstance(made, Failed):
        return foreign.failed(made)
    existing = bool(getattr(method, "existing", False))
    if isinstance(made, Clip) and (existing or (made.path == target and out.finished)):
        return foreign.clip(made)
    reason = f"generate did not return the clip that the harness made, but a {type(made).__name__}"
    return Failed("bad-output", reason, "End it with `return out.clip(used=…)`, or with a Failed.")


def _own(work: Callable[[], T]) -> T | Crash:
    """The result of a method's own work, or its Crash. What it alone lacks ends it; a full disk still ends all."""
    try:
        return attempt(work)
    except NoRoomError:
        raise
    except MissingError as error:
        return Crash(foreign.text(error.what), "", foreign.text(error.cure), expected=True, code="unavailable")


def _kind(crash: Crash) -> FailureKind:
    if crash.code == "unavailable":
        return "unavailable"
    if crash.expected:
        return "bad-input"
    return "out-of-memory" if crash.out_of_memory else "crashed"


class Worker:
    """Works in one process; methods and judges are built on first use."""

    def __init__(self, plan: RunPlan) -> None:
        self._plan = plan
        self._dataset: Dataset = registry.load(plan.dataset_spec)(**plan.dataset_options)
        self._methods: dict[str, Method | Crash] = {}  # one that cannot be loaded is not tried for every sample
        self._load_seconds: dict[str, float] = {}
        self._footprint = Footprint(plan.device)
        self._own_bytes: dict[str, int] = {}  # method → bytes that loading it added
        self._judge: Panel | None = None
        self._met: set[str] = set()  # methods that this process has worked for

    def work(self, item: Item) -> Result:
        """Make the clip if it is not there, judge it, and return both; never raises for a bad sample."""
        began, first = time.perf_counter(), item.method not in self._met
        self._met.add(item.method)
        ready = attempt(lambda: self._materialise(item))
        clip: Clip | Failed
        if isinstance(ready, Crash) and item.clip is None and not self._hands_out(item.method):
            clip = Failed("bad-input", ready.reason, ready.cure, ready.detail)
        else:
            clip = item.clip if item.clip is not None else self._generate(item)
        if isinstance(clip, Failed):
            self._plan.clip_path(item).unlink(missing_ok=True)  # of an earlier run: the store names no file there
        rows = self._judge_rows(item, clip)
        seconds = time.perf_counter() - began
        return Result(item, clip, rows, seconds=seconds, first=first, process_bytes=process_peak())

    def close(self) -> None:
        """Let every method end what it keeps: processes of its own, files."""
        for method in self._methods.values():
            if hasattr(method, "close"):
                attempt(method.close)

    def _hands_out(self, name: str) -> bool:
        """Whether the method's clips exist already: then the prerequisites of generating may be missing."""
        return bool(getattr(registry.load(self._plan.methods[name]), "existing", False))

    def _materialise(self, item: Item) -> None:
        self._dataset.materialise(item.sample)
        if item.donor is not None:
            self._dataset.materialise(item.donor)

    def _method(self, name: str) -> Method | Crash:
        if name not in self._methods:
            self._methods[name] = _own(lambda: self._loaded(name))
            liveness.alive()
        return self._methods[name]

    def _loaded(self, name: str) -> Method:
        kind, options = registry.load(self._plan.methods[name]), self._plan.method_options.get(name, {})
        if getattr(kind, "keeps_time", False):
            options = {**options, "timeout": str(self._plan.timeout(name))}
        method: Method = kind(options, self._plan.device)
        for lack in method.missing() if hasattr(method, "missing") else ():
            raise MissingError(f"Method '{name}' needs {lack.what}.", lack.cure)
        before, began = self._footprint.held() or 0, time.perf_counter()
        if hasattr(method, "load"):
            method.load()
        self._load_seconds[name] = time.perf_counter() - began
        self._own_bytes[name] = max(0, (self._footprint.held() or 0) - before)
        return method

    def _generate(self, item: Item) -> Clip | Failed:
        seconds, kind = self._plan.timeout(item.method), registry.load(self._plan.methods[item.method])
        grace = _GRACE_SECONDS if getattr(kind, "keeps_time", False) else 0.0
        with liveness.limited(seconds + grace, item.method):
            return self._made(item)

    def _made(self, item: Item) -> Clip | Failed:
        method = self._method(item.method)
        if isinstance(method, Crash):
            return Failed("unavailable", method.reason, method.cure, method.detail)
        refusal = unsupported(method, item.sample, self._plan.lane)
        if refusal is not None:
            return refusal
        if getattr(method, "needs_truth", False):  # anchors only: no competing method may see it
            method.truth = item.sample.reference_video  # type: ignore[attr-defined]
            method.donor = item.donor  # type: ignore[attr-defined]
        held, counting = self._footprint.held(), self._footprint.restart()
        made = ask(method, request_for(item.sample, item.method, self._plan), self._plan.clip_path(item))
        peak = self._footprint.peak() if counting else None
        return self._with_cost(made, item.method, held, peak) if isinstance(made, Clip) else made

    def _with_cost(self, made: Clip, method: str, held: int | None, peak: int | None) -> Clip:
        """The clip with the seconds of loading its method (first clip only) and the method's own peak memory.

        held: bytes of this process before the clip was made; peak: the most while it was; None where unknown.
        """
        memory = made.memory_peak_bytes  # of a process of its own, where the method has one
        if memory is None and "generate" in made.seconds and held is not None and peak is not None:
            memory = self._own_bytes[method] + max(0, peak - held)
        seconds = {**made.seconds, "load": self._load_seconds.pop(method, 0.0)}
        return replace(made, seconds=seconds, memory_peak_bytes=memory)

    def _judge_rows(self, item: Item, clip: Clip | Failed) -> tuple[Row, ...]:
        if self._judge is None:
            built: Panel = registry.load(self._plan.judge_spec)(
                self._plan.protocol, self._plan.device, item.sample.dataset
            )
            self._judge = built
        return self._judge.rows(item.sample, clip, item.finished)


_WORKER: Worker | None = None


def open_worker(plan: RunPlan) -> Callable[[], None]:
    """Build the worker of this process, before its first item; returns what closes it."""
    global _WORKER
    _WORKER = Worker(plan)
    return _WORKER.close


def work(item: Item) -> Result:
    """Works on an item in a process that has its worker."""
    assert _WORKER is not None
    return _WORKER.work(item)
