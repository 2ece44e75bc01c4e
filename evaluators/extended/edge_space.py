"""The feature space `hog` is edge directions of the face's moving parts (Dalal & Triggs 2005), without emotion
training.

On the aligned face, histograms of edge directions over brows, eyes and mouth: the classic training-free description of
an expression.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from evaluators.faces.mtcnn import NAME, sampled
from harness.errors import Missing
from harness.evaluator import Chunk
from harness.media.grids import FPS_RULE

Picture = npt.NDArray[np.uint8]
Float = npt.NDArray[np.float32]
CHIP_PX = 112
EVERY = 5
_CELL_PX = 8
_DIRECTIONS = 8
#: Rows and columns (px of the chip) of brows with eyes, and of the mouth; MTCNN's eyes lie at y 35, corners at y 81.
REGIONS = ((8, 48, 16, 96), (64, 104, 28, 84))


class EdgeSpace:
    """Makes edge histograms of MTCNN's largest face in every fifth frame, (680,)."""

    searches = EVERY

    def __init__(self, device: str) -> None:
        self.device = device

    def missing(self) -> list[Missing]:
        """Returns nothing: the detector is in the wheel."""
        return []

    def load(self) -> None:
        """Load nothing ahead."""

    def fields(self) -> tuple[tuple[str, str], ...]:
        """Returns space, crop, detector, sampling."""
        crop = (("align", f"mtcnn5-{CHIP_PX}"), ("det", NAME))
        return ("space", "hog680"), *crop, ("fps", FPS_RULE), ("samp", f"every{EVERY}")

    def follow(self, path: Path) -> EdgeTrack:
        """Returns an empty track for one clip."""
        return EdgeTrack(self.device)


class EdgeTrack:
    """Collects edge histograms of the sampled frames of one clip, as chunks come in."""

    def __init__(self, device: str) -> None:
        self._device = device
        self._rows: list[Float] = []

    def feed(self, chunk: Chunk) -> None:
        """Take the sampled frames that show a face."""
        from evaluators.faces.crops import chunk_crops

        chips = chunk_crops(chunk, sampled(chunk, EVERY), "mtcnn5", CHIP_PX, self._device)
        self._rows += [edge_histograms(chip) for chip in chips.values() if chip is not None]

    def stacked(self) -> Float:
        """Returns (frames that could be used, 680)."""
        return np.stack(self._rows) if self._rows else np.zeros((0, 0), np.float32)


def edge_histograms(chip: Picture) -> npt.NDArray[np.float32]:
    """Returns the edge-direction histograms of an aligned RGB chip (112, 112, 3): (680,), unit length in each region.

    Signed directions, since a light lip under a dark mouth is not the reverse; square roots tame single strong edges.
    """
    gray = cv2.cvtColor(chip, cv2.COLOR_RGB2GRAY).astype(np.float32)
    polar = cv2.cartToPolar(cv2.Sobel(gray, cv2.CV_32F, 1, 0), cv2.Sobel(gray, cv2.CV_32F, 0, 1))
    strength, angle = (np.asarray(part, dtype=np.float32) for part in polar)
    parts = []
    for top, bottom, left, right in REGIONS:
        cells = _cells(strength[top:bottom, left:right], angle[top:bottom, left:right])
        parts.append(np.sqrt(cells / max(float(cells.sum()), 1e-6)))
    return np.concatenate(parts)


def _cells(strength: npt.NDArray[np.floating], angle: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
    """Histograms of the region's cells in one row; each edge is shared by its two nearest directions."""
    place = angle * (_DIRECTIONS / (2 * np.pi))
    low = np.floor(place).astype(np.int64)
    share = (place - low).astype(np.float32)
    rows, columns = strength.shape[0] // _CELL_PX, strength.shape[1] // _CELL_PX
    row, column = np.indices(strength.shape) // _CELL_PX
    cell = (row * columns + column) * _DIRECTIONS
    histograms = np.zeros(rows * columns * _DIRECTIONS, np.float32)
    np.add.at(histograms, cell + low % _DIRECTIONS, strength * (1 - share))
    np.add.at(histograms, cell + (low + 1) % _DIRECTIONS, strength * share)
    return histograms
