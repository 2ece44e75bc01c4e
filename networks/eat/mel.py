"""EAT hears sound as 80 mel bands, 25 columns a second: one column a frame.

A column is the power of one frame of sound (Hann window of 640 samples, spectrum of 2048 points) under triangles on the
HTK mel scale from 0 to 8000 Hz. All of it is computed in float32, as torchaudio's `MelSpectrogram` does, whose rounding
the recorded values hold (docs/reference/methods.md, 'EAT').
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from harness.records import SAMPLE_RATE_HZ, SAMPLES_PER_FRAME

BANDS = 80
N_FFT = 2048
LEAST_SAMPLES = N_FFT // 2 + 1  # fewer cannot be reflected at both ends
_FLOOR = 1e-5


def _filters(bands: int) -> Tensor:
    """(N_FFT / 2 + 1, bands): triangles of height 1, computed on the CPU, so that they are the same everywhere."""
    top_hz = SAMPLE_RATE_HZ / 2
    mels = torch.linspace(0, 2595 * math.log10(1 + top_hz / 700), bands + 2)
    corners_hz = 700 * (10 ** (mels / 2595) - 1)
    slopes = corners_hz[None] - torch.linspace(0, top_hz, N_FFT // 2 + 1)[:, None]
    widths = corners_hz.diff()
    return torch.minimum(-slopes[:, :-2] / widths[:-1], slopes[:, 2:] / widths[1:]).clamp(min=0)


def mel_power(wave: Tensor, bands: int = BANDS) -> Tensor:
    """Returns (bands, 1 + n // 640) band powers of (n,) samples at 16 kHz in [-1, 1), n >= LEAST_SAMPLES."""
    window = torch.hann_window(SAMPLES_PER_FRAME, device=wave.device)
    spectrum = torch.stft(
        wave.float(), N_FFT, SAMPLES_PER_FRAME, SAMPLES_PER_FRAME, window, center=True, pad_mode="reflect",
        return_complex=True,
    )  # fmt: skip
    power = spectrum.abs() ** 2
    return (power.T @ _filters(bands).to(wave.device)).T


def normalised_mel(wave: Tensor, bands: int = BANDS) -> Tensor:
    """Returns (bands, 1 + n // 640) values of (n,) samples as EAT takes them: (ln(power + 1e-5) + 4) / 4."""
    return ((mel_power(wave, bands) + _FLOOR).log() + 4) / 4
