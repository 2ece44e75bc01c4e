"""dlib's faces and five points, for EAT's exact alignment. dlib and its predictor are the user's own.

Neither is a dependency: `pip install dlib` needs a compiler, and the predictor is a file to be fetched by
hand (harness/weights.toml: dlib-5-points). Without them use the rule `mtcnn5`.
"""

from __future__ import annotations

import importlib.util
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from evaluators.face_chip import dlib_chip
from harness import weights
from harness.digest import digest
from harness.errors import MissingError

Picture = npt.NDArray[np.uint8]
WEIGHTS = "dlib-5-points"


def missing() -> list[tuple[str, str]]:
    """What of dlib and its predictor is not on this machine, and its cure."""
    lacks = []
    if importlib.util.find_spec("dlib") is None:
        lacks.append(("The Python package dlib is not installed.", "Type: pip install dlib, or set align = mtcnn5."))
    try:
        weights.locate(WEIGHTS, any_hash=True)
    except MissingError as error:
        lacks.append((error.what, error.cure))
    return lacks


def digest8() -> str:
    """First 8 hex digits of the predictor's hash, `absent` without it."""
    try:
        return digest(weights.locate(WEIGHTS, any_hash=True))[:8]
    except MissingError:
        return "absent"


class DlibPoints:
    """HOG detector with one up-sampling, first detection, 5-point predictor (metrics spec §4.1 step 3).

    The CNN detector and the contrast-stretched retries of EAT's script are not here: a frame that only they
    would find counts as faceless, and the signature says `det:hog1`.
    """

    def __init__(self) -> None:
        import dlib

        self._detect: Any = dlib.get_frontal_face_detector()
        self._predict: Any = dlib.shape_predictor(str(weights.locate(WEIGHTS, any_hash=True)))

    @staticmethod
    @lru_cache(maxsize=1)
    def shared() -> DlibPoints:
        """The process's one instance."""
        return DlibPoints()

    def chip(self, frame: Picture, size: int) -> Picture | None:
        """The aligned chip of the first face of a frame (h, w, 3), or None."""
        found = self._detect(frame, 1)
        if not found:
            return None
        points = [(point.x, point.y) for point in self._predict(frame, found[0]).parts()]
        return dlib_chip(frame, np.array(points, dtype=np.float64), size)
