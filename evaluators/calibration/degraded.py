"""This module makes clips that are poor at their input: too quiet, band-limited, of another frame rate, without a face.

What a clip loses on its way to a judge, and not what a method does wrong: array functions for calibration.corruption.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from harness.media.grids import near
from harness.media.timing import Timing
from harness.records import FPS, SAMPLE_RATE_HZ

Frames = npt.NDArray[np.uint8]
Sound = npt.NDArray[np.float32]
_NO_FACE = 110  # levels of a picture that shows nothing


def louder(sound: Sound, decibels: float) -> Sound:
    """Returns the sound with its gain changed by so many dB, cut where it leaves the range."""
    return np.clip(sound * np.float32(10 ** (decibels / 20)), -1.0, 1.0 - 2.0**-15).astype(np.float32)


def band_limited(sound: Sound, kilohertz: float) -> Sound:
    """Returns the sound without anything above so many kHz, as up-sampling from twice that rate leaves it."""
    spectrum = np.fft.rfft(sound.astype(np.float64))
    spectrum[np.fft.rfftfreq(len(sound), 1 / SAMPLE_RATE_HZ) > 1000 * kilohertz] = 0
    return np.fft.irfft(spectrum, len(sound)).astype(np.float32)


def through_rate(frames: Frames, fps: float) -> Frames:
    """Returns as many frames as were given (n, h, w, 3), after a conversion to `fps` and back to 25."""
    there = _shown(len(frames), FPS, fps)
    back = there[_shown(len(there), fps, FPS)]
    return frames[back[np.minimum(np.arange(len(frames)), len(back) - 1)]]


def faceless(frames: Frames, part: float) -> Frames:
    """Returns the frames with nothing to be seen in the last part (0..1) of them."""
    lost = frames.copy()
    lost[round(len(frames) * (1 - part)) :] = _NO_FACE
    return lost


def _shown(count: int, rate: float, wanted: float) -> npt.NDArray[np.int64]:
    """Which of `count` frames at `rate` stand at each frame of the `wanted` rate."""
    timing = Timing(tuple(k / rate for k in range(count)), 1 / rate, 1e-6)
    return np.repeat(np.arange(count), near(timing, wanted))
