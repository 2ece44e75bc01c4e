"""This module finds dlib's 68 landmarks as EAT does, directly or on its aligned crop; dlib and predictor are the user's
own.

EAT converts RGB frames to gray as if they were BGR (docs/reference/metrics.md, 'EAT crop' and 'Landmark distances');
that is part of the protocol.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from evaluators import pairing
from evaluators.faces.dlib_predictor import Predictor, parts
from evaluators.faces.eat_crop import crop128
from harness.evaluator import Chunk, ClipContext

Points = npt.NDArray[np.float64]
Picture = npt.NDArray[np.uint8]
PREDICTOR = Predictor("dlib-68-points", 68, "points = sidecar")
_NONE = np.full((68, 2), np.nan)


class Dlib68:
    """Runs dlib's HOG detector and the user's 68-point predictor. Raises MissingError without either."""

    def __init__(self) -> None:
        self._detect, self._predict = PREDICTOR.load()

    def find(self, frame: Picture, upsampling: int) -> Points:
        """Returns the points (68, 2) of the first face of an RGB frame (h, w, 3); nan without one."""
        gray = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
        boxes = self._detect(gray, upsampling)
        return parts(self._predict(gray, boxes[0])) if boxes else _NONE


class DlibSource:
    """Finds the points of both sides of each pair; crop `eat128` aligns first (one up-sampling), then looks again
    without.
    """

    def __init__(self, crop: str) -> None:
        self._crop = crop
        self._dlib = Dlib68()

    def take(self, context: ClipContext, chunk: Chunk, rule: str) -> tuple[Points, Points]:
        """Returns the points of the pairs whose clip frame lies in `chunk`."""
        pairs = pairing.pairs(context, chunk, rule)
        return self._points(pairs.clip), self._points(pairs.reference)

    def _points(self, frames: npt.NDArray[np.uint8]) -> Points:
        return np.array([self._of(frame) for frame in frames]).reshape(-1, 68, 2)

    def _of(self, frame: Picture) -> Points:
        """The points (68, 2) of one frame; nan without a face."""
        points = self._dlib.find(frame, 1)
        if self._crop == "none" or not np.isfinite(points).all():
            return points
        return self._dlib.find(crop128(frame, points), 0)
