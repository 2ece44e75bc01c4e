"""This judge measures any clip without downloaded weights: faces, length, sound, and whether its head was turned.

The face detector is MTCNN with the trained networks of the facenet-pytorch wheel (docs/reference/metrics.md, 'MTCNN').
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from evaluators.faces import mtcnn
from evaluators.faces.head_pose import angles, turned
from evaluators.faces.reference_faces import faces_of
from evaluators.reference_cache import cached
from evaluators.settings import check, whole
from harness.errors import MediaError
from harness.evaluator import Chunk, ClipContext, Evaluator, Fields, MetricFacts, Refusal
from harness.media.grids import FPS_RULE
from harness.records import FPS, SAMPLE_RATE_HZ, Row


class FacePresence(Evaluator):
    """Measures the share of frames with a face, frames at 25 fps, turn of the head from its pose clip, sound over
    picture length.

    Setting `every`: each N-th frame is searched (default 5, the sampling of the identity judge, which shares it).
    """

    metrics: tuple[MetricFacts, ...] = (
        MetricFacts("face_rate", "Face rate", "%", True, 0.0, 100.0, ranked=False, ideal=100.0),
        MetricFacts("frames", "Frames", "", True, 1.0, float("inf"), ranked=False, ideal="asked"),
        MetricFacts("pose_shift", "Head pose shift", "deg", False, 0.0, 180.0, ranked=False),
        MetricFacts("av_length_ratio", "Sound / picture length", "", True, 0.0, float("inf"), ranked=False, ideal=1.0),
    )

    def __init__(self, settings: Mapping[str, str], device: str) -> None:
        check("faces", settings, ("every",))
        self.every = whole(settings, "every", 5)
        self.device = device

    def load(self) -> None:
        """Open the detector, once per process for all judges."""
        mtcnn.detector(self.device)

    def fields(self, metric: str) -> Fields:
        """Returns the detector and sampling for the face rate; the frame rate for all."""
        searched = (
            (("det", mtcnn.NAME), ("samp", f"every{self.every}")) if metric in ("face_rate", "pose_shift") else ()
        )
        posed = (("pose", "5pt-weak"), ("ref", "pose-or-source-clip")) if metric == "pose_shift" else ()
        return *searched, *posed, ("fps", FPS_RULE), ("agg", "clip")

    def start(self, context: ClipContext) -> _Clip:
        """Begin one clip."""
        return _Clip(self, context)

    def mean_pose(self, path: Path) -> npt.NDArray[np.float32]:
        """Returns the mean yaw, pitch and roll of a clip, from the cache where they are known; (0,) without a face."""

        def compute() -> npt.NDArray[np.float32]:
            angles_by_frame = poses(faces_of(path, self.device, self.every))
            return np.asarray(np.mean(angles_by_frame, axis=0) if angles_by_frame else np.zeros(0), dtype=np.float32)

        return cached(path, f"pose|{self.signature('pose_shift')}", [], compute)


def poses(faces: Mapping[int, mtcnn.Faces]) -> list[npt.NDArray[np.float64]]:
    """Returns yaw, pitch and roll of the largest face of each searched frame that shows one."""
    return [angles(frame_faces.landmarks[0]) for _, frame_faces in sorted(faces.items()) if len(frame_faces)]


class _Clip:
    """Counts the frames and faces of one clip."""

    def __init__(self, judge: FacePresence, context: ClipContext) -> None:
        self._judge = judge
        self._context = context
        self._frames = 0
        self._found: list[int] = []  # faces in each searched frame
        self._poses: list[npt.NDArray[np.float64]] = []

    def feed(self, chunk: Chunk) -> None:
        """Count frames, search every N-th."""
        self._frames += len(chunk.frames)
        faces = mtcnn.chunk_faces(chunk, self._judge.device, self._judge.every)
        self._found += [len(faces[index]) for index in sorted(faces)]
        self._poses += poses(faces)

    def finish(self) -> Sequence[Row]:
        """Returns four rows; a clip without any face has a rate of 0, which is a measurement and no failure."""
        rate = 100.0 * float(np.mean([count > 0 for count in self._found])) if self._found else 0.0
        several = ("multiple_faces",) if any(count > 1 for count in self._found) else ()
        missed = ("no_face",) if rate < 100 else ()
        return [
            self._scored("face_rate", rate, (*missed, *several)),
            self._scored("frames", float(self._frames)),
            self._turn(),
            self._ratio(),
        ]

    def _scored(self, metric: str, value: float, notes: tuple[str, ...] = ()) -> Row:
        return self._judge.scored(metric, value, notes=(*notes, *self._context.notes))

    def _turn(self) -> Row:
        shift = self._shift()
        if isinstance(shift, Refusal):
            return self._judge.unscored("pose_shift", shift)
        return self._scored("pose_shift", shift)

    def _shift(self) -> float | Refusal:
        """By how many degrees the head is turned from that of the pose clip."""
        sample = self._context.sample
        path = sample.pose_video or sample.source_video
        if path is None or not path.exists():  # a clip without sound has no derived pose clip
            return Refusal("no_reference", "there is no clip of the head to compare with")
        if not self._poses:
            return Refusal("no_face", f"no face in {len(self._found)} searched frames")
        try:
            wanted = self._judge.mean_pose(path)
        except MediaError as error:
            return Refusal(error.reason, f"pose clip: {error.what}")
        if not len(wanted):
            return Refusal("no_reference_face", f"no face in {path.name}")
        return turned(np.mean(self._poses, axis=0), wanted)

    def _ratio(self) -> Row:
        sound = self._context.audio
        if sound is None:
            return self._judge.unscored("av_length_ratio", Refusal("no_audio"))
        return self._scored("av_length_ratio", (len(sound) / SAMPLE_RATE_HZ) / (self._frames / FPS))
