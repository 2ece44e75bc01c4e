"""This module cuts the face crop of syncnet_python: 224 px, 2.8 half-sides wide, shifted down.

Facts: docs/reference/metrics.md, 'Face crop'.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from evaluators.sync.tracks import Track

Float = npt.NDArray[np.float64]
Frames = npt.NDArray[np.uint8]
_MEDIAN_KERNEL = 13
_MARGIN = 0.4
_GRAY = 110


@dataclass(frozen=True)
class CropPath:
    """Holds half side and centre in px for each frame of a track, median-filtered; all (n,)."""

    half_px: Float
    x_px: Float
    y_px: Float


def median_filter(values: Float, kernel: int = _MEDIAN_KERNEL, ends: str = "zero") -> Float:
    """Returns the running median; beyond both ends are zeros ("zero", as the reference: pulls six end values down) or
    the end values themselves ("edge").
    """
    half = kernel // 2
    padded = np.pad(np.asarray(values, np.float64), half, mode="edge") if ends == "edge" else np.pad(values, half)
    return np.asarray(np.median(np.lib.stride_tricks.sliding_window_view(padded, kernel), axis=1))


def path(track: Track, ends: str = "zero") -> CropPath:
    """Returns the smoothed crop of a track."""
    low, high = track.boxes[:, :2], track.boxes[:, 2:]
    centre = (low + high) / 2
    half = (high - low).max(1) / 2
    return CropPath(*(median_filter(values, ends=ends) for values in (half, centre[:, 0], centre[:, 1])))


def bounds(half: float, x: float, y: float) -> tuple[int, int, int, int, int]:
    """Returns (padding, first row, end row, first column, end column) in the padded picture, all px."""
    pad = int(half * (1 + 2 * _MARGIN))
    top, left = y + pad, x + pad
    reach = half * (1 + _MARGIN)
    return pad, int(top - half), int(top + half * (1 + 2 * _MARGIN)), int(left - reach), int(left + reach)


def crop(frame: Frames, half: float, x: float, y: float, size: int = 224) -> Frames:
    """Returns the crop (size, size, 3) of a frame (h, w, 3); pixels outside the picture are gray 110.

    Rows and columns are clipped as array slices are; raises ValueError where nothing is left of the face.
    """
    pad, row0, row1, column0, column1 = bounds(half, x, y)
    height, width = frame.shape[0] + 2 * pad, frame.shape[1] + 2 * pad
    row0, row1, column0, column1 = max(0, row0), min(height, row1), max(0, column0), min(width, column1)
    if row0 >= row1 or column0 >= column1:
        raise ValueError(f"the face crop at x {x:.1f}, y {y:.1f} px with half side {half:.1f} px is empty")
    window = np.full((row1 - row0, column1 - column0, 3), _GRAY, np.uint8)
    inside = (slice(max(0, row0 - pad), max(0, row1 - pad)), slice(max(0, column0 - pad), max(0, column1 - pad)))
    part = frame[inside]
    y0, x0 = max(0, pad - row0), max(0, pad - column0)
    window[y0 : y0 + part.shape[0], x0 : x0 + part.shape[1]] = part
    return np.asarray(cv2.resize(window, (size, size), interpolation=cv2.INTER_LINEAR), np.uint8)


def crops(frames: Frames, first: int, track: Track, smooth: CropPath, size: int = 224) -> Iterator[tuple[int, Frames]]:
    """Yields (frame index, crop) for those of `frames` (from clip index `first` on) that the track covers."""
    for index in range(max(first, track.first), min(first + len(frames), track.last + 1)):
        at = index - track.first
        yield index, crop(frames[index - first], smooth.half_px[at], smooth.x_px[at], smooth.y_px[at], size)


DEMO_PX = 96  # input of the demo judge
_LOWER_ROWS, _LOWER_COLUMNS = (0.44, 0.94), (0.25, 0.75)


def lower_face(frames: Frames, size: int = DEMO_PX) -> Frames:
    """Returns the fixed window around the mouth of centred faces: (n, h, w, 3) -> (n, size, size, 3).

    The demo judge's crop, in training and in judging: it needs no detector and shows head motion as it is.
    """
    height, width = frames.shape[1:3]
    rows = slice(*(round(height * share) for share in _LOWER_ROWS))
    columns = slice(*(round(width * share) for share in _LOWER_COLUMNS))
    window = frames[:, rows, columns]
    shrink = cv2.INTER_AREA if window.shape[1] > size else cv2.INTER_LINEAR
    return np.stack([np.asarray(cv2.resize(part, (size, size), interpolation=shrink), np.uint8) for part in window])


def stretched(frames: Frames, size: int = 224) -> Frames:
    """Returns whole frames (n, h, w, 3) resized bilinearly to a square, whatever their shape, as Wav2Lip's
    scripts do.
    """
    if frames.shape[1:3] == (size, size):
        return frames
    return np.stack([np.asarray(cv2.resize(frame, (size, size)), np.uint8) for frame in frames])
