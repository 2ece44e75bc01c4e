"""A worker makes and judges one sample with one method at a time, keeping networks loaded between samples."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness import parallel, registry
from harness.dataset import Dataset
from harness.evaluator import Panel
from harness.footprint import Footprint
from harness.guard import Crash, attempt
from harness.method import Method
from harness.output import ClipWriter
from harness.records import FPS, Clip, Failed, FailureKind, Lane, Request, Row, Sample, strip_to_lane
from harness.seeds import seed_for


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
    """Holds the result of an item."""

    item: Item
    clip: Clip | Failed
    rows: tuple[Row, ...]


def request_for(sample: Sample, method: str, plan: RunPlan) -> Request:
    """Returns the input of `method` for a sample of this run."""
    return request_in(plan.lane, sample, seed_for(plan.seed, method, sample.id))


def request_in(lane: Lane, sample: Sample, seed: int) -> Request:
    """Returns the sample as its lane allows a method to see it."""
    return Request(
        id=sample.id,
        identity=sample.identity,
        emotion=strip_to_lane(sample.emotion, lane),
        source_image=sample.source_image,
        driving_audio=sample.driving_audio,
        frames=sample.frames,
        fps=FPS,
        seed=seed,
        lane=lane,
        source_video=sample.source_video,
        pose_video=sample.pose_video,
    )


def ask(method: Any, request: Request, target: Path) -> Clip | Failed:
    """Says how a loaded method ends on a request. A Clip is the one that the harness encoded, at `target`."""
    with ClipWriter(request, target, still_allowed=bool(getattr(method, "anchor", False))) as out:
        made = attempt(lambda: method.generate(request, out))
    if isinstance(made, Crash):
        return Failed(_kind(made), made.reason, made.cure, made.detail)
    own = isinstance(made, Clip) and made.path == target and out.finished
    if own or isinstance(made, Failed) or getattr(method, "existing", False):
        return made
    reason = f"generate did not return the clip that the harness made, but a {type(made).__name__}"
    return Failed("bad-output", reason, "End it with `return out.clip(used=…)`, or with a Failed.")


def _kind(crash: Crash) -> FailureKind:
    if crash.expected:
        return "bad-input"
    return "out-of-memory" if crash.out_of_memory else "crashed"


#: The result of an item whose worker process ended without a word.
DIED = Failed("crashed", parallel.DIED.reason, parallel.DIED.cure)


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

    def work(self, item: Item) -> Result:
        """Make the clip if it is not there, judge it, and return both; never raises for a bad sample."""
        ready = attempt(lambda: self._materialise(item))
        clip: Clip | Failed
        if isinstance(ready, Crash) and item.clip is None and not self._hands_out(item.method):
            clip = Failed("bad-input", ready.reason, ready.cure, ready.detail)
        else:
            clip = item.clip if item.clip is not None else self._generate(item)
        if isinstance(clip, Failed):
            self._target(item).unlink(missing_ok=True)  # an earlier or abandoned clip: the store names no file there
        return Result(item, clip, self._judge_rows(item, clip))

    def _target(self, item: Item) -> Path:
        return self._plan.clips_folder / item.method / f"{item.sample.id}.mp4"

    def _hands_out(self, name: str) -> bool:
        """Whether the method's clips exist already: then the prerequisites of generating may be missing."""
        return bool(getattr(registry.load(self._plan.methods[name]), "existing", False))

    def _materialise(self, item: Item) -> None:
        self._dataset.materialise(item.sample)
        if item.donor is not None:
            self._dataset.materialise(item.donor)

    def _method(self, name: str) -> Method | Crash:
        if name not in self._methods:
            self._methods[name] = attempt(lambda: self._loaded(name))
        return self._methods[name]

    def _loaded(self, name: str) -> Method:
        method: Method = registry.load(self._plan.methods[name])(
            self._plan.method_options.get(name, {}), self._plan.device
        )
        before, began = self._footprint.held() or 0, time.perf_counter()
        if hasattr(method, "load"):
            method.load()
        self._load_seconds[name] = time.perf_counter() - began
        self._own_bytes[name] = max(0, (self._footprint.held() or 0) - before)
        return method

    def _generate(self, item: Item) -> Clip | Failed:
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
        made = ask(method, request_for(item.sample, item.method, self._plan), self._target(item))
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
            built: Panel = registry.load(self._plan.judge_spec)(self._plan.protocol, self._plan.device)
            self._judge = built
        return self._judge.rows(item.sample, clip, item.finished)


#: The lane that offers each source that a method takes the emotion from.
_LANES: Mapping[str, Lane] = {
    "speech": "speech",
    "driving-speech": "speech",
    "label": "label",
    "image": "reference",
    "clip": "reference",
}


def _other_lanes(sources: tuple[str, ...], lane: Lane) -> str:
    """The option to type to get the emotion as one of `sources`; empty where no other lane would help."""
    lanes = dict.fromkeys(_LANES[source] for source in sources if source in _LANES)
    named = [f"--lane {other}" for other in lanes if other != lane]
    if not named or lane == "as-published":
        return ""
    return f"Type {' or '.join(named)}, or --lane as-published, which tells each method in its own way."


def unsupported(method: Any, sample: Sample, lane: Lane) -> Failed | None:
    """Returns the refusal of a sample that the method cannot take in this lane, or None (checked before any work)."""
    emotion = strip_to_lane(sample.emotion, lane)
    has = {
        "speech": bool(emotion.speech or emotion.features),
        "label": emotion.label is not None,
        "image": emotion.image is not None,
        "clip": emotion.clip is not None,
        "driving-speech": True,
    }
    sources = tuple(getattr(method, "emotion_sources", ()))
    offered = next((source for source in sources if has.get(source, False)), None)
    if getattr(method, "needs_truth", False) and sample.reference_video is None:
        return Failed("unsupported", f"sample {sample.id} has no ground-truth clip")
    if sources and offered is None:
        return Failed(
            "unsupported",
            f"{method.name} takes the emotion as {' or '.join(sources)}, which lane '{lane}' does not offer",
            _other_lanes(sources, lane),
        )
    labels = tuple(getattr(method, "labels", ()))
    if labels and offered == "label" and emotion.label not in labels:
        return Failed("unsupported", f"{method.name} does not know the label '{emotion.label}'")
    return None
