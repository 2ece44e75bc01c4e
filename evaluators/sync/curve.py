"""Lip sync follows from embeddings by the curve of mean distances over shifts, and the values read off it.

Array functions only; the judge is `evaluators.sync.lse`. Source: Chung & Zisserman 2016 and joonson/syncnet_python.
Facts: docs/reference/metrics.md, 'LSE scores'.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from harness.records import SAMPLES_PER_FRAME
from networks.mfcc import mfcc

__all__ = ["LipSyncScore", "Pad", "distances", "mfcc", "read_curve", "score", "windows"]

Pad = Literal["zero", "valid"]
Rows = npt.NDArray[np.float32]
VSHIFT = 15
_EPSILON = np.float32(1e-6)  # the reference's pairwise distance adds it to every component of the difference
_BLOCK_ROWS = 1024  # of differences at a time: those of ten minutes would be 60 MB each


@dataclass(frozen=True)
class LipSyncScore:
    """Holds the scores and their curve: `curve[k]` is the mean distance at shift k - vshift, NaN where no pair of
    windows exists.

    `offset` is in frames: positive where the picture is late relative to the sound.
    """

    lse_c: float
    lse_d: float
    offset: int
    curve: Rows


def windows(frames: int, samples: int) -> int:
    """Returns the number of 5-frame windows of `frames` pictures at 25 fps and `samples` at 16 kHz: min of both
    lengths, less 5.
    """
    return max(0, min(frames, samples // SAMPLES_PER_FRAME) - 5)


def distances(lip: Rows, audio: Rows, vshift: int = VSHIFT, pad: Pad = "zero") -> Rows:
    """Returns the Euclidean distances (n, 2 vshift + 1) of every lip row to the audio rows around it.

    Column k pairs lip i with audio i + k - vshift. Where that is outside the clip: distance to a vector of
    zeros ("zero", the reference's way) or NaN ("valid"). Raises ValueError for unlike or empty inputs, for values that
    are not finite (they would silently leave the means) and for another `pad`.
    """
    lip, audio = np.asarray(lip, np.float32), np.asarray(audio, np.float32)
    if lip.shape != audio.shape or lip.ndim != 2 or not len(lip):
        raise ValueError(f"lip and audio must have one shape (n, d) with n > 0, not {lip.shape} and {audio.shape}")
    if not (np.isfinite(lip).all() and np.isfinite(audio).all()):
        raise ValueError("lip and audio must be finite")
    if pad not in ("zero", "valid") or vshift < 0:
        raise ValueError(f'pad is "zero" or "valid" and vshift at least 0, not {pad!r} and {vshift}')
    table = np.full((len(lip), 2 * vshift + 1), np.nan, np.float32)
    for begin in range(0, len(lip), _BLOCK_ROWS):
        end = min(begin + _BLOCK_ROWS, len(lip))
        if pad == "zero":
            table[begin:end] = np.linalg.norm(lip[begin:end] + _EPSILON, axis=1)[:, None]
        for column in range(2 * vshift + 1):
            shift = column - vshift
            low, high = max(begin, -shift), min(end, len(lip) - shift)
            if low < high:
                difference = lip[low:high] - audio[low + shift : high + shift]
                table[low:high, column] = np.linalg.norm(difference + _EPSILON, axis=1)
    return table


def mean_curve(table: Rows) -> Rows:
    """Returns the mean of every column over its finite rows (float64 inside); NaN for a column without any."""
    finite = np.isfinite(table)
    sums = np.where(finite, table, 0).sum(0, dtype=np.float64)
    counts = finite.sum(0)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan).astype(np.float32)


def read_curve(curve: Rows) -> LipSyncScore:
    """Returns LSE-C = median - minimum, LSE-D = minimum, offset = vshift - index of the first minimum."""
    known = curve[np.isfinite(curve)]
    if not known.size:
        raise ValueError("a curve without any finite value has no score")
    best = int(np.nanargmin(curve))
    low, middle = np.float32(curve[best]), np.float32(np.median(known))
    return LipSyncScore(float(middle - low), float(low), len(curve) // 2 - best, curve)


def score(lip: Rows, audio: Rows, vshift: int = VSHIFT, pad: Pad = "zero") -> LipSyncScore:
    """Returns LSE-C, LSE-D and offset of embeddings lip (n, d) and audio (n, d), window for window.

    pad="zero" is every published protocol: its padding biases short clips and large offsets. pad="valid" averages
    only over pairs that exist, so equal quality scores equally at any length.
    """
    return read_curve(mean_curve(distances(lip, audio, vshift, pad)))
