"""Feature spaces that owe nothing to emotion training: `geo`, `hog` and `au` (named in evaluators.extended.spaces)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from evaluators.extended.expression_measures import CHIP_PX, action_measures, edge_histograms
from evaluators.faces import dlib_landmarks, sidecar_landmarks
from evaluators.sync.dialect import MTCNN_NAME
from harness.digest import digest
from harness.errors import MediaError
from harness.evaluator import Chunk

Float = npt.NDArray[np.float32]
Fields = tuple[tuple[str, str], ...]
EVERY = 5


class RowsTrack:
    """One clip: `take` gives the rows of a chunk."""

    def __init__(self, take: Callable[[Chunk], Iterable[Float]]) -> None:
        self._take = take
        self._rows: list[Float] = []

    def feed(self, chunk: Chunk) -> None:
        """Take the sampled frames that show a face."""
        self._rows += list(self._take(chunk))

    def stacked(self) -> Float:
        """(frames that could be used, features)."""
        return np.stack(self._rows) if self._rows else np.zeros((0, 0), np.float32)


class _DetectorSpace:
    """What `geo` and `hog` share: MTCNN's largest face in every fifth frame."""

    _name = ""
    _align = ""

    def __init__(self, device: str) -> None:
        self.device = device
        self.searches = EVERY

    def missing(self) -> list[tuple[str, str]]:
        """Nothing: the detector is in the wheel."""
        return []

    def load(self) -> None:
        """Nothing to load ahead."""

    def fields(self) -> Fields:
        """Space, crop, detector, sampling."""
        align = (("align", self._align),) if self._align else ()
        return ("space", self._name), *align, ("det", MTCNN_NAME), ("fps", "25"), ("samp", f"every{EVERY}")


class GeometrySpace(_DetectorSpace):
    """`geo`: the five points of the largest face in the frame of the mean face, (10,)."""

    _name = "geo5"

    def follow(self, path: Path) -> RowsTrack:
        """A track for one clip."""
        return RowsTrack(self._shapes)

    def _shapes(self, chunk: Chunk) -> Iterable[Float]:
        from evaluators.faces.face_chip import MTCNN_POINTS, similarity
        from evaluators.faces.mtcnn import chunk_faces

        for faces in chunk_faces(chunk, self.device, EVERY).values():
            if len(faces):
                points = faces.landmarks[0].astype(np.float64)
                transform = similarity(points, MTCNN_POINTS)
                shape = points @ transform[:, :2].T + transform[:, 2] - MTCNN_POINTS
                yield shape.reshape(-1).astype(np.float32)


class EdgeSpace(_DetectorSpace):
    """`hog`: edge directions of brows, eyes and mouth on the aligned chip, (680,)."""

    _name, _align = "hog680", f"mtcnn5-{CHIP_PX}"

    def follow(self, path: Path) -> RowsTrack:
        """A track for one clip."""
        return RowsTrack(self._histograms)

    def _histograms(self, chunk: Chunk) -> Iterable[Float]:
        from evaluators.faces.crops import chunk_crops
        from evaluators.faces.mtcnn import sampled

        chips = chunk_crops(chunk, sampled(chunk, EVERY), "mtcnn5", CHIP_PX, self.device)
        return [edge_histograms(chip) for chip in chips.values() if chip is not None]


class ActionSpace:
    """`au`: fourteen action measures of 68 landmarks, from dlib or from NAME.landmarks.npy beside each video."""

    def __init__(self, points: str, device: str) -> None:
        self.device, self.searches = device, 0
        self._sidecar = points == "sidecar"
        self._dlib: Any = None

    def missing(self) -> list[tuple[str, str]]:
        """dlib and its predictor, where they are asked for and not here."""
        return [] if self._sidecar else dlib_landmarks.PREDICTOR.missing()

    def load(self) -> None:
        """Open the detector."""
        if not self._sidecar and self._dlib is None:
            self._dlib = dlib_landmarks.Dlib68()

    def fields(self) -> Fields:
        """Space, points, sampling, weights."""
        points = (
            (("det", "sidecar"),) if self._sidecar else (("det", "dlib68"), ("w", dlib_landmarks.PREDICTOR.digest8()))
        )
        return ("space", "au14"), *points, ("fps", "25"), ("samp", f"every{EVERY}")

    def content(self, path: Path) -> str:
        """What else than the video's bytes decides its features."""
        return digest(sidecar_landmarks.sidecar(path)) if self._sidecar else ""

    def follow(self, path: Path) -> RowsTrack:
        """A track for one clip. Raises MediaError where its points are not beside it."""
        if not self._sidecar:
            return RowsTrack(self._detected)
        from harness.media import VideoReader

        found = sidecar_landmarks.read(path, VideoReader(path).frames)
        if isinstance(found, tuple):
            raise MediaError(found[1], reason=found[0])
        return RowsTrack(lambda chunk: self._stored(found, chunk))

    def _detected(self, chunk: Chunk) -> Iterable[Float]:
        from evaluators.faces.mtcnn import sampled

        frames = (chunk.frames[index - chunk.first] for index in sampled(chunk, EVERY))
        return _measured(self._dlib.find(frame, 1) for frame in frames)

    def _stored(self, points: sidecar_landmarks.Points, chunk: Chunk) -> Iterable[Float]:
        from evaluators.faces.mtcnn import sampled

        return _measured(points[index] for index in sampled(chunk, EVERY))


def _measured(points: Iterable[npt.NDArray[np.float64]]) -> list[Float]:
    return [action_measures(one) for one in points if np.isfinite(one).all()]
