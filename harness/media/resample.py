"""This module converts sample rates by the windowed sinc that torchaudio uses by default, in numpy.

Source: docs/reference/emotion2vec.md, 'Resampling'. The choice matters: on a 24 kHz file another good resampler moves
the emotion2vec embedding by 2.3 %, and C-MET's published features come from this one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]
_ZERO_CROSSINGS = 6
_ROLLOFF = 0.99
_BLOCK_FRAMES = 4096
_MATRIX_VALUES = 1 << 20  # 4 MB; the usual rates have 0.4 at most
_BLOCK_VALUES = 1 << 20  # of windows at a time


@dataclass(frozen=True)
class _Filters:
    """Holds the filter of each phase, (new, taps), and where in a frame of `old` samples it begins, (new,)."""

    weights: Samples
    begins: npt.NDArray[np.intp]
    width: int
    span: int  # samples that a frame's outputs reach over: 2 * width + old

    def outputs(self, signal: Samples, old: int, frames: int) -> Samples:
        """Returns (frames, new) outputs of frames that begin at every `old`-th sample."""
        out = np.empty((frames, len(self.weights)), dtype=np.float32)
        if not frames:
            return out
        windows = np.lib.stride_tricks.sliding_window_view(signal, self.weights.shape[1])
        block = max(1, _BLOCK_VALUES // self.weights.size)
        for start in range(0, frames, block):
            rows = np.arange(start, min(start + block, frames)) * old
            np.einsum("fpt,pt->fp", windows[rows[:, None] + self.begins], self.weights, out=out[start : start + block])
        return out


@dataclass(frozen=True)
class _Matrix:
    """Holds the filters of all phases as one matrix, (new, 2 * width + old), zeros included."""

    weights: Samples
    width: int
    span: int

    def outputs(self, signal: Samples, old: int, frames: int) -> Samples:
        """Returns (frames, new) outputs of frames that begin at every `old`-th sample."""
        out = np.empty((frames, len(self.weights)), dtype=np.float32)
        if frames:
            windows = np.lib.stride_tricks.sliding_window_view(signal, self.span)[::old]
            for start in range(0, frames, _BLOCK_FRAMES):
                rows = slice(start, min(start + _BLOCK_FRAMES, frames))
                np.matmul(windows[rows], self.weights.T, out=out[rows])
        return out


@lru_cache(maxsize=16)
def _kernel(old: int, new: int) -> _Matrix | _Filters:
    """The filters of the `new` phases; `old` and `new` have no common divisor.

    The usual rates have few phases: one matrix. For others (22 254 Hz has 8000 phases over 11 127 samples) that matrix
    is gigabytes of zeros, so each phase keeps the part around its own time.
    """
    width = math.ceil(_ZERO_CROSSINGS * old / (_ROLLOFF * min(old, new)))
    if new * (2 * width + old) <= _MATRIX_VALUES:
        taps = np.arange(-width, width + old, dtype=np.float64) / old
        phases = np.arange(new, dtype=np.float64)[:, None] / new
        return _Matrix(_weights(taps[None] - phases, old, new), width, 2 * width + old)
    begins = np.arange(new) * old // new  # of the sample before each phase's time, `width` samples into the frame
    taps = (begins[:, None] + np.arange(-width, width + 2)) / old
    times = np.arange(new, dtype=np.float64)[:, None] / new
    return _Filters(_weights(taps - times, old, new), begins, width, 2 * width + old + 1)


def _weights(t: npt.NDArray[np.float64], old: int, new: int) -> Samples:
    """The windowed sinc at times `t`, in frames of `old` samples."""
    base = _ROLLOFF * min(old, new)
    t = np.clip(t * base, -_ZERO_CROSSINGS, _ZERO_CROSSINGS)
    window = np.cos(t * math.pi / _ZERO_CROSSINGS / 2) ** 2
    return (np.sinc(t) * window * base / old).astype(np.float32)


class Resampler:
    """Converts a stream of float32 mono blocks from one rate to another; memory stays that of a block."""

    def __init__(self, rate: int, new_rate: int) -> None:
        divisor = math.gcd(rate, new_rate)
        self._old, self._new = rate // divisor, new_rate // divisor
        self._taken = self._given = 0
        self._kernel = _kernel(self._old, self._new)
        self._tail = self._kernel.span - self._kernel.width
        self._rest: Samples = np.zeros(self._kernel.width, dtype=np.float32)

    def feed(self, block: Samples) -> Samples:
        """Returns the part of the output that `block` (n,) completes."""
        self._taken += len(block)
        if self._old == self._new:
            return block
        return self._convolve(block)

    def finish(self) -> Samples:
        """Returns the remaining samples; the whole output then has ceil(n * new_rate / rate) samples."""
        if self._old == self._new:
            return np.zeros(0, dtype=np.float32)
        given = self._given
        out = self._convolve(np.zeros(self._tail, dtype=np.float32))
        return out[: max(0, math.ceil(self._new * self._taken / self._old) - given)]

    def _convolve(self, block: Samples) -> Samples:
        signal = np.concatenate([self._rest, block])
        frames = max(0, (len(signal) - self._kernel.span) // self._old + 1)
        out = self._kernel.outputs(signal, self._old, frames)
        self._rest = signal[frames * self._old :]
        self._given += out.size
        return out.reshape(-1)


def resample(samples: Samples, rate: int, new_rate: int = 16_000) -> Samples:
    """Returns float32 mono (n,) converted from `rate` to `new_rate` Hz: ceil(n * new_rate / rate) samples; equal rates:
    untouched.
    """
    if rate == new_rate:
        return samples
    resampler = Resampler(rate, new_rate)
    return np.concatenate([resampler.feed(np.asarray(samples, dtype=np.float32)), resampler.finish()])
