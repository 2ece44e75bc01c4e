"""This module finds dlib's faces and five points, for EAT's exact alignment; dlib and its predictor are the user's own.

Neither is a dependency: `pip install dlib` needs a compiler, and the predictor is a file to be fetched by
hand (harness/weights.toml: dlib-5-points). Without them use the rule `mtcnn5`.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from evaluators.faces.dlib_predictor import Predictor, parts
from evaluators.faces.face_chip import dlib_chip

Picture = npt.NDArray[np.uint8]
PREDICTOR = Predictor("dlib-5-points", 5, "align = mtcnn5")


class DlibPoints:
    """Runs dlib's HOG detector with one up-sampling, first detection, 5-point predictor.

    The CNN detector and the contrast-stretched retries of EAT's script are not here: a frame that only they
    would find counts as faceless, and the signature says `det:hog1`.
    Facts: docs/reference/metrics.md, 'Emotion accuracy of EAT'.
    """

    def __init__(self) -> None:
        self._detect, self._predict = PREDICTOR.load()

    @staticmethod
    @lru_cache(maxsize=1)
    def shared() -> DlibPoints:
        """Returns the process's one instance."""
        return DlibPoints()

    def chip(self, frame: Picture, size: int) -> Picture | None:
        """Returns the aligned chip of the first face of a frame (h, w, 3), or None."""
        faces = self._detect(frame, 1)
        return dlib_chip(frame, parts(self._predict(frame, faces[0])), size) if faces else None
