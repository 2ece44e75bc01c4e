"""This module cuts 16 kHz sound into Audio2Lip's mel windows: one (80, 16) window per 25-fps frame.

The settings are those of Wav2Lip's front end, which EDTalk took over; the spectra equal librosa's (0.9 and 0.11) on
16 kHz sound. NumPy and float64 throughout, so that the same file gives the same window everywhere.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from harness.records import FPS, SAMPLE_RATE_HZ, SAMPLES_PER_FRAME

HOP = 200
N_FFT = 800
BANDS = 80
WINDOW_COLUMNS = 16
COLUMNS_PER_SECOND = SAMPLE_RATE_HZ // HOP
_CHUNK = 2000  # columns of the spectrum held at a time: memory must not grow with the sound beyond the mel values

Floats = npt.NDArray[np.floating]


def _slaney_mel(hertz: Floats) -> Floats:
    """Slaney's Auditory Toolbox scale: linear (3 mel per 200 Hz) below 1 kHz, 27 steps per factor 6.4 above."""
    linear = hertz * 3.0 / 200.0
    octaves = np.log(np.maximum(hertz, 1e-10) / 1000.0) / (np.log(6.4) / 27.0)
    return np.where(hertz >= 1000.0, 15.0 + octaves, linear)


def _slaney_hertz(mel: Floats) -> Floats:
    return np.where(mel >= 15.0, 1000.0 * np.exp((np.log(6.4) / 27.0) * (mel - 15.0)), mel * 200.0 / 3.0)


@functools.lru_cache(maxsize=1)
def mel_matrix() -> npt.NDArray[np.float32]:
    """Returns (80, 401) triangular filters from 55 to 7600 Hz, each of unit area per Hz (Slaney normalisation)."""
    bins = np.fft.rfftfreq(N_FFT, 1.0 / SAMPLE_RATE_HZ)
    ends = _slaney_mel(np.array([55.0, 7600.0]))
    edges = _slaney_hertz(np.linspace(ends[0], ends[1], BANDS + 2))
    slopes = edges[:, None] - bins[None, :]
    widths = np.diff(edges)
    rising = -slopes[:-2] / widths[:-1, None]
    falling = slopes[2:] / widths[1:, None]
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    return (triangles * (2.0 / (edges[2:] - edges[:-2]))[:, None]).astype(np.float32)


def mel_spectrogram(samples: Floats) -> Floats:
    """Returns (80, 1 + n // 200) normalised log-mel values in [-4, 4] of n samples of mono 16 kHz sound in [-1, 1]."""
    columns = 1 + len(samples) // HOP
    window = (0.5 + 0.5 * np.cos(np.linspace(-np.pi, np.pi, N_FFT + 1)))[:-1]  # scipy's periodic Hann, bit for bit
    mel = np.empty((BANDS, columns))
    for start in range(0, columns, _CHUNK):
        stop = min(start + _CHUNK, columns)
        wave = _emphasised(samples, start * HOP - N_FFT // 2, (stop - 1) * HOP + N_FFT // 2)
        frames = np.lib.stride_tricks.sliding_window_view(wave, N_FFT)[::HOP]
        power = mel_matrix() @ np.abs(np.fft.rfft(frames * window)).T
        decibels = 20.0 * np.log10(np.maximum(1e-5, power)) - 20.0
        mel[:, start:stop] = np.clip(8.0 * (decibels + 100.0) / 100.0 - 4.0, -4.0, 4.0)
    return mel


def _emphasised(samples: Floats, first: int, last: int) -> Floats:
    """Samples `first` .. `last` - 1 in float64 after pre-emphasis; zeros beyond either end of the sound."""
    low, high = max(first, 0), min(last, len(samples))
    wave = np.asarray(samples[max(low - 1, 0) : high], dtype=np.float64)
    before = wave[:-1] if low > 0 else np.concatenate((np.zeros(1), wave[:-1]))
    emphasised = wave[-(high - low) :] - 0.97 * before if high > low else np.zeros(0)
    return np.pad(emphasised, (low - first, last - max(high, low)))


def frame_count(n_samples: int) -> int:
    """Returns the number of whole 25-fps frames in `n_samples` at 16 kHz."""
    return n_samples // SAMPLES_PER_FRAME


def window_starts(frames: int) -> npt.NDArray[np.int64]:
    """Returns the first mel column of each frame's window, before clamping: 80 * (i - 2) / 25, truncated toward
    zero.
    """
    scaled = COLUMNS_PER_SECOND * (np.arange(frames, dtype=np.int64) - 2)
    return np.sign(scaled) * (np.abs(scaled) // FPS)


def mel_batches(samples: Floats, batch: int) -> Iterator[npt.NDArray[np.float32]]:
    """Yields the windows (F, 1, 80, 16) of `mel_windows`, at most `batch` frames at a time."""
    frames = frame_count(len(samples))
    if frames == 0:
        return
    mel = mel_spectrogram(samples[: frames * SAMPLES_PER_FRAME]).astype(np.float32)
    starts = window_starts(frames)
    for first in range(0, frames, batch):
        columns = starts[first : first + batch, None] + np.arange(WINDOW_COLUMNS)
        windows = mel[:, np.clip(columns, 0, mel.shape[1] - 1)]
        yield np.ascontiguousarray(windows.transpose(1, 0, 2)[:, None])


def mel_windows(samples: Floats) -> npt.NDArray[np.float32]:
    """Returns the windows (F, 1, 80, 16) of mono 16 kHz sound, F = n // 640; columns beyond either end repeat the edge
    column.
    """
    none = np.zeros((0, 1, BANDS, WINDOW_COLUMNS), dtype=np.float32)
    return next(mel_batches(samples, max(1, frame_count(len(samples)))), none)
