"""This module says how alike two utterances sound, whoever speaks them: the same sentence is nearer than another one.

Cepstra of both (13 less the loudness, 40 a second, each utterance's own mean and spread taken out, silence at the ends
cut off) are aligned by dynamic time warping (Sakoe and Chiba 1978, symmetric steps); the distance is the mean cost
along the best path.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.fft import dct

from networks.edtalk.mel import mel_spectrogram

Cepstra = npt.NDArray[np.float32]  # (frames, 12)
Array = npt.NDArray[np.float64]

_KEPT = slice(1, 13)  # the first coefficient is loudness
_POOLED = 2  # mel columns a frame: 80 a second become 40
_QUIET = 0.15  # of the range between the quietest and the loudest frame


def cepstra(samples: npt.NDArray[np.floating]) -> Cepstra:
    """Returns the frames (n, 12) of mono 16 kHz sound in [-1, 1]; (0, 12) for less than a twentieth of a second."""
    mel = mel_spectrogram(samples)[:, : len(samples) // 200]
    columns = mel.shape[1] // _POOLED
    if columns < 2:
        return np.zeros((0, 12), dtype=np.float32)
    pooled = mel[:, : columns * _POOLED].reshape(len(mel), columns, _POOLED).mean(axis=2)
    spoken = _spoken(pooled.mean(axis=0))
    found = dct(pooled, axis=0, norm="ortho")[_KEPT, spoken].T
    return ((found - found.mean(axis=0)) / (found.std(axis=0) + 1e-6)).astype(np.float32)


def _spoken(loudness: Array) -> slice:
    """From the first to the last frame that is no silence."""
    loud = np.flatnonzero(loudness > loudness.min() + _QUIET * np.ptp(loudness))
    return slice(int(loud[0]), int(loud[-1]) + 1) if len(loud) > 1 else slice(0, len(loudness))


def distances(one: Cepstra, others: Sequence[Cepstra]) -> Array:
    """Returns the distance of one utterance from each of the others; infinite where either has no frames."""
    found = np.full(len(others), np.inf)
    there = [k for k, other in enumerate(others) if len(other)]
    if not len(one) or not there:
        return found
    lengths = np.array([len(others[k]) for k in there])
    costs = np.full((len(there), len(one), int(lengths.max())), np.inf, dtype=np.float32)
    for row, k in enumerate(there):
        difference = one[:, None, :] - others[k][None, :, :]
        costs[row, :, : lengths[row]] = np.sqrt(np.square(difference).sum(axis=2))
    found[there] = _warped(costs, lengths)
    return found


def _warped(costs: npt.NDArray[np.float32], lengths: npt.NDArray[np.int64]) -> Array:
    """Mean cost along the best path of each pair, costs (pairs, n, m); a diagonal step counts twice.

    Walked by anti-diagonals, all pairs at once: cell (i, j) needs (i-1, j), (i, j-1) and (i-1, j-1) alone.
    """
    pairs, n, m = costs.shape
    before = np.full((pairs, n), np.inf)  # of diagonal d-1, by i
    older = np.full((pairs, n), np.inf)  # of diagonal d-2
    ends = np.full(pairs, np.inf)
    for diagonal in range(n + m - 1):
        i = np.arange(max(0, diagonal - m + 1), min(n, diagonal + 1))
        cost = costs[:, i, diagonal - i]
        now = np.full((pairs, n), np.inf)
        if diagonal == 0:
            now[:, 0] = 2 * cost[:, 0]
        else:
            upper, upper_left = _above(before, i), _above(older, i)
            now[:, i] = np.minimum(np.minimum(upper, before[:, i]) + cost, upper_left + 2 * cost)
        done = lengths - 1 == diagonal - (n - 1)
        ends[done] = now[done, n - 1]
        older, before = before, now
    return ends / (n + lengths)


def _above(diagonal: Array, i: npt.NDArray[np.int64]) -> Array:
    """Values of the cells one row up; none above the first row."""
    values = diagonal[:, np.maximum(i - 1, 0)]
    return np.where(i > 0, values, np.inf)
