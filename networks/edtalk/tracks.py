"""Tracks of codes are brought to the length of a sound here: held at their end, or played to and fro."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

OFFICIAL_TRIM = 20
"""Frames that the released inference drops from the end of every expression track."""


def mirrored_indices(length: int, frames: int) -> npt.NDArray[np.int64]:
    """Returns the row indices (frames,) of a track of `length` rows played forwards, backwards, forwards ...; both ends
    come twice.
    """
    if length < 1:
        raise ValueError("An empty track cannot be extended.")
    phase = np.arange(frames, dtype=np.int64) % (2 * length)
    return np.where(phase < length, phase, 2 * length - 1 - phase)


def held_indices(length: int, frames: int) -> npt.NDArray[np.int64]:
    """Returns the row indices (frames,) of a track of `length` rows whose last row is held once it ends."""
    if length < 1:
        raise ValueError("An empty track cannot be extended.")
    return np.minimum(np.arange(frames, dtype=np.int64), length - 1)


def fit_track(track: Tensor, frames: int, trim: int = OFFICIAL_TRIM) -> Tensor:
    """Returns (frames, D) rows of a track (n, D): its last `trim` rows dropped, then mirrored as long as needed.

    A track of `trim` rows or fewer is kept whole (the released code never comes back from one).
    """
    kept = len(track) - trim if len(track) > trim else len(track)
    return track[torch.from_numpy(mirrored_indices(kept, frames)).to(track.device)]
