"""EAT's pictures of 256 px are cut here: a portrait is brought to a template, a clip gets one square for all frames.

Both need 68 landmarks, which the released program takes from dlib, as this does, with the user's own predictor. A
portrait is turned, scaled and moved so that its first 47 landmarks lie as near as can be to those of a template; a
clip's square follows from the landmarks of its first frame with a face. A square picture or clip of 256 px or less is a
crop already, as corpora have them: it is only scaled. Facts: docs/reference/methods.md, 'EAT'.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from evaluators.faces.dlib_predictor import Predictor, parts
from evaluators.faces.face_chip import similarity
from evaluators.faces.warp import warped
from harness import weights
from harness.errors import MediaError, UsageError
from harness.media.face_track import Square
from networks.files.array_file import read_array

Picture = npt.NDArray[np.uint8]
Points = npt.NDArray[np.float64]  # (68, 2), x before y, in px
#: The 68 landmarks of each face in a picture (h, w, 3).
Finder = Callable[[Picture], list[Points]]

SIZE_PX = 256
TEMPLATE = "eat-template"
PREDICTOR = Predictor("dlib-68-points", 68, "--set eat.crop=none")
_ALIGNED = slice(0, 47)
_SIDE_PER_WIDTH = 2.1
_ENLARGING = 1  # times that the detector doubles a picture before it looks


def is_crop(picture: Picture) -> bool:
    """Says whether a picture (h, w, 3) has the shape of a corpus' face crop."""
    height, width = picture.shape[:2]
    return height == width <= SIZE_PX


def finder() -> Finder:
    """Returns dlib's face detector with the user's 68-point predictor. MissingError without either."""
    detect, predict = PREDICTOR.load()

    def landmarks(picture: Picture) -> list[Points]:
        gray = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
        return [parts(predict(gray, box)) for box in detect(gray, _ENLARGING)]

    return landmarks


def template() -> Points:
    """Returns the template's landmarks (68, 2) in a picture of 256 px. MissingError where the file is not here."""
    path = weights.locate(TEMPLATE)
    found = read_array(path, "Get it again.")
    if found.shape != (68, 2) or not np.isfinite(found).all():
        raise UsageError(f"{path} holds no 68 landmarks: expected (68, 2), found {found.shape}.", "Get it again.")
    return found.astype(np.float64)


def aligned(picture: Picture, points: Points, target: Points, size: int = SIZE_PX) -> Picture:
    """Returns (size, size, 3): a portrait whose first 47 landmarks lie nearest to the template's; black outside."""
    return warped(picture, similarity(points[_ALIGNED], target[_ALIGNED] * size / SIZE_PX), size)


def only_face(faces: list[Points], path: Path) -> Points:
    """Returns the landmarks of a portrait's one face. MediaError for none, or several: the released program would leave
    such a picture out without a word.
    """
    if len(faces) != 1:
        found = f"There are {len(faces)} faces" if faces else "There is no face"
        cure = "Take a portrait of one frontal face, a 256 px face crop, or --set eat.crop=none."
        raise MediaError(f"{found} in {path}; EAT takes a portrait of one.", cure, "no_face")
    return faces[0]


def clip_square(points: Points, height: int, width: int) -> Square:
    """Returns the square of a clip whose frames have this size, from one frame's landmarks.

    Its side is 2.1 times the landmarks' width, its centre in their middle and at a quarter of their height from below
    the top (three parts top, one part bottom); it is moved inside the picture, and no larger than that.
    """
    (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
    side = min(int(_SIDE_PER_WIDTH * (right - left)), height, width)
    if side < 2:
        raise MediaError("The face in the clip is too small to be cut out.", "Take a larger picture.", "no_face")
    x, y = int((left + right) / 2 - side / 2), int((3 * top + bottom) / 4 - side / 2)
    return Square(min(max(x, 0), width - side), min(max(y, 0), height - side), side)


def square_of(frames: Iterable[Picture], find: Finder, path: Path) -> Square:
    """Returns the square of the first frame (h, w, 3) that has a face: one for the whole clip. MediaError without."""
    for frame in frames:
        faces = find(frame)
        if faces:
            return clip_square(faces[0], *frame.shape[:2])
    raise MediaError(f"No frame of {path} has a face.", "Take another pose clip, or --set eat.crop=none.", "no_face")
