"""FLOAT's face crop: a square around the face of a photograph, 1.6 times as wide as its box, at the network's size.

The released program finds the box by the s3fd of the face_alignment package, on a copy 360 px high. Here the box comes
from MTCNN, whose weights are installed with this project, or from the s3fd that `weights fetch s3fd` gets; which one is
part of a clip's notes. A square picture of 256 px or less is a crop already, as corpora have them: it is only enlarged.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from harness.errors import MediaError

Picture = npt.NDArray[np.uint8]
Box = tuple[float, float, float, float]  # x0, y0, x1, y1 in px
#: The boxes of the faces in a picture (h, w, 3), the one to take first.
Detector = Callable[[Picture], list[Box]]

DETECTORS = ("mtcnn", "s3fd")
_CROPPED_PX = 256  # a square picture of this size or less is a crop
_SEARCHED_HEIGHT_PX = 360
_LEAST_SCORE = 0.95
_MARGIN = 1.6


def is_crop(picture: Picture) -> bool:
    """Says whether a picture (h, w, 3) has the shape of a corpus' face crop."""
    height, width = picture.shape[:2]
    return height == width <= _CROPPED_PX


def detector(name: str, device: str = "cpu") -> Detector:
    """Returns one of `DETECTORS`, loaded. Raises MissingError where s3fd's weights are not here."""
    if name == "mtcnn":
        return _mtcnn(device)
    from evaluators.faces import s3fd
    from harness.weights import locate

    network = s3fd.load(locate("s3fd"), device)

    def boxes(picture: Picture) -> list[Box]:
        scale = _SEARCHED_HEIGHT_PX / picture.shape[0]
        found = s3fd.detect(network, picture[None], _LEAST_SCORE, scale)[0]
        return [_box(row) for row in found]

    return boxes


def _mtcnn(device: str) -> Detector:
    from evaluators.faces.mtcnn import detector as installed

    network = installed(device)

    def boxes(picture: Picture) -> list[Box]:
        found = network.detect(picture[None])[0]
        return [_box(row) for row, score in zip(found.boxes, found.probs, strict=True) if score > _LEAST_SCORE]

    return boxes


def _box(row: npt.NDArray[np.floating]) -> Box:
    x0, y0, x1, y1 = (float(value) for value in row[:4])
    return x0, y0, x1, y1


def face_crop(picture: Picture, box: Box, size: int) -> Picture:
    """Returns (size, size, 3): the square around `box`; what lies outside the picture is black.

    Shrunk by area where the picture is higher than 360 px, else enlarged by cubic interpolation.
    """
    x0, y0, x1, y1 = box
    half = int(_MARGIN * max((x1 - x0) / 2, (y1 - y0) / 2))
    if half < 1:
        raise MediaError("The face in the picture is too small to be cut out.", "Take a larger picture.", "no_face")
    framed = cv2.copyMakeBorder(picture, half, half, half, half, cv2.BORDER_CONSTANT, value=(0, 0, 0))
    left, top = _inside((x0 + x1) / 2, picture.shape[1]), _inside((y0 + y1) / 2, picture.shape[0])
    square = framed[top : top + 2 * half, left : left + 2 * half]  # the border has moved the centre to its corner
    way = cv2.INTER_AREA if picture.shape[0] > _SEARCHED_HEIGHT_PX else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(square, (size, size), interpolation=way), dtype=np.uint8)


def _inside(centre: float, edge: int) -> int:
    return min(max(int(centre), 0), edge)


def cropped(picture: Picture, find: Detector, size: int, path: Path) -> Picture:
    """Returns the crop around the first face that `find` sees. Raises MediaError where it sees none."""
    boxes = find(picture)
    if not boxes:
        raise MediaError(
            f"There is no face in {path}.", "Take a frontal portrait, or a 256 px face crop, or crop=none.", "no_face"
        )
    return face_crop(picture, boxes[0], size)
