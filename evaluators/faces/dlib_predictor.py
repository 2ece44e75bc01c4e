"""A dlib landmark predictor of the user's own is found, hashed, and tried before it is believed, with dlib's face
detector.

dlib publishes no hash of its predictors, so a file must show a face's layout on a blank picture first: there an
intact predictor answers with little more than its mean face, another model's file with another number of points, and
a damaged one with points anywhere.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from harness import weights
from harness.digest import digest
from harness.errors import Missing, MissingError
from networks.files.plausibility import ImplausibleError

Points = npt.NDArray[np.float64]
_SIDE, _FIRST, _LAST = 300, 100, 199  # the blank picture and the box of its supposed face, px
_STRAY = 0.5  # how far a point may lie outside the box, in sides
#: Number of points -> (eye at smaller x, eye at larger x, points that lie below both).
_LAYOUTS = {
    5: (slice(2, 4), slice(0, 2), slice(4, 5)),
    68: (slice(36, 42), slice(42, 48), slice(48, 68)),
}


@dataclass(frozen=True)
class Predictor:
    """Describes one predictor file: its row of weights.toml, how many points it has, and the setting that does without
    it.
    """

    weights: str
    points: int
    instead: str

    def missing(self) -> list[Missing]:
        """Returns the package dlib and the file, each where it is not on this machine, with its cure."""
        lacks = []
        if importlib.util.find_spec("dlib") is None:
            cure = f"Type: pip install dlib, or set {self.instead}."
            lacks.append(Missing("The Python package dlib is not installed.", cure))
        try:
            weights.locate(self.weights, any_hash=True)
        except MissingError as error:
            lacks.append(Missing.of(error))
        return lacks

    def digest8(self) -> str:
        """Returns the first 8 hex digits of the file's hash, `absent` without it."""
        try:
            return digest(weights.locate(self.weights, any_hash=True))[:8]
        except MissingError:
            return "absent"

    def load(self) -> tuple[Any, Any]:
        """Returns (detector, predictor). Raises MissingError without either, ImplausibleError for a file that
        is none.
        """
        if importlib.util.find_spec("dlib") is None:
            raise MissingError("The Python package dlib is not installed.", "Type: pip install dlib")
        import dlib

        path = weights.locate(self.weights, any_hash=True)
        try:
            predict = dlib.shape_predictor(str(path))
        except RuntimeError as error:
            raise ImplausibleError(f"dlib cannot read '{path}': {error}.", f"Get {path.name} again.") from error
        box = dlib.rectangle(_FIRST, _FIRST, _LAST, _LAST)
        require_face(path.name, parts(predict(np.full((_SIDE, _SIDE), 128, np.uint8), box)), self.points)
        return dlib.get_frontal_face_detector(), predict


def parts(shape: Any) -> Points:
    """Returns the points (k, 2) of a shape that dlib predicted, x before y."""
    return np.array([(point.x, point.y) for point in shape.parts()], dtype=np.float64).reshape(-1, 2)


def require_face(name: str, points: Points, count: int) -> None:
    """Raise ImplausibleError unless these are `count` points of an upright face in the box of the blank picture."""
    cure = f"Get {name} again, unpacked, from dlib.net."
    if len(points) != count:
        raise ImplausibleError(f"'{name}' predicts {len(points)} points, not {count}.", cure)
    side = _LAST - _FIRST + 1
    inside = np.abs(points - (_FIRST + side / 2)).max() <= side * (0.5 + _STRAY)
    left, right, below = (points[part].mean(axis=0) for part in _LAYOUTS[count])
    upright = left[0] + side / 10 < right[0] and max(left[1], right[1]) + side / 10 < below[1]
    between = left[0] < below[0] < right[0]
    if not (inside and upright and between):
        raise ImplausibleError(f"'{name}' sees no face's layout where there is nothing else to see.", cure)
