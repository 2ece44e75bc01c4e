"""This judge reports the cost of a clip: AITV and memory as papers report them, from the runner's record of its making.

AITV is the wall-clock time of one video, pre-processing included, loading the networks and writing the file left out,
the first clip counted like the others (docs/reference/methods.md, 'Cost'). The machine is part of the signature:
seconds of two machines never share a column. Clips that existed before have no such record.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from pathlib import Path

from evaluators.packing import pack
from evaluators.settings import check
from harness.evaluator import Chunk, ClipContext, Evaluator, Fields, MetricFacts, Refusal
from harness.records import FPS, Clip, Row

_MIB = 2.0**20
_COUNTED = ("prepare", "generate")
_PROCESSORS = Path("/proc/cpuinfo")


class GenerationCost(Evaluator):
    """Reports AITV in seconds per clip and per second of video, and the method's own peak memory. No settings."""

    metrics: tuple[MetricFacts, ...] = (
        MetricFacts("aitv", "AITV", "s", False, 0.0, float("inf")),
        MetricFacts("aitv_ratio", "Seconds per video second", "s/s", False, 0.0, float("inf")),
        MetricFacts("memory_peak", "Peak memory", "MiB", False, 0.0, float("inf")),
    )

    def __init__(self, settings: Mapping[str, str], device: str) -> None:
        check("cost", settings, ())
        self._device = device

    def fields(self, metric: str) -> Fields:
        """Returns the fields that name the measured quantity and the machine."""
        kind = "cuda-allocated" if self._device.startswith("cuda") else "rss"
        scope = f"weights+peak-{kind}" if metric == "memory_peak" else "prepare+generate"
        device = device_name(self._device)
        return ("scope", scope), ("first", "counted"), ("agg", "clip"), ("dev", device)

    def start(self, context: ClipContext) -> _Cost:
        """Begin one clip."""
        return _Cost(self, context)


class _Cost:
    """Reads the record of one clip; its frames are only counted."""

    def __init__(self, judge: GenerationCost, context: ClipContext) -> None:
        self._judge, self._made = judge, context.made
        self._frames = 0

    def feed(self, chunk: Chunk) -> None:
        """Count the frames."""
        self._frames += len(chunk.frames)

    def finish(self) -> Sequence[Row]:
        """Returns three rows; clips that existed before have no seconds and no memory."""
        seconds = counted_seconds(self._made)
        memory = self._made.memory_peak_bytes if self._made is not None else None
        share = None if seconds is None or not self._frames else seconds * FPS / self._frames
        values = (seconds, share, None if memory is None else memory / _MIB)
        return [self._row(facts.name, value) for facts, value in zip(self._judge.metrics, values, strict=True)]

    def _row(self, metric: str, value: float | None) -> Row:
        if value is None:
            return self._judge.unscored(metric, Refusal("not_recorded", "the clip was there before this run"))
        return self._judge.scored(metric, value, pack(value=value, frames=self._frames))


def counted_seconds(made: Clip | None) -> float | None:
    """Returns the seconds of preparing and generating a clip; None where none were recorded."""
    if made is None or "generate" not in made.seconds:
        return None
    return float(sum(made.seconds.get(part, 0.0) for part in _COUNTED))


def device_name(device: str) -> str:
    """Returns the device in words for signatures: `cuda NVIDIA …`, or `cpu` with the processor's model and one
    thread.
    """
    if device.startswith("cuda"):
        import torch

        name = torch.cuda.get_device_name(device) if torch.cuda.is_available() else "absent"
        return _plain(f"cuda {name}")
    return _plain(f"{device} {_processor()} 1 thread")


def _processor() -> str:
    try:
        lines = _PROCESSORS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()


def _plain(text: str) -> str:
    """`text` as a signature value: one line, no bar."""
    return " ".join(text.replace("|", "/").split())
