"""Judges that compare pictures get whole frames here, or EAT's aligned 128 px crops of them.

The crop needs 68 landmarks: from dlib with the user's predictor, or from files next to the videos. A frame without a
face is left out with its partner; EAT drops it from one video only, and every later pair is off
(docs/reference/metrics.md, 'Frame pairing').
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from evaluators import pairing
from evaluators.faces import dlib_landmarks, sidecar_landmarks
from evaluators.faces.eat_crop import SIZE_PX, crop128
from evaluators.pairing import Frames, Indices, Pairs
from evaluators.settings import choice, unused
from harness.digest import digest
from harness.errors import Missing
from harness.evaluator import ClipContext, Refusal

#: Settings of a judge that are read here.
SETTINGS = ("crop", "points")


class Alignment:
    """Makes the pictures that are compared. Settings: crop (none, eat128), points (dlib68, sidecar: full-frame
    landmarks in NAME.landmarks.npy).
    """

    def __init__(self, settings: Mapping[str, str]) -> None:
        self.crop = choice(settings, "crop", ("none", "eat128"), "none")
        if self.crop == "none":
            unused("A judge of whole frames (crop = none)", settings, ("points",))
        self._sidecar = choice(settings, "points", ("dlib68", "sidecar"), "dlib68") == "sidecar"
        self._dlib: Any = None

    @property
    def _needs_dlib(self) -> bool:
        return self.crop != "none" and not self._sidecar

    def fields(self) -> tuple[tuple[str, str], ...]:
        """Returns the signature's fields."""
        if self.crop == "none":
            return (("crop", "none"),)
        points = ("dlib68@" + dlib_landmarks.PREDICTOR.digest8()) if self._needs_dlib else "sidecar"
        return ("crop", self.crop), ("det", points), ("miss", "skip")

    def codec(self) -> tuple[tuple[str, str], ...]:
        """Returns the signature's field about EAT's MPEG-4 pass over the crops, which is not done here."""
        return (("enc", "none"),) if self.crop != "none" else ()

    def size(self, height_width: tuple[int, int]) -> tuple[int, int]:
        """Returns height and width of the pictures that come of frames of this size."""
        return height_width if self.crop == "none" else (SIZE_PX, SIZE_PX)

    def missing(self) -> list[Missing]:
        """Returns dlib and its predictor, where they are asked for and not here."""
        return dlib_landmarks.PREDICTOR.missing() if self._needs_dlib else []

    def load(self) -> None:
        """Open the detector. Raises MissingError without it."""
        if self._needs_dlib:
            self._dlib = dlib_landmarks.Dlib68()

    def problem(self, context: ClipContext) -> Refusal | None:
        """Says why the points cannot be used, or None."""
        return sidecar_landmarks.problem(context) if self.crop != "none" and self._sidecar else None

    def content(self, video: Path) -> str:
        """Returns the hash of the landmarks, which decide a video's crops as its bytes do; "" where no file is used."""
        return digest(sidecar_landmarks.sidecar(video)) if self.crop != "none" and self._sidecar else ""

    def pictures(self, video: Path, total: int, index: Indices, frames: Frames) -> tuple[Frames, npt.NDArray[np.bool_]]:
        """Returns pictures of the frames (n, h, w, 3) that lie at `index` of a video of `total` frames, and a mask of
        faces.

        Frames without a face come out black.
        """
        if self.crop == "none":
            return frames, np.ones(len(frames), dtype=np.bool_)
        crops = np.zeros((len(frames), SIZE_PX, SIZE_PX, 3), dtype=np.uint8)
        points = self._points(video, total, index, frames)
        has_face = np.asarray(np.isfinite(points).all(axis=(1, 2)), dtype=np.bool_)
        for k in np.flatnonzero(has_face):
            crops[k] = crop128(frames[k], points[k])
        return crops, has_face

    def _points(self, video: Path, total: int, index: Indices, frames: Frames) -> npt.NDArray[np.float64]:
        if self._sidecar:
            return sidecar_landmarks.points(video, total)[index]
        return np.array([self._dlib.find(frame, 1) for frame in frames]).reshape(-1, 68, 2)

    def pairs(self, context: ClipContext, pairs: Pairs) -> Pairs:
        """Returns the pairs as pictures; those without a face on either side are left out."""
        if self.crop == "none":
            return pairs
        reference = pairing.reference_reader(context)
        clip, seen = self.pictures(context.path, pairing.clip_frames(context), pairs.clip_index, pairs.clip)
        partner, known = self.pictures(reference.path, reference.frames, pairs.reference_index, pairs.reference)
        kept = seen & known
        index = pairs.clip_index[kept], pairs.reference_index[kept]
        return Pairs(pairs.index[kept], *index, clip[kept], partner[kept])
