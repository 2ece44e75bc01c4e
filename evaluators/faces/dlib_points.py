"""This module finds dlib's faces and five points, for the exact alignment of EAT's and of C-MET's evaluation.

dlib and its files are the user's own and no dependency (`pip install dlib` needs a compiler, `pip install dlib-bin` has
it ready made); the files are rows of harness/weights.toml. Without them use the rule `mtcnn5`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from evaluators.faces.dlib_predictor import Predictor, parts
from evaluators.faces.face_chip import dlib_chip
from harness import weights
from harness.digest import digest
from harness.errors import Missing, MissingError
from networks.files.plausibility import ImplausibleError

Picture = npt.NDArray[np.uint8]
PREDICTOR = Predictor("dlib-5-points", 5, "align = mtcnn5")
CNN = "dlib-mmod"  # its row of harness/weights.toml


def missing(with_cnn: bool) -> list[Missing]:
    """Returns dlib, its five-point predictor and, where it is asked for, its CNN detector, each if it is not here."""
    lacks = PREDICTOR.missing()
    if with_cnn:
        try:
            weights.locate(CNN)
        except MissingError as error:
            lacks.append(Missing.of(error))
    return lacks


def cnn_digest8() -> str:
    """Returns the first 8 hex digits of the CNN detector's hash, `absent` without it."""
    try:
        return digest(weights.locate(CNN))[:8]
    except MissingError:
        return "absent"


class DlibPoints:
    """Runs dlib's HOG detector with one up-sampling, first detection, 5-point predictor.

    with_cnn: frames where it finds no face go to dlib's CNN detector (mmod), as in C-MET's evaluation. Without, a frame
    that only the CNN or the contrast-stretched retries of EAT's script would find counts as faceless, and the signature
    says `det:hog1`. Facts: docs/reference/metrics.md, 'Emotion accuracy of EAT'.
    """

    def __init__(self, with_cnn: bool = False) -> None:
        self._detect, self._predict = PREDICTOR.load()
        self._cnn: Any = cnn_detector() if with_cnn else None

    @staticmethod
    @lru_cache(maxsize=2)
    def shared(with_cnn: bool = False) -> DlibPoints:
        """Returns the process's one instance of each kind."""
        return DlibPoints(with_cnn)

    def face(self, frame: Picture) -> Any:
        """Returns dlib's rectangle of the first face of a frame (h, w, 3), or None."""
        faces = self._detect(frame, 1)
        if faces or self._cnn is None:
            return faces[0] if faces else None
        found = self._cnn(frame, 1)
        return found[0].rect if found else None

    def chip(self, frame: Picture, size: int) -> Picture | None:
        """Returns the aligned chip of the first face of a frame (h, w, 3), or None."""
        face = self.face(frame)
        return None if face is None else dlib_chip(frame, parts(self._predict(frame, face)), size)


def cnn_detector() -> Any:
    """Returns dlib's CNN detector, which runs only as published. Raises MissingError, ImplausibleError."""
    import dlib

    path = weights.locate(CNN)
    try:
        return dlib.cnn_face_detection_model_v1(str(path))
    except RuntimeError as error:
        raise ImplausibleError(f"dlib cannot read '{path}': {error}.", f"Get {path.name} again.") from error
