"""Faces of clips that many judges look at (neutral clips, ground truth) are searched once per content, then cached."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from evaluators.faces import mtcnn
from evaluators.faces.mtcnn import Faces
from evaluators.reference_cache import cached
from harness.evaluator import Chunk
from harness.media import VideoReader
from harness.media.grids import FPS_RULE

_COLUMNS = 16  # frame index, box (4), probability, five points (10); without a face nan in all but the first


def searched_chunks(path: Path, device: str, every: int) -> Iterator[Chunk]:
    """Yields the clip's chunks at 25 fps, with the faces of each `every`-th frame on them (0: none are searched)."""
    known = faces_of(path, device, every) if every else {}
    first = 0
    for frames in VideoReader(path):
        inside = {index: known[index] for index in range(first, first + len(frames)) if index in known}
        yield Chunk(first, frames, {"mtcnn": inside} if every else {})
        first += len(frames)


def faces_of(path: Path, device: str, every: int) -> dict[int, Faces]:
    """Returns the faces of each `every`-th frame by index, those that `mtcnn.chunk_faces` finds in chunks of
    this size.
    """
    rows = cached(path, f"faces|{mtcnn.NAME}|fps:{FPS_RULE}|every{every}", [], lambda: _search(path, device, every))
    by_frame: dict[int, list[npt.NDArray[np.float32]]] = {}
    for row in rows:
        by_frame.setdefault(int(row[0]), []).extend([] if np.isnan(row[1]) else [row[1:]])
    return {index: _faces(np.array(faces, np.float32).reshape(-1, _COLUMNS - 1)) for index, faces in by_frame.items()}


def _faces(rows: npt.NDArray[np.float32]) -> Faces:
    return Faces(rows[:, :4], rows[:, 4], rows[:, 5:].reshape(-1, 5, 2))


def _search(path: Path, device: str, every: int) -> npt.NDArray[np.float32]:
    rows: list[npt.NDArray[np.float64]] = [np.zeros((0, _COLUMNS))]
    first = 0
    for frames in VideoReader(path):
        for index, faces in mtcnn.chunk_faces(Chunk(first, frames), device, every).items():
            values = np.column_stack([faces.boxes, faces.probs, faces.landmarks.reshape(len(faces), 10)])
            filled = values if len(faces) else np.full((1, _COLUMNS - 1), np.nan)
            rows.append(np.column_stack([np.full(len(filled), index), filled]))
        first += len(frames)
    return np.concatenate(rows).astype(np.float32)
