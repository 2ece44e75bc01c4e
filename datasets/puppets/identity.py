"""This module says who a puppet is: the traits of face and voice are a pure function of its number."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

TRAIN_IDENTITIES = range(64)  # seen by the training recipes
TEST_IDENTITIES = range(64, 128)  # never seen by them
EXTRA_IDENTITIES = range(128, 320)  # more faces for training the judges, in no test list

_SKIN = (
    (255, 224, 196),
    (241, 194, 150),
    (224, 172, 120),
    (198, 134, 86),
    (150, 96, 60),
    (104, 66, 44),
    (250, 208, 184),
)
_HAIR = ((28, 24, 24), (70, 42, 26), (120, 74, 36), (196, 150, 84), (160, 60, 28), (150, 150, 152), (226, 210, 170))
_IRIS = ((70, 44, 24), (50, 90, 150), (64, 110, 70), (110, 80, 40), (90, 110, 120))
_CLOTH = ((44, 62, 110), (150, 48, 52), (46, 110, 90), (210, 200, 190), (60, 60, 64), (190, 140, 50), (110, 70, 130))
_BACK = (
    (196, 210, 222),
    (222, 206, 186),
    (188, 208, 190),
    (206, 196, 216),
    (228, 226, 220),
    (150, 170, 190),
    (214, 180, 170),
)

Colour = tuple[float, float, float]


@dataclass(frozen=True)
class Identity:
    """Holds the traits of one puppet. Lengths are factors of the average face; colours are RGB 0..255."""

    number: int
    skin: Colour
    lips: Colour
    hair: Colour
    iris: Colour
    cloth: Colour
    back: Colour
    face_width: float
    jaw: float
    chin: float
    eye_gap: float
    eye_size: float
    eye_tilt: float
    brow_thick: float
    brow_height: float
    nose_width: float
    nose_length: float
    mouth_width: float
    lip_full: float
    mouth_low: float
    hair_style: int  # 0 short, 1 side part, 2 fringe, 3 receding
    hair_long: float  # 0 short … 1 to the shoulders
    stubble: float
    freckles: float
    light: float  # -1 from the left … 1 from the right
    pitch_hz: float
    formant_scale: float
    voice_bright: float
    voice_breath: float

    @property
    def name(self) -> str:
        """Returns the file-name safe name, e.g. `p064`."""
        return f"p{self.number:03d}"


def _near(
    rng: np.random.Generator, palette: tuple[Colour, ...] | tuple[tuple[int, int, int], ...], spread: float
) -> Colour:
    colour = np.array(palette[int(rng.integers(len(palette)))], dtype=float) + rng.normal(0.0, spread, 3)
    r, g, b = np.clip(colour, 8, 250)
    return float(r), float(g), float(b)


def identity(number: int) -> Identity:
    """Returns the puppet of this number (0..127; any non-negative number works)."""
    rng = np.random.default_rng([2024, number])
    skin = _near(rng, _SKIN, 6.0)
    low = number % 2 == 0  # a low voice and, more often, short hair; a high voice otherwise
    redness = rng.uniform(0.25, 0.75)
    lips = tuple(float(s * f) for s, f in zip(skin, (0.88, 0.62 - 0.22 * redness, 0.62 - 0.14 * redness), strict=True))
    return Identity(
        number=number,
        skin=skin,
        lips=(lips[0], lips[1], lips[2]),
        hair=_near(rng, _HAIR, 8.0),
        iris=_near(rng, _IRIS, 8.0),
        cloth=_near(rng, _CLOTH, 12.0),
        back=_near(rng, _BACK, 8.0),
        face_width=rng.uniform(0.92, 1.08),
        jaw=rng.uniform(0.0, 1.0),
        chin=rng.uniform(0.95, 1.06),
        eye_gap=rng.uniform(0.92, 1.08),
        eye_size=rng.uniform(0.9, 1.15),
        eye_tilt=rng.uniform(-1.2, 1.8),
        brow_thick=rng.uniform(0.7, 1.4),
        brow_height=rng.uniform(-2.0, 2.0),
        nose_width=rng.uniform(0.8, 1.25),
        nose_length=rng.uniform(0.92, 1.08),
        mouth_width=rng.uniform(0.9, 1.12),
        lip_full=rng.uniform(0.75, 1.3),
        mouth_low=rng.uniform(-2.0, 2.5),
        hair_style=int(rng.integers(4)),
        hair_long=float(rng.uniform(0.0, 0.3) if low else rng.uniform(0.3, 1.0)),
        stubble=float(rng.uniform(0.0, 0.5) if low else 0.0),
        freckles=float(max(0.0, rng.uniform(-1.0, 1.0))),
        light=float(rng.uniform(-0.8, 0.8)),
        pitch_hz=float(rng.uniform(95, 140) if low else rng.uniform(175, 245)),
        formant_scale=float(rng.uniform(0.9, 1.0) if low else rng.uniform(1.05, 1.18)),
        voice_bright=float(rng.uniform(-0.3, 0.3)),
        voice_breath=float(rng.uniform(0.0, 0.4)),
    )
