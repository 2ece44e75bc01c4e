"""This module makes a puppet's words: syllables, and from them how far the vowel opens the mouth, frame by frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.records import FPS

Array = npt.NDArray[np.float64]

CONTROL_HZ = 200  # rate of every control track

#: Vowel: first three formants in Hz of an average low voice, mouth opening 0..1, mouth width -1..1.
VOWELS: tuple[tuple[float, float, float, float, float], ...] = (
    (730, 1200, 2500, 1.00, 0.10),  # a
    (560, 1780, 2500, 0.70, 0.55),  # e
    (300, 2250, 3000, 0.45, 0.95),  # i
    (480, 880, 2400, 0.65, -0.60),  # o
    (320, 760, 2250, 0.38, -1.00),  # u
    (660, 1700, 2450, 0.85, 0.40),  # ae
    (500, 1350, 1750, 0.55, -0.15),  # er
)


@dataclass(frozen=True)
class Articulation:
    """Holds the control tracks of one utterance, (n,) at 200 Hz: `open` 0..1, `wide` -1..1, `hiss` 0..1 (consonant
    noise), `accent` 0..1 (stress bumps), and `formants` (n, 3) Hz of an average low voice."""

    open: Array
    wide: Array
    hiss: Array
    accent: Array
    formants: Array


def _smooth(track: Array, width_s: float) -> Array:
    reach = max(1, round(3 * width_s * CONTROL_HZ))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / (width_s * CONTROL_HZ)) ** 2)
    padded = np.pad(track, [(reach, reach)] + [(0, 0)] * (track.ndim - 1), mode="edge")
    if track.ndim == 1:
        return np.convolve(padded, kernel / kernel.sum(), mode="valid")
    return np.stack([np.convolve(column, kernel / kernel.sum(), mode="valid") for column in padded.T], axis=1)


def score(seconds: float, rate: float, rng: np.random.Generator) -> Articulation:
    """Returns random syllables for `seconds`; `rate` is the tempo (1.0: about 4.5 syllables a second)."""
    count = round(seconds * CONTROL_HZ)
    opened, wide, hiss, accent = (np.zeros(count) for _ in range(4))
    formants = np.tile(np.array([500.0, 1500.0, 2500.0]), (count, 1))
    at, left, vowel = float(rng.uniform(0.0, 0.12)), int(rng.integers(2, 5)), -1
    while at < seconds:
        vowel = int((vowel + rng.integers(1, len(VOWELS))) % len(VOWELS))
        closure, length = rng.uniform(0.04, 0.08) / rate, rng.uniform(0.10, 0.24) / rate
        first, start, stop = (int(s * CONTROL_HZ) for s in (at, at + closure, at + closure + length))
        if rng.random() < 0.45:
            hiss[first:start] = rng.uniform(0.4, 1.0)
        stress = rng.uniform(0.55, 1.0)
        opened[start:stop], wide[start:stop] = VOWELS[vowel][3] * stress, VOWELS[vowel][4]
        accent[start:stop] = (stress - 0.55) / 0.45
        formants[first:stop] = VOWELS[vowel][:3]
        at, left = at + closure + length, left - 1
        if left == 0:  # between words
            pause = rng.uniform(0.06, 0.22) / rate
            at, left = at + pause, int(rng.integers(2, 5))
    return Articulation(
        _smooth(opened, 0.022),
        _smooth(wide, 0.03),
        _smooth(hiss, 0.006),
        _smooth(accent, 0.04),
        _smooth(formants, 0.02),
    )


def lips(spoken: Articulation, frames: int, offset_frames: int = 0) -> Array:
    """Returns mouth (frames, 2) = open, wide, at the centres of the frames.

    `offset_frames` k > 0 plants a known fault: the mouth follows the sound k frames late (k < 0: early).
    """
    centres = (np.arange(frames) - offset_frames + 0.5) / FPS * CONTROL_HZ
    times = np.arange(len(spoken.open)) + 0.5
    return np.stack([np.interp(centres, times, spoken.open), np.interp(centres, times, spoken.wide)], axis=1)
