"""Faces of single frames are joined to tracks here, by the rules of the sync pipelines.

Three rules that differ: "sp" (syncnet_python), "pkg" (PyPI syncnet-python) and "clean" (ours: the nearest face of
a frame joins, every face of a frame is looked at, no list is shortened while it is walked).
Facts: docs/reference/metrics.md, 'Face tracks'.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float64]
Rule = Literal["sp", "pkg", "clean"]
GAP_FRAMES = 25
MIN_IOU = 0.5


@dataclass(frozen=True)
class Track:
    """Holds one face over time: `boxes` (n, 4) x0, y0, x1, y1 in px for frames first … first + n - 1, gaps
    interpolated.
    """

    first: int
    boxes: Float
    detections: int

    @property
    def last(self) -> int:
        return self.first + len(self.boxes) - 1

    @property
    def side_px(self) -> float:
        """Returns the mean width or mean height, whichever is larger."""
        sides = (self.boxes[:, 2:] - self.boxes[:, :2]).mean(0)
        return float(sides.max())


def overlap(a: Float, b: Float) -> float:
    """Returns the intersection over union of two boxes; 0 for boxes without area."""
    low, high = np.maximum(a[:2], b[:2]), np.minimum(a[2:], b[2:])
    common = float(np.prod(np.maximum(0, high - low)))
    union = float(np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2])) - common
    return common / union if union > 0 else 0.0


_Path = list[tuple[int, Float]]  # (frame, box) of the detections of one track


def _joins(path: _Path, frame: int, box: Float) -> bool:
    return frame - path[-1][0] <= GAP_FRAMES and overlap(box, path[-1][1]) > MIN_IOU


def _walk_frame(path: _Path, frame: int, free: list[Float], rule: Rule) -> None:
    """Let faces of one frame join as the references do: taking one skips the next (their list shrinks underfoot)."""
    place = 0
    while place < len(free):
        if not path or _joins(path, frame, free[place]):
            path.append((frame, free.pop(place)))
        elif rule == "pkg" or frame - path[-1][0] > GAP_FRAMES:
            return
        place += 1


def _nearest_joins(path: _Path, frame: int, free: list[Float]) -> None:
    if not free:
        return
    if not path:
        path.append((frame, free.pop(0)))
        return
    overlaps = [overlap(box, path[-1][1]) for box in free]
    best = int(np.argmax(overlaps))
    if _joins(path, frame, free[best]):
        path.append((frame, free.pop(best)))


def _take_path(free: dict[int, list[Float]], rule: Rule) -> _Path:
    path: _Path = []
    for frame, boxes in free.items():
        if rule == "clean":
            _nearest_joins(path, frame, boxes)
        else:
            _walk_frame(path, frame, boxes, rule)
    return path


def _filled(path: _Path) -> Track:
    frames = np.array([frame for frame, _ in path])
    corners = np.array([box for _, box in path], dtype=np.float64)
    every = np.arange(frames[0], frames[-1] + 1)
    boxes = np.stack([np.interp(every, frames, corner) for corner in corners.T], axis=1)
    return Track(int(frames[0]), boxes, len(path))


def build(
    faces: Sequence[tuple[int, Float]],
    rule: Rule = "clean",
    more_than: int = 0,
    wider_than_px: float = 0.0,
) -> list[Track]:
    """Returns the tracks of the faces (frame index, boxes (k, 4)) of one scene, frames ascending; in order of their
    start.

    A track needs more than `more_than` detections and a mean side above `wider_than_px` (both strict).
    """
    free = {frame: [np.asarray(box, dtype=np.float64)[:4] for box in boxes] for frame, boxes in faces}
    tracks = []
    while any(free.values()):
        path = _take_path(free, rule)
        if len(path) > more_than and (track := _filled(path)).side_px > wider_than_px:
            tracks.append(track)
    return tracks


def extended(track: Track, first: int, last: int, reach: int) -> Track:
    """Returns the track with its end boxes held for at most `reach` frames towards `first` and `last` of the clip.

    For detectors that look at every n-th frame only: the clip's end frames then belong to the face too.
    """
    before = min(reach, max(0, track.first - first))
    after = min(reach, max(0, last - track.last))
    boxes = np.concatenate([track.boxes[:1].repeat(before, 0), track.boxes, track.boxes[-1:].repeat(after, 0)])
    return Track(track.first - before, boxes, track.detections)
