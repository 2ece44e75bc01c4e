"""What any clip can be asked without downloaded weights: does it show a face, how long is it, does its sound fit.

The face detector is MTCNN with the trained networks of the facenet-pytorch wheel (metrics spec §3.1).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from evaluators import mtcnn
from evaluators.contract import Chunk, ClipContext, MetricFacts
from evaluators.settings import check, whole
from harness.records import FPS, SAMPLE_RATE_HZ, Row, Scored, Unscored
from harness.signature import Signature


class FacePresence:
    """Share of frames with a face, number of frames at 25 fps, sound length over picture length.

    Setting `every`: each N-th frame is searched (default 5, the sampling of the identity judge, which shares it).
    """

    metrics: ClassVar[tuple[MetricFacts, ...]] = (
        MetricFacts("face_rate", "Face rate", "%", True, 0.0, 100.0),
        MetricFacts("frames", "Frames", "", True, 1.0, float("inf"), ranked=False),
        MetricFacts("av_length_ratio", "Sound / picture length", "", True, 0.0, float("inf"), ranked=False),
    )

    def __init__(self, settings: Mapping[str, str], device: str) -> None:
        check("faces", settings, ("every",))
        self.every = whole(settings, "every", 5)
        self.device = device

    def missing(self) -> list[tuple[str, str]]:
        """Nothing: the detector is installed."""
        return []

    def load(self) -> None:
        """Open the detector, once per process for all judges."""
        mtcnn.detector(self.device)

    def signature(self, metric: str) -> Signature:
        """Detector and sampling for the face rate; the frame rate for all."""
        searched = (("det", mtcnn.NAME), ("samp", f"every{self.every}")) if metric == "face_rate" else ()
        return Signature(metric, (*searched, ("fps", str(FPS)), ("agg", "clip"), ("v", "1")))

    def start(self, context: ClipContext) -> _Clip:
        """Begin one clip."""
        return _Clip(self, context)

    def combine(self, metric: str, rows: Sequence[Any]) -> float:
        """The mean over clips; nan for none."""
        return float(np.mean([float(row["value"][0]) for row in rows])) if rows else float("nan")


class _Clip:
    """Counts of one clip."""

    def __init__(self, judge: FacePresence, context: ClipContext) -> None:
        self._judge = judge
        self._context = context
        self._frames = 0
        self._found: list[int] = []  # faces in each searched frame

    def feed(self, chunk: Chunk) -> None:
        """Count frames, search every N-th."""
        self._frames += len(chunk.frames)
        faces = mtcnn.chunk_faces(chunk, self._judge.device, self._judge.every)
        self._found += [len(faces[index]) for index in sorted(faces)]

    def finish(self) -> Sequence[Row]:
        """Three rows; a clip without any face has a rate of 0, which is a measurement and no failure."""
        rate = 100.0 * float(np.mean([count > 0 for count in self._found])) if self._found else 0.0
        several = ("multiple_faces",) if any(count > 1 for count in self._found) else ()
        missed = ("no_face",) if rate < 100 else ()
        return [
            self._scored("face_rate", rate, (*missed, *several)),
            self._scored("frames", float(self._frames)),
            self._ratio(),
        ]

    def _scored(self, metric: str, value: float, notes: tuple[str, ...] = ()) -> Scored:
        return Scored(metric, value, str(self._judge.signature(metric)), b"", (*notes, *self._context.notes))

    def _ratio(self) -> Row:
        sound = self._context.audio
        if sound is None:
            return Unscored("av_length_ratio", "no_audio", str(self._judge.signature("av_length_ratio")))
        return self._scored("av_length_ratio", (len(sound) / SAMPLE_RATE_HZ) / (self._frames / FPS))
