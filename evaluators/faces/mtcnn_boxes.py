"""This module is the box arithmetic of MTCNN's cascade: cells to boxes, regression, squaring, suppression.

All in float32 and in the reference's order of operations, because boxes are truncated to pixels later.
Facts: docs/reference/metrics.md, 'MTCNN'.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float32]
Int = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Candidates:
    """Holds the k windows under consideration in a batch of frames."""

    frame: Int  # (k,) index in the batch
    boxes: Float  # (k, 4) x0, y0, x1, y1
    score: Float  # (k,)
    moves: Float  # (k, 4) proposed corrections, in box sizes

    def take(self, index: npt.NDArray[Any]) -> Candidates:
        """Returns those of `index` (positions or a mask), in its order."""
        return Candidates(self.frame[index], self.boxes[index], self.score[index], self.moves[index])

    @classmethod
    def concatenated(cls, parts: Sequence[Candidates]) -> Candidates:
        """Returns the parts joined, one after another; none gives an empty set."""
        empty = cls(np.zeros(0, np.int64), *(np.zeros(shape, np.float32) for shape in ((0, 4), (0,), (0, 4))))
        every = [empty, *parts]
        return cls(
            np.concatenate([part.frame for part in every]),
            np.concatenate([part.boxes for part in every]),
            np.concatenate([part.score for part in every]),
            np.concatenate([part.moves for part in every]),
        )


def cells(scores: Float, moves: Float, scale: float, threshold: float) -> Candidates:
    """Returns P-Net's cells over the threshold as windows. scores (n, rows, columns), moves (n, 4, rows, columns)."""
    frame, row, column = np.nonzero(scores >= threshold)
    corner = np.stack([column, row], axis=1).astype(np.float32)
    boxes = np.concatenate([(2 * corner + 1) / np.float32(scale), (2 * corner + 12) / np.float32(scale)], axis=1)
    return Candidates(frame, np.floor(boxes), scores[frame, row, column], moves[frame, :, row, column])


def passed(candidates: Candidates, scores: Float, moves: Float, threshold: float) -> tuple[Candidates, Int]:
    """Returns the candidates whose new score is over the threshold, with the new moves; and their positions."""
    index = np.nonzero(scores > threshold)[0]
    kept = Candidates(candidates.frame[index], candidates.boxes[index], scores[index], moves[index])
    return kept, index


def moved(candidates: Candidates, extra: int) -> Candidates:
    """Returns the boxes corrected by their moves; sizes count `extra` pixels more (0 after P-Net, 1 after R- and
    O-Net).
    """
    boxes = candidates.boxes
    size = boxes[:, 2:] - boxes[:, :2] + np.float32(extra)
    return replace(candidates, boxes=boxes + candidates.moves * np.tile(size, 2))


def squared(candidates: Candidates) -> Candidates:
    """Returns the boxes grown to squares of their longer side, about the same centre."""
    boxes, half = candidates.boxes, np.float32(0.5)
    size = boxes[:, 2:] - boxes[:, :2]
    side = size.max(axis=1, keepdims=True)
    corner = boxes[:, :2] + size * half - side * half
    return replace(candidates, boxes=np.concatenate([corner, corner + side], axis=1))


def windows(candidates: Candidates, height: int, width: int) -> tuple[Candidates, Int]:
    """Returns the boxes as whole pixels inside the frame, (k, 4) with ends excluded; empty ones are dropped
    from both.
    """
    pixels = np.trunc(candidates.boxes).astype(np.int64)
    start = np.maximum(pixels[:, :2], 1) - 1  # the reference counts pixels from 1
    stop = np.minimum(pixels[:, 2:], [width, height])
    solid = np.asarray((stop > start).all(axis=1))
    return candidates.take(solid), np.concatenate([start, stop], axis=1)[solid]


def landmarks(boxes: Float, points: Float) -> Float:
    """Returns O-Net's points (k, 10), five x then five y in box sizes, as pixels (k, 5, 2)."""
    size = boxes[:, 2:] - boxes[:, :2] + np.float32(1)
    relative = points.reshape(-1, 2, 5).transpose(0, 2, 1)
    return size[:, None] * relative + boxes[:, None, :2] - np.float32(1)


def keep(candidates: Candidates, threshold: float) -> Int:
    """Returns the positions to keep after non-maximum suppression by overlap (intersection over union) inside each
    frame.
    """
    kept: list[npt.NDArray[np.intp]] = [np.zeros(0, np.intp)]
    for frame in np.unique(candidates.frame):
        index = np.nonzero(candidates.frame == frame)[0]
        kept.append(index[suppressed(candidates.boxes[index], candidates.score[index], threshold)])
    return np.concatenate(kept).astype(np.int64, copy=False)


def suppressed(boxes: Float, scores: Float, threshold: float) -> Int:
    """Returns the positions that survive greedy suppression by intersection over union, best score first."""
    order = np.argsort(-scores, kind="stable")
    corners = boxes[order]
    area = (corners[:, 2] - corners[:, 0]) * (corners[:, 3] - corners[:, 1])
    alive, kept = np.ones(len(order), bool), []
    for best in range(len(order)):
        if not alive[best]:
            continue
        kept.append(order[best])
        rest = best + 1 + np.nonzero(alive[best + 1 :])[0]
        others = corners[rest]
        extent = np.minimum(corners[best, 2:], others[:, 2:]) - np.maximum(corners[best, :2], others[:, :2])
        shared = np.maximum(extent, 0).prod(axis=1)
        alive[rest] = shared / (area[best] + area[rest] - shared) <= np.float32(threshold)
    return np.array(kept, dtype=np.int64)


def keep_min(boxes: Float, scores: Float, threshold: float) -> Int:
    """Returns the positions that survive suppression by intersection over the SMALLER area (a face inside a face goes),
    best score first.
    """
    order = np.argsort(scores)[::-1]
    extent = boxes[:, 2:] - boxes[:, :2] + 1
    area = extent.prod(axis=1)
    kept: list[int] = []
    while order.size:
        best, rest = order[0], order[1:]
        kept.append(int(best))
        low = np.maximum(boxes[best, :2], boxes[rest, :2])
        high = np.minimum(boxes[best, 2:], boxes[rest, 2:])
        shared = np.maximum(high - low + 1, 0).prod(axis=1)
        order = rest[shared / np.minimum(area[best], area[rest]) <= threshold]
    return np.array(kept, dtype=np.int64)
