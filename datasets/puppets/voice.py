"""Makes a puppet's voice: harmonics of a glottal source under formants, coloured by who speaks and in which mood.

Additive source-filter synthesis, fully vectorised (about 10 ms a second of sound). Emotion moves pitch,
its range, tempo, loudness, spectral tilt, breath, tremor, roughness, formants and final fall.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from datasets.puppets.affect import VOICE_UNITS, voice_units
from datasets.puppets.identity import Identity, identity
from datasets.puppets.speech import CONTROL_HZ, Articulation, lips, score
from harness.records import FPS, SAMPLE_RATE_HZ

Array = npt.NDArray[np.float64]
Sound = npt.NDArray[np.float32]

_STEP = SAMPLE_RATE_HZ // CONTROL_HZ
_TOP_HZ = 5000.0
_BANDWIDTHS = np.array([80.0, 110.0, 160.0, 260.0])
_LEVEL = 0.055  # amplitude of a neutral voice


@dataclass(frozen=True)
class Utterance:
    """Holds the sound (n,) float32 in [-1, 1), 16 kHz, and the score that it was made from."""

    sound: Sound
    spoken: Articulation
    frames: int

    def lips(self, offset_frames: int = 0) -> Array:
        """Returns mouth (frames, 2); see datasets.puppets.speech.lips."""
        return lips(self.spoken, self.frames, offset_frames)


def _upsampled(track: Array) -> Array:
    """Control track (n, ...) to 16 kHz by straight lines: (n * 80, ...)."""
    following = np.concatenate([track[1:], track[-1:]])
    ramp = (np.arange(_STEP) / _STEP).reshape((1, _STEP) + (1,) * (track.ndim - 1))
    out = track[:, None] + (following - track)[:, None] * ramp
    return np.asarray(out.reshape((-1, *track.shape[1:])))


def _pitch(who: Identity, spoken: Articulation, unit: dict[str, float], rng: np.random.Generator) -> Array:
    count = len(spoken.open)
    seconds = np.arange(count) / CONTROL_HZ
    octaves = 0.42 * unit["pitch"] + 0.03 * rng.normal()
    span = 0.16 * (1.0 + 0.75 * unit["range"])
    contour = octaves + span * (spoken.accent - 0.35)
    contour -= (0.05 + 0.26 * unit["fall"]) * (seconds / seconds[-1] - 0.5)
    contour += (0.006 + 0.045 * max(0.0, unit["tremor"])) * np.sin(2 * np.pi * (6.3 * seconds + rng.random()))
    contour += (0.008 + 0.03 * max(0.0, unit["rough"])) * rng.normal(size=count)
    return np.asarray(who.pitch_hz * 2.0**contour)


def _envelope(frequency: Array, formants: Array) -> Array:
    """Magnitude (n, h) of four resonances (n, 4) at frequencies (n, h)."""
    gain = np.ones_like(frequency)
    for index, width in enumerate(_BANDWIDTHS):
        centre = formants[:, index : index + 1]
        gain *= centre**2 / np.sqrt((centre**2 - frequency**2) ** 2 + (width * frequency) ** 2)
    return gain


def _voiced(who: Identity, spoken: Articulation, unit: dict[str, float], pitch: Array) -> Array:
    harmonics = np.arange(1, int(_TOP_HZ / pitch.min()) + 1)
    frequency = pitch[:, None] * harmonics
    fourth = np.full((len(pitch), 1), 3500.0)
    scale = who.formant_scale * (1.0 + 0.07 * unit["formant"])
    formants = np.concatenate([spoken.formants, fourth], axis=1) * scale
    tilt = 1.15 - 0.42 * unit["brightness"] - 0.25 * who.voice_bright
    gain = _envelope(frequency, formants) * harmonics**-tilt * (frequency < _TOP_HZ)
    gain *= (spoken.open**0.9)[:, None]
    phase = 2 * np.pi * np.cumsum(_upsampled(pitch)) / SAMPLE_RATE_HZ
    turn = np.exp(1j * phase)
    amplitude = _upsampled(gain)
    wave, power = np.zeros(len(phase)), np.ones(len(phase), dtype=complex)
    for index in range(len(harmonics)):
        power = power * turn
        wave += amplitude[:, index] * power.imag
    growl = 1.0 + 0.6 * max(0.0, unit["rough"]) * np.sin(phase / 2)
    return wave * growl


def speak(number: int, affect: Array, frames: int, seed: tuple[int, ...]) -> Utterance:
    """Returns an utterance of `frames` video frames (640 samples each) by puppet `number` in mood `affect` (5,).

    `seed` fixes the syllables; the same seed in another mood or voice says the same syllables (at that tempo).
    """
    who, rng = identity(number), np.random.default_rng(seed)
    unit = dict(zip(VOICE_UNITS, (float(v) for v in voice_units(affect)), strict=True))
    spoken = score(frames / FPS, 1.0 + 0.28 * unit["rate"], rng)
    pitch = _pitch(who, spoken, unit, rng)
    wave = _voiced(who, spoken, unit, pitch)
    noise = rng.normal(size=len(wave))
    breath = 0.10 * max(0.0, 0.35 + who.voice_breath + 1.1 * unit["breath"])
    wave += breath * _upsampled(spoken.open) * noise
    wave[1:] += 0.5 * _upsampled(spoken.hiss)[1:] * np.diff(noise)
    wave *= _LEVEL * 10.0 ** (6.5 * unit["loudness"] / 20.0)
    wave += 4e-4 * rng.normal(size=len(wave))  # the room
    return Utterance(np.tanh(wave).astype(np.float32), spoken, frames)
