"""This judge measures landmark distances of paired frames: M-LMD, F-LMD and their velocities, EAT's and repaired.

The 68 points come from dlib and its predictor, which are the user's own, or from files next to the clips.
Facts: docs/reference/metrics.md, 'Landmark distances'.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from evaluators import pairing
from evaluators.faces import dlib_landmarks, sidecar_landmarks
from evaluators.faces.sidecar_landmarks import SidecarPoints
from evaluators.packing import pack
from evaluators.settings import check, choice
from harness.errors import Missing
from harness.evaluator import Chunk, ClipContext, Evaluator, Fields, Measurement, MetricFacts, Refusal
from harness.media.grids import FPS_RULE
from harness.records import Row

Points = npt.NDArray[np.float64]  # (n, 68, 2) px, x before y; nan where there is no face
POINTS = 68
_MOUTH = slice(48, 68)
_METRICS = ("m_lmd", "f_lmd", "m_lvd", "f_lvd")


@dataclass(frozen=True)
class Distances:
    """Holds the four values of one clip in px, and how many of its pairs had a face on both sides."""

    m_lmd: float
    f_lmd: float
    m_lvd: float
    f_lvd: float
    valid: int


def landmark_distances(clip: Points, reference: Points, repaired: bool = False) -> Distances | None:
    """Returns the distances of paired landmarks, both (n, 68, 2), nan rows without a face; None without a valid pair.

    LMD: mean distance of a point after each set's own mean is taken away (no scale, no rotation). LVD: mean length
    of the difference of the two movements since the last valid pair. As in EAT, LVD is divided by the number of
    valid pairs, not of movements, and the face's LVD sums the mouth's points; `repaired` mends both.
    """
    valid = np.isfinite(clip).all(axis=(1, 2)) & np.isfinite(reference).all(axis=(1, 2))
    first, second = clip[valid], reference[valid]
    pairs = len(first)
    if not pairs:
        return None
    mouth, face = _still(first[:, _MOUTH], second[:, _MOUTH]), _still(first, second)
    moved = np.linalg.norm(np.diff(first, axis=0) - np.diff(second, axis=0), axis=2)
    steps = max(1, pairs - 1) if repaired else pairs
    mouth_moved = float(moved[:, _MOUTH].sum())
    face_moved = float(moved.sum()) if repaired else mouth_moved
    return Distances(mouth, face, mouth_moved / (20 * steps), face_moved / (POINTS * steps), pairs)


def _still(first: Points, second: Points) -> float:
    """Mean distance of the points (n, k, 2) after each set's own mean is taken away."""
    centred = first - first.mean(axis=1, keepdims=True) - (second - second.mean(axis=1, keepdims=True))
    return float(np.linalg.norm(centred, axis=2).mean())


class PointSource(Protocol):
    """Gives the 68 points of a clip's pairs."""

    def take(self, context: ClipContext, chunk: Chunk, rule: str) -> tuple[Points, Points]:
        """Returns the points of the pairs in this chunk, of the clip and of the reference."""


class LandmarkDistance(Evaluator):
    """Measures M-LMD, F-LMD, M-LVD, F-LVD against a reference.

    Settings: points (dlib68: dlib's detector and predictor; sidecar: NAME.landmarks.npy next to each video), crop
    (eat128: EAT's aligned crop first; none), pair (stretch, trunc), fix (0: EAT's LVD as it is, 1: repaired).
    Sidecar points are taken as they are: crop must be none.
    """

    metrics: tuple[MetricFacts, ...] = tuple(
        MetricFacts(
            name,
            name.upper().replace("_", "-"),
            unit,
            False,
            0.0,
            float("inf"),
            needs_reference=True,
            frame_aligned=True,
        )
        for name, unit in zip(_METRICS, ("px", "px", "px/frame", "px/frame"), strict=True)
    )

    def __init__(self, settings: Mapping[str, str], device: str) -> None:
        check("landmarks", settings, ("points", "crop", "pair", "fix"))
        self.points = choice(settings, "points", ("dlib68", "sidecar"), "dlib68")
        crops = ("none",) if self.points == "sidecar" else ("eat128", "none")
        self.crop = choice(settings, "crop", crops, crops[0])
        self.pair = choice(settings, "pair", pairing.RULES, "stretch")
        self.repaired = choice(settings, "fix", ("0", "1"), "0") == "1"
        self._source: PointSource | None = None

    def missing(self) -> list[Missing]:
        """Returns dlib and its predictor, where they are asked for and not here."""
        return dlib_landmarks.PREDICTOR.missing() if self.points == "dlib68" else []

    def load(self) -> None:
        """Open the detector. Raises MissingError without it."""
        self._source = SidecarPoints() if self.points == "sidecar" else dlib_landmarks.DlibSource(self.crop)

    def fields(self, metric: str) -> Fields:
        """Returns the points, crop, normalisation, pairing, and whether the LVD is mended."""
        fields = (
            ("det", self.points),
            ("in", self.crop),
            ("norm", "mean-only"),
            ("fps", FPS_RULE),
            ("pair", self.pair),
        )
        fixed = (("fix", str(int(self.repaired))),) if metric.endswith("lvd") else ()
        weights = (("w", dlib_landmarks.PREDICTOR.digest8()),) if self.points == "dlib68" else ()
        return *fields, ("miss", "skip"), ("agg", "clip"), *fixed, *weights

    def start(self, context: ClipContext) -> Measurement | Refusal:
        """Begin one clip."""
        assert self._source is not None, "load() first"
        problem = pairing.reference_problem(context, self.pair)
        if problem is None and self.points == "sidecar":
            problem = sidecar_landmarks.problem(context)
        return problem or _Clip(self, self._source, context)


class _Clip:
    """Collects the landmarks of one clip's pairs."""

    def __init__(self, judge: LandmarkDistance, source: PointSource, context: ClipContext) -> None:
        self._judge = judge
        self._source = source
        self._context = context
        self._clip: list[Points] = []
        self._reference: list[Points] = []

    def feed(self, chunk: Chunk) -> None:
        """Find the points of this chunk's pairs."""
        clip, reference = self._source.take(self._context, chunk, self._judge.pair)
        self._clip.append(clip)
        self._reference.append(reference)

    def finish(self) -> Sequence[Row] | Refusal:
        """Returns four rows; `no_face` as a note where some pairs were left out."""
        clip, reference = (np.concatenate([np.zeros((0, POINTS, 2)), *x]) for x in (self._clip, self._reference))
        distances = landmark_distances(clip, reference, self._judge.repaired)
        if distances is None:
            return Refusal("no_face", f"none of {len(clip)} pairs of frames has a face on both sides")
        skipped = ("no_face",) if distances.valid < len(clip) else ()
        notes = (*skipped, *pairing.notes(self._context))
        values = {metric: getattr(distances, metric) for metric in _METRICS}
        files = self._files()
        return [self._judge.scored(name, value, pack(value=value, **files), notes) for name, value in values.items()]

    def _files(self) -> dict[str, list[str]]:
        """The digests of the user's points of both videos, where those are used."""
        if self._judge.points != "sidecar":
            return {}
        videos = self._context.path, pairing.reference_reader(self._context).path
        return {"points": sidecar_landmarks.digests(*videos)}
