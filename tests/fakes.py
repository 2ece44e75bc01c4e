"""A dataset, methods and a judge without networks: every branch of the runner in milliseconds."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from harness.dataset import Dataset
from harness.errors import MediaError, Missing
from harness.evaluator import ClipContext, Column, Evaluator, Fields, MetricFacts, Refusal
from harness.media import write_wav
from harness.method import Output
from harness.records import Clip, Emotion, Failed, Request, Row, Sample, Scored, Unscored
from harness.signature import Signature

FRAMES = 4


class FakeDataset(Dataset):
    """`count` samples of two identities; sample number `broken` cannot be materialised."""

    def __init__(self, root: Path, count: int = 4, broken: int = -1) -> None:
        self._root, self._count, self._broken = Path(root), count, broken

    def samples(self) -> tuple[Sample, ...]:
        return tuple(self._sample(k) for k in range(self._count))

    def _sample(self, k: int) -> Sample:
        wav = self._root / f"{k}.wav"
        emotion = Emotion(name="happy" if k % 2 else "sad", label="happy", speech=(wav,))
        truth = self._root / "truth.mp4"
        return Sample(f"s{k}", "fake", f"id{k % 2}", emotion, self._root / "a.png", wav, FRAMES, reference_video=truth)

    def materialise(self, sample: Sample) -> None:
        if sample.id == f"s{self._broken}":
            raise MediaError(f"'{sample.driving_audio}' cannot be decoded.", "Replace it.")
        if not sample.driving_audio.is_file():
            write_wav(sample.driving_audio, np.zeros(FRAMES * 640, dtype=np.float32))


class Painter:
    """Paints frames whose brightness depends on the seed."""

    name: ClassVar[str] = "painter"
    emotion_sources: ClassVar[tuple[str, ...]] = ("speech",)

    def __init__(self, options: Mapping[str, str], device: str) -> None:
        self._frames = int(options.get("frames", FRAMES))
        self._trouble = options.get("trouble", "")

    def generate(self, request: Request, out: Output) -> Clip | Failed:
        if self._trouble == "raise" and request.id == "s1":
            raise RuntimeError("no such luck")
        if self._trouble == "die" and request.id == "s1":
            os._exit(9)
        if self._trouble == "hang" and request.id == "s1":
            time.sleep(600)
        if self._trouble == "full" and request.id == "s2":
            raise OSError(errno.ENOSPC, "No space left on device", "somewhere")
        if self._trouble == "slow":
            time.sleep(0.1)
        if self._trouble == "refuse":
            return Failed("bad-input", "the picture shows no face")
        shade = 0 if self._trouble == "still" else 10
        for k in range(self._frames):
            out.frame(np.full((32, 32, 3), request.seed % 100 + shade * k, dtype=np.uint8))
        return out.clip(used="speech")


class FakeJudge(Evaluator):
    """A judge and its whole panel: scores a clip by its file size; the protocol name chooses the version."""

    metrics: tuple[MetricFacts, ...] = (MetricFacts("bytes", "Bytes", "", True, 0, 1e9),)

    def __init__(self, protocol: str, device: str, dataset: str = "") -> None:
        self.version = protocol

    def fields(self, metric: str) -> Fields:
        return ()

    def signature(self, metric: str) -> Signature:
        """Without a digest of this file's code, as of a judge in evaluators/."""
        return Signature(metric, (("v", self.version),))

    def start(self, context: ClipContext) -> Refusal:
        return Refusal("not_implemented_here")

    def columns(self) -> list[Column]:
        return [(self, "bytes", str(self.signature("bytes")))]

    def rows(
        self, sample: Sample, clip: Clip | Failed, finished: frozenset[tuple[str, str]] = frozenset()
    ) -> tuple[Row, ...]:
        line = str(self.signature("bytes"))
        if ("bytes", line) in finished:
            return ()
        if isinstance(clip, Failed):
            return (Unscored("bytes", "generation_failed", line, clip.reason),)
        return (Scored("bytes", float(clip.path.stat().st_size), line),)


class Deadly(FakeJudge):
    """Ends its process at sample s1, as a library that crashes would."""

    def rows(self, sample: Sample, clip: Clip | Failed, finished: frozenset[tuple[str, str]] = frozenset()) -> Any:
        if sample.id == "s1" and isinstance(clip, Clip):
            os._exit(9)
        if isinstance(clip, Failed) and clip.code:
            return (Unscored("bytes", clip.code, str(self.signature("bytes")), clip.reason),)
        return super().rows(sample, clip, finished)


class Borrower(Painter):
    """Paints something of the sample that lends to it, as the wrong-audio anchor does."""

    name: ClassVar[str] = "borrower"
    needs_truth: ClassVar[bool] = True
    donor_differs_in: ClassVar[str] = "sound"
    donor: Sample

    def generate(self, request: Request, out: Output) -> Clip | Failed:
        shade = 40 * (1 + int(self.donor.id[1:]))
        noise = np.random.default_rng(shade).integers(0, shade, (32, 32, 3))
        for k in range(FRAMES):
            out.frame((noise + k).astype(np.uint8))
        return out.clip(used="truth")


class Waiting(FakeJudge):
    """Has no number as long as its file is not there; its signature does not name the file."""

    here: ClassVar[bool] = False
    reason: ClassVar[str] = "weights_missing"

    def missing(self) -> list[Missing]:
        absent = Missing("The file is not there.", "Fetch it.")
        return [] if self.here or self.reason != "weights_missing" else [absent]

    def rows(self, sample: Sample, clip: Clip | Failed, finished: frozenset[tuple[str, str]] = frozenset()) -> Any:
        found: tuple[Row, ...] = super().rows(sample, clip, finished)
        return found if self.here else tuple(Unscored(row.metric, self.reason, row.signature) for row in found)
