"""This module computes MFCC as SyncNet and DeepSpeech take it: the defaults of python_speech_features 0.6, in float64.

Pre-emphasis 0.97, rectangular windows of 400 samples every 160, FFT 512, 26 triangular filters on the mel scale,
natural log, orthonormal DCT-II, lifter 22, and the log of the frame's power in the place of coefficient 0.
Facts: docs/reference/metrics.md, 'SyncNet input'.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from harness.records import SAMPLE_RATE_HZ

COEFFICIENTS = 13
_PREEMPHASIS = 0.97
_WINDOW_SAMPLES = 400
_STEP_SAMPLES = 160
_FFT_SIZE = 512
_FILTERS = 26
_LIFTER = 22
BLOCK_FRAMES = 4096  # bounds the memory of a long clip

Array = npt.NDArray[np.float64]


def frame_count(samples: int) -> int:
    """Returns how many MFCC frames `samples` samples give: 1 + ceil((n - 400) / 160), at least 1."""
    return 1 if samples <= _WINDOW_SAMPLES else 1 + -(-(samples - _WINDOW_SAMPLES) // _STEP_SAMPLES)


@lru_cache(maxsize=1)
def _mel_filters() -> Array:
    """(26, 257) triangles whose corners are whole FFT bins."""
    top_mel = 2595 * np.log10(1 + SAMPLE_RATE_HZ / 2 / 700)
    corners_hz = 700 * (10 ** (np.linspace(0, top_mel, _FILTERS + 2) / 2595) - 1)
    corners = np.floor((_FFT_SIZE + 1) * corners_hz / SAMPLE_RATE_HZ)
    left, centre, right = (corners[i : i + _FILTERS, None] for i in range(3))
    bins = np.arange(_FFT_SIZE // 2 + 1)
    rising = np.where((bins >= left) & (bins < centre), (bins - left) / np.maximum(centre - left, 1), 0.0)
    falling = np.where((bins >= centre) & (bins < right), (right - bins) / np.maximum(right - centre, 1), 0.0)
    return np.asarray(rising + falling)


@lru_cache(maxsize=2)
def _cosines(coefficients: int) -> Array:
    """(26, coefficients): orthonormal DCT-II of the log filter energies, lifted."""
    n = np.arange(coefficients)
    angles = np.pi * n * (np.arange(_FILTERS)[:, None] + 0.5) / _FILTERS
    scale = np.where(n == 0, np.sqrt(1 / _FILTERS), np.sqrt(2 / _FILTERS))
    lift = 1 + (_LIFTER / 2) * np.sin(np.pi * n / _LIFTER)
    return np.asarray(np.cos(angles) * scale * lift)


def _log(values: Array) -> Array:
    """Natural log with zeros replaced by float64's epsilon, so that digital silence stays finite."""
    return np.asarray(np.log(np.where(values == 0, np.finfo(np.float64).eps, values)))


def _block(emphasised: Array, first: int, frames: int, coefficients: int) -> Array:
    starts = (first + np.arange(frames)) * _STEP_SAMPLES
    windows = emphasised[starts[:, None] + np.arange(_WINDOW_SAMPLES)]
    power = np.abs(np.fft.rfft(windows, _FFT_SIZE)) ** 2 / _FFT_SIZE
    cepstra = _log(power @ _mel_filters().T) @ _cosines(coefficients)
    cepstra[:, 0] = _log(power.sum(1))
    return np.asarray(cepstra)


def mfcc(samples: npt.NDArray[np.int16], coefficients: int = COEFFICIENTS) -> Array:
    """Returns the MFCC of 16 kHz mono sound on the int16 scale: (n,) -> (T, 13) float64, T = `frame_count(n)`.

    coefficients: how many, up to 26; SyncNet takes 13, DeepSpeech 26.

    The scale matters: samples in -1..1 shift every log energy by about 20. Raises ValueError for no samples, for
    values that are not finite, and for fractions that never leave -1..1.
    """
    signal = np.asarray(samples, dtype=np.float64)
    if signal.ndim != 1 or signal.size == 0:
        raise ValueError(f"mfcc needs a one-dimensional, non-empty signal, not shape {signal.shape}")
    peak = float(np.abs(signal).max())
    if not np.isfinite(peak) or (0 < peak <= 1 and np.any(signal % 1)):
        raise ValueError("mfcc needs finite samples on the int16 scale; harness.media.to_pcm16 converts -1..1")
    frames = frame_count(signal.size)
    emphasised = np.zeros((frames - 1) * _STEP_SAMPLES + _WINDOW_SAMPLES)
    emphasised[0] = signal[0]
    emphasised[1 : signal.size] = signal[1:] - _PREEMPHASIS * signal[:-1]
    starts = range(0, frames, BLOCK_FRAMES)
    blocks = [_block(emphasised, i, min(BLOCK_FRAMES, frames - i), coefficients) for i in starts]
    return np.concatenate(blocks)
