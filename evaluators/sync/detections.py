"""The sync judge gets its faces here: detections by either detector, tracks of a clip, the check of uncropped
pictures.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from evaluators.faces.mtcnn import Faces, chunk_faces
from evaluators.sync import tracks
from evaluators.sync.dialect import Dialect
from evaluators.sync.tracks import Track
from harness.evaluator import Chunk

if TYPE_CHECKING:
    from evaluators.faces.s3fd import S3FD

Float = npt.NDArray[np.float64]
_COMPARABLE = 0.4  # a second face counts from this share of the largest one's side


@dataclass
class FaceLog:
    """Records boxes of the searched frames of one clip by one detector. `net` is S3FD, or None for MTCNN."""

    every: int
    device: str
    net: S3FD | None = None
    frames: int = 0
    # Lists, not small arrays: thousands of those, each allocated between 25 MB of frames, keep malloc from reusing it.
    _boxes: list[tuple[int, list[list[float]]]] = field(default_factory=list)

    @property
    def found(self) -> list[tuple[int, Float]]:
        """Returns (frame index, boxes (k, 4)) of every searched frame."""
        return [(index, np.array(boxes, np.float64).reshape(-1, 4)) for index, boxes in self._boxes]

    def feed(self, chunk: Chunk) -> None:
        """Search the next chunk; one that is known already is left alone."""
        if chunk.first != self.frames:
            return
        self.frames += len(chunk.frames)
        if self.net is None:
            faces = chunk_faces(chunk, self.device, self.every)
            self._boxes += [(index, detected.boxes.tolist()) for index, detected in faces.items()]
        else:
            from evaluators.faces import s3fd

            boxes = s3fd.detect(self.net, chunk.frames)
            self._boxes += [(chunk.first + place, detected[:, :4].tolist()) for place, detected in enumerate(boxes)]

    def tracks(self, dialect: Dialect, scene: int | None = None) -> list[Track]:
        """Returns the tracks by the dialect's rule, held to the clip's ends where frames between searches were
        skipped. `scene`: how many frames from the first on are looked at; None: all.
        """
        built = tracks.build(self._in(scene), dialect.rule, dialect.more_than, dialect.wider_than_px)
        if self.every == 1:
            return built
        return [tracks.extended(track, 0, self.frames - 1, self.every - 1) for track in built]

    def longest(self, dialect: Dialect, scene: int | None = None) -> Track | None:
        """Returns the track with most detections, whatever its length and width; None where no frame shows a face."""
        built = tracks.build(self._in(scene), dialect.rule)
        return max(built, key=lambda track: track.detections, default=None)

    def _in(self, scene: int | None) -> list[tuple[int, Float]]:
        return [(index, boxes) for index, boxes in self.found if scene is None or index < scene]

    @property
    def any(self) -> bool:
        """Says whether any searched frame shows a face."""
        return any(len(boxes) for _, boxes in self.found)

    @property
    def misses(self) -> bool:
        """Says whether some searched frame shows no face."""
        return not all(len(boxes) for _, boxes in self.found)

    @property
    def crowded(self) -> bool:
        """Says whether most frames that show a face show a second one of comparable size."""
        with_face = [boxes for _, boxes in self.found if len(boxes)]
        return 2 * sum(_second_face(boxes) for boxes in with_face) > len(with_face)


def _second_face(boxes: Float) -> bool:
    sides = np.sort((boxes[:, 2:4] - boxes[:, :2]).max(1))[::-1]
    return len(sides) > 1 and bool(sides[1] >= _COMPARABLE * sides[0])


def largest(candidates: list[Track]) -> int:
    """Returns the index of the track that covers most picture over time."""
    return int(np.argmax([track.side_px**2 * len(track.boxes) for track in candidates]))


def together(candidates: list[Track]) -> bool:
    """Says whether two tracks of comparable size are there at the same time."""
    for place, one in enumerate(candidates):
        for other in candidates[place + 1 :]:
            overlap = min(one.last, other.last) >= max(one.first, other.first)
            sides = sorted((one.side_px, other.side_px))
            if overlap and sides[0] >= _COMPARABLE * sides[1]:
                return True
    return False


__all__ = ["FaceLog", "Faces", "largest", "together"]
