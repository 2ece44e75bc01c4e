"""This module defines the puppets' affect space: an emotion is a point, face and voice are fixed smooth maps of it.

Five axes: valence (displeased … pleased), arousal (calm … excited), tension (yielding … forceful),
aversion (something smells) and irony (one-sided). Basic emotions are well-separated points. Extended
emotions are other points of the same space, a clear distance from every basic one; no recipe ever
renders or speaks them, so what a model does with them is generalisation.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from harness.emotions import BASIC_EMOTIONS
from harness.errors import unknown_name

Array = npt.NDArray[np.float64]

AXES = ("valence", "arousal", "tension", "aversion", "irony")

#: Points of full intensity (level 3), one row an emotion, one column an axis.
POINTS: dict[str, tuple[float, float, float, float, float]] = {
    "angry": (-0.5, 0.7, 1.0, 0.0, 0.0),
    "contempt": (0.0, -0.2, 0.3, 0.2, 1.0),
    "disgusted": (-0.5, -0.1, 0.1, 1.1, 0.0),
    "fear": (-0.6, 0.8, -0.9, 0.0, 0.0),
    "happy": (1.0, 0.5, 0.0, 0.0, 0.0),
    "neutral": (0.0, 0.0, 0.0, 0.0, 0.0),
    "sad": (-0.8, -0.8, -0.4, 0.0, 0.0),
    "surprised": (0.4, 1.1, -0.3, 0.0, -0.4),
    "sarcastic": (0.7, 0.1, 0.3, 0.5, 0.8),
    "envious": (-0.6, -0.5, 0.6, 0.6, 0.5),
    "empathetic": (0.5, -0.6, -0.8, 0.0, 0.0),
    "charismatic": (0.8, 0.7, 0.8, 0.0, 0.2),
}
EXTENDED_EMOTIONS = tuple(name for name in POINTS if name not in BASIC_EMOTIONS)

#: Fraction of the full point that an intensity level (1, 2, 3) shows.
LEVELS = {1: 0.6, 2: 0.8, 3: 1.0}

FACE_UNITS = (
    "brow_inner", "brow_outer", "brow_knit", "lid_raise", "lid_tight", "corner_up", "stretch",
    "upper_lip", "wrinkle", "jaw", "smirk", "brow_skew",
)  # fmt: skip
_FACE = np.array(
    [  # valence arousal tension aversion irony
        [-0.35, 0.10, -0.80, 0.00, 0.00],  # brow_inner: raised in sadness and fear, low in anger
        [0.00, 0.80, -0.60, -0.20, 0.00],  # brow_outer
        [-0.15, 0.10, 0.90, 0.40, 0.00],  # brow_knit
        [-0.10, 0.90, 0.00, -0.25, -0.10],  # lid_raise
        [0.50, -0.30, 0.45, 0.55, 0.25],  # lid_tight
        [1.00, 0.00, -0.20, -0.10, 0.10],  # corner_up
        [0.40, 0.30, -0.40, 0.00, 0.10],  # stretch
        [0.00, 0.00, 0.15, 0.95, 0.00],  # upper_lip
        [0.00, 0.00, 0.20, 1.00, 0.00],  # wrinkle
        [0.20, 0.65, -0.30, -0.10, -0.15],  # jaw
        [0.00, 0.00, 0.00, 0.00, 1.00],  # smirk: one corner pulled up
        [0.00, 0.00, 0.00, 0.00, 0.80],  # brow_skew: the other brow raised
    ]
)

VOICE_UNITS = ("pitch", "range", "rate", "loudness", "brightness", "breath", "tremor", "formant", "rough", "fall")
_VOICE = np.array(
    [  # valence arousal tension aversion irony
        [0.15, 0.90, -0.15, -0.20, -0.10],  # pitch
        [0.60, 0.60, 0.00, 0.00, 0.30],  # range
        [0.10, 0.60, 0.30, -0.30, -0.50],  # rate
        [0.00, 0.80, 0.60, -0.10, -0.10],  # loudness
        [0.20, 0.40, 0.90, 0.10, 0.00],  # brightness
        [0.00, -0.20, -0.70, 0.20, 0.20],  # breath
        [-0.40, 0.30, -0.80, 0.00, 0.00],  # tremor
        [0.90, 0.00, 0.00, -0.50, 0.10],  # formant: smiling shortens the vocal tract
        [-0.10, 0.00, 0.30, 1.00, 0.10],  # rough
        [0.00, -0.20, 0.10, 0.10, 1.00],  # fall: pitch declines through the utterance
    ]
)


def affect_point(emotion: str, intensity: int = 3) -> Array:
    """Returns the point (5,) of `emotion` at level 1..3. Raises UsageError for an unknown name."""
    if emotion not in POINTS:
        raise unknown_name("puppet emotion", emotion, POINTS)
    return np.array(POINTS[emotion]) * LEVELS[intensity]


def face_units(affect: Array) -> Array:
    """Returns facial action units (12,), order FACE_UNITS, of a point (5,); softly bounded to (-1.5, 1.5)."""
    return np.asarray(1.5 * np.tanh(_FACE @ affect / 1.5))


def voice_units(affect: Array) -> Array:
    """Returns vocal units (10,), order VOICE_UNITS, of a point (5,); softly bounded to (-1.5, 1.5)."""
    return np.asarray(1.5 * np.tanh(_VOICE @ affect / 1.5))


def nearest_basic(emotion: str, intensity: int = 3) -> str:
    """Returns the basic emotion whose voice at the same level is nearest: the answer of a speech emotion classifier."""
    voice = voice_units(affect_point(emotion, intensity))
    distance = {
        name: float(np.linalg.norm(voice - voice_units(affect_point(name, intensity)))) for name in BASIC_EMOTIONS
    }
    return min(distance, key=lambda name: distance[name])
