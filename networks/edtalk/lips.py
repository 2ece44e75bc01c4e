"""Lip codes come from sound: mel windows through Audio2Lip, then the smoothing that EDTalk applies to every lip
track.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from networks.edtalk.audio2lip import Audio2Lip
from networks.edtalk.mel import Floats, mel_batches


def gaussian_weights(kernel: int = 3, sigma: float = 1.0) -> Tensor:
    """Returns (kernel,) float32 weights exp(-x^2 / 2 sigma^2) around the middle tap, of sum 1."""
    offsets = np.arange(kernel) - kernel // 2
    weights = np.exp(-(offsets**2) / (2 * sigma**2))
    return torch.from_numpy((weights / weights.sum()).astype(np.float32))


def smooth(track: Tensor, kernel: int = 3, sigma: float = 1.0, weights: Sequence[float] | None = None) -> Tensor:
    """Returns a track (F, D) with each column filtered over time; `weights` replaces the Gaussian of odd size `kernel`.

    Beyond the ends the track counts as zero, so the first and the last frames shrink: the official behaviour.
    """
    taps = gaussian_weights(kernel, sigma) if weights is None else torch.tensor(weights, dtype=torch.float32)
    columns = track.shape[1]
    filter_ = taps.to(track)[None, None].expand(columns, 1, -1)
    return F.conv1d(track.T[None], filter_, padding=len(taps) // 2, groups=columns)[0].T


def lips_from_audio(model: Audio2Lip, samples: Floats, batch: int = 64, smoothed: bool = True) -> Tensor:
    """Returns lip codes (F, lip) at 25 fps of mono 16 kHz sound (n,), F = n // 640, on the model's device, without
    gradients.

    Frames do not depend on each other; `batch` windows are evaluated at a time, so memory stays small for long sound.
    """
    device = model.mapping.weight.device
    with torch.no_grad():
        parts = [model(torch.from_numpy(piece).to(device)) for piece in mel_batches(samples, batch)]
    codes = torch.cat(parts) if parts else torch.zeros(0, model.mapping.out_features, device=device)
    return smooth(codes) if smoothed and len(codes) else codes
