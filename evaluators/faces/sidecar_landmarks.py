"""This module reads landmarks that the user computed: `NAME.landmarks.npy` next to `NAME.mp4`, float (frames at 25 fps,
68, 2).
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from evaluators import pairing
from harness.digest import digest
from harness.errors import UsageError
from harness.evaluator import Chunk, ClipContext, Refusal
from networks.files.array_file import read_array

Points = npt.NDArray[np.float64]
_POINTS = 68


def sidecar(video: Path, suffix: str = ".landmarks.npy") -> Path:
    """Returns the file that holds the points of `video`."""
    return video.with_suffix(suffix)


def digests(*videos: Path, suffix: str = ".landmarks.npy") -> list[str]:
    """Returns the SHA-256 of the points' files of these videos: they decide a number as the videos do, and its row
    keeps them.
    """
    return [digest(sidecar(video, suffix)) for video in videos]


def read(video: Path, frames: int, suffix: str = ".landmarks.npy") -> Points | Refusal:
    """Returns the points of a video, nan rows where it has no face, or a Refusal that says why there are none."""
    path = sidecar(video, suffix)
    if not path.is_file():
        needed = f"save float ({frames}, {_POINTS}, 2), nan where no face is found"
        return Refusal("tool_missing", f"there is no {path}: {needed}")
    try:
        points = np.asarray(read_array(path), dtype=np.float64)
    except UsageError as error:
        return Refusal("unreadable", str(error))
    if points.shape != (frames, _POINTS, 2):
        return Refusal("length_mismatch", f"{path} has shape {points.shape}, not ({frames}, {_POINTS}, 2)")
    return points


def points(video: Path, frames: int) -> Points:
    """Returns the points of a video in which `problem` found no fault; read once in a row."""
    landmarks = _remembered(video, frames, sidecar(video).stat().st_mtime_ns)
    assert not isinstance(landmarks, Refusal), landmarks
    return landmarks


@lru_cache(maxsize=4)
def _remembered(video: Path, frames: int, changed_ns: int) -> Points | Refusal:
    return read(video, frames)


def _both(context: ClipContext) -> tuple[Points | Refusal, Points | Refusal]:
    reference = pairing.reference_reader(context)
    return context.once(
        "sidecar-landmarks",
        lambda: (read(context.path, pairing.clip_frames(context)), read(reference.path, reference.frames)),
    )


def problem(context: ClipContext) -> Refusal | None:
    """Says why the points of a clip or of its reference cannot be used, or None."""
    return next((part for part in _both(context) if isinstance(part, Refusal)), None)


class SidecarPoints:
    """Reads the points from the files next to both videos."""

    def take(self, context: ClipContext, chunk: Chunk, rule: str) -> tuple[Points, Points]:
        """Returns the points of the pairs whose clip frame lies in `chunk`."""
        clip, reference = _both(context)
        assert not isinstance(clip, Refusal)
        assert not isinstance(reference, Refusal)
        first, second = pairing.RULES[rule](len(clip), len(reference))
        start, stop = np.searchsorted(first, [chunk.first, chunk.first + len(chunk.frames)])
        return clip[first[start:stop]], reference[second[start:stop]]
