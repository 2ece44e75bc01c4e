"""This module corrupts a clip in exactly one way, with graded strength.

A corruption is a pure function of a clip's frames and sound, of a strength and of a donor (another clip, for
swapped parts). Strength 0 is always the uncorrupted clip. Units of strength are part of each corruption's facts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evaluators.calibration import degraded
from harness.records import SAMPLES_PER_FRAME

Frames = npt.NDArray[np.uint8]  # (n, height, width, 3) RGB
Sound = npt.NDArray[np.float32]  # (samples,) 16 kHz mono


@dataclass(frozen=True)
class Take:
    """Holds a clip in memory: frames at 25 fps and 16 kHz mono sound."""

    frames: Frames
    sound: Sound


@dataclass(frozen=True)
class Donors:
    """Holds the clips that swapped parts come from; None where this data has no such clip."""

    sound: Take | None = None  # any other clip
    identity: Take | None = None  # another person, same emotion where possible
    emotion: Take | None = None  # same person where possible, another emotion
    scaled: Callable[[float], Take] | None = None  # the clip rendered at another emotional intensity (puppets)


Apply = Callable[[Take, float, Donors, np.random.Generator], Take]


@dataclass(frozen=True)
class Corruption:
    """Describes one kind of corruption. `strengths` in `unit`, without the uncorrupted 0; `donor` names the Donors
    field it needs.
    """

    name: str
    title: str
    unit: str
    strengths: tuple[float, ...]
    apply: Apply
    donor: str = ""
    baseline: float = 0.0  # the strength at which nothing is corrupted


def shifted_sound(take: Take, strength: float, donors: Donors, rng: np.random.Generator) -> Take:
    """Returns the clip with its sound `strength` frames late (negative: early); missing sound is silent."""
    shift = round(strength * SAMPLES_PER_FRAME)
    sound = np.zeros_like(take.sound)
    kept = max(0, len(sound) - abs(shift))
    if shift >= 0:
        sound[shift : shift + kept] = take.sound[:kept]
    else:
        sound[:kept] = take.sound[-shift : -shift + kept]
    return Take(take.frames, sound)


def other_sound(take: Take, strength: float, donors: Donors, rng: np.random.Generator) -> Take:
    """Returns the clip with the last part `strength` (0..1) of the sound from another clip."""
    assert donors.sound is not None
    cut = round(len(take.sound) * (1 - strength))
    other = np.resize(donors.sound.sound, len(take.sound)).astype(np.float32)
    return Take(take.frames, np.concatenate([take.sound[:cut], other[cut:]]))


def blurred(take: Take, strength: float, donors: Donors, rng: np.random.Generator) -> Take:
    """Returns the clip under a Gaussian blur of sigma `strength` px of a 256 px picture."""
    import cv2

    sigma = strength * take.frames.shape[1] / 256
    return _each(take, lambda frame: np.asarray(cv2.GaussianBlur(frame, (0, 0), sigma)))


def noisy(take: Take, strength: float, donors: Donors, rng: np.random.Generator) -> Take:
    """Returns the clip under Gaussian noise of standard deviation `strength` levels, new in each frame."""

    def grain(frame: Frames) -> Frames:
        noise = rng.standard_normal(frame.shape, dtype=np.float32) * np.float32(strength)
        return np.clip(frame + noise, 0, 255).round().astype(np.uint8)

    return _each(take, grain)


def compressed(take: Take, strength: float, donors: Donors, rng: np.random.Generator) -> Take:
    """Returns the clip after JPEG of quality 100 - `strength`, frame by frame: every codec's loss in small."""
    import cv2

    def squeezed(frame: Frames) -> Frames:
        _, data = cv2.imencode(".jpg", frame[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, round(100 - strength)])
        return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), dtype=np.uint8)[..., ::-1]

    return _each(take, squeezed)


def frozen(take: Take, strength: float, donors: Donors, rng: np.random.Generator) -> Take:
    """Returns the clip whose picture stands still for its last part `strength` (0..1) while the sound goes on."""
    last = max(0, round(len(take.frames) * (1 - strength)) - 1)
    return Take(take.frames[np.minimum(np.arange(len(take.frames)), last)], take.sound)


def dropped(take: Take, strength: float, donors: Donors, rng: np.random.Generator) -> Take:
    """Returns the clip with a random part `strength` (0..1) of its frames replaced by the frame before; its length
    stays.
    """
    lost = rng.random(len(take.frames)) < strength
    lost[0] = False
    index = np.maximum.accumulate(np.where(lost, 0, np.arange(len(take.frames))))
    return Take(take.frames[index], take.sound)


def other_identity(take: Take, strength: float, donors: Donors, rng: np.random.Generator) -> Take:
    """Returns the clip with another person in the last part `strength` (0..1) of its frames."""
    assert donors.identity is not None
    return _swapped(take, donors.identity, strength)


def other_emotion(take: Take, strength: float, donors: Donors, rng: np.random.Generator) -> Take:
    """Returns the clip with another emotion in the last part `strength` (0..1) of its frames."""
    assert donors.emotion is not None
    return _swapped(take, donors.emotion, strength)


def intensity(take: Take, strength: float, donors: Donors, rng: np.random.Generator) -> Take:
    """Returns the clip rendered anew at `strength` of its true emotional intensity (1: ground truth, 0: neutral)."""
    assert donors.scaled is not None
    return donors.scaled(strength)


def drifted(take: Take, strength: float, donors: Donors, rng: np.random.Generator) -> Take:
    """Returns the clip with its crop moving to a corner by `strength` (part of the width) until the last frame; edges
    repeat.
    """
    import cv2

    height, width = take.frames.shape[1:3]
    moved = np.empty_like(take.frames)
    for k, frame in enumerate(take.frames):
        part = strength * k / max(1, len(take.frames) - 1)
        matrix = np.array([[1, 0, part * width], [0, 1, part * height]], dtype=np.float64)
        moved[k] = cv2.warpAffine(frame, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
    return Take(moved, take.sound)


def stretched(take: Take, strength: float, donors: Donors, rng: np.random.Generator) -> Take:
    """Returns the clip with its contrast times 1 + `strength` about mid-grey."""
    return _each(take, lambda frame: np.clip((frame - 127.5) * (1 + strength) + 127.5, 0, 255).round().astype(np.uint8))


def gained(take: Take, strength: float, donors: Donors, rng: np.random.Generator) -> Take:
    """Returns the clip with its sound's gain changed by `strength` dB."""
    return Take(take.frames, degraded.louder(take.sound, strength))


def muffled(take: Take, strength: float, donors: Donors, rng: np.random.Generator) -> Take:
    """Returns the clip with no sound above `strength` kHz."""
    return Take(take.frames, degraded.band_limited(take.sound, strength))


def rerated(take: Take, strength: float, donors: Donors, rng: np.random.Generator) -> Take:
    """Returns the clip after a conversion to `strength` frames a second and back."""
    return Take(degraded.through_rate(take.frames, strength), take.sound)


def face_lost(take: Take, strength: float, donors: Donors, rng: np.random.Generator) -> Take:
    """Returns the clip without a face in its last part `strength` (0..1)."""
    return Take(degraded.faceless(take.frames, strength), take.sound)


def _each(take: Take, change: Callable[[Frames], Frames]) -> Take:
    """The take with every frame changed by itself: one frame of working memory."""
    frames = np.empty_like(take.frames)
    for k, frame in enumerate(take.frames):
        frames[k] = change(frame)
    return Take(frames, take.sound)


def _swapped(take: Take, donor: Take, strength: float) -> Take:
    """The take with the last part of its frames from a donor, scaled to its size and repeated to its length."""
    first = round(len(take.frames) * (1 - strength))
    frames = take.frames.copy()
    for k in range(first, len(frames)):
        frames[k] = _fitted(donor.frames[k % len(donor.frames)], (frames.shape[1], frames.shape[2]))
    return Take(frames, take.sound)


def _fitted(frame: Frames, size: tuple[int, int]) -> Frames:
    if frame.shape[:2] == size:
        return frame
    import cv2

    return np.asarray(cv2.resize(frame, size[::-1], interpolation=cv2.INTER_AREA), dtype=np.uint8)


_PARTS = (0.25, 0.5, 1.0)

#: Every corruption, in the order of the page.
CORRUPTIONS: dict[str, Corruption] = {
    corruption.name: corruption
    for corruption in (
        Corruption("sound_shift", "Sound shifted", "frames", (-8, -5, -2, -1, 1, 2, 5, 8), shifted_sound),
        Corruption("other_sound", "Other sound", "part", _PARTS, other_sound, "sound"),
        Corruption("blur", "Blur", "px", (1.0, 2.0, 4.0, 8.0), blurred),
        Corruption("noise", "Noise", "levels", (5.0, 15.0, 40.0), noisy),
        Corruption("compression", "Compression", "100 − JPEG quality", (30.0, 70.0, 90.0, 97.0), compressed),
        Corruption("freeze", "Frames frozen", "part", _PARTS, frozen),
        Corruption("drop", "Frames dropped", "part", (0.2, 0.5, 0.8), dropped),
        Corruption("identity", "Identity swapped", "part", _PARTS, other_identity, "identity"),
        Corruption("emotion", "Emotion swapped", "part", _PARTS, other_emotion, "emotion"),
        Corruption("intensity", "Intensity scaled", "of the truth", (0.0, 0.5, 1.5), intensity, "scaled", 1.0),
        Corruption("drift", "Crop drifted", "part of the width", (0.05, 0.1, 0.2), drifted),
        Corruption("contrast", "Contrast stretched", "part", (0.2, 0.5, 1.0), stretched),
        Corruption("gain", "Sound quieter or louder", "dB", (-30.0, -20.0, -6.0, 6.0), gained),
        Corruption("band", "Sound band-limited", "kHz", (1.0, 2.0, 4.0), muffled, baseline=8.0),
        Corruption("frame_rate", "Frame rate converted", "fps", (10.0, 15.0, 20.0), rerated, baseline=25.0),
        Corruption("face_loss", "Face lost", "part", (0.1, 0.25, 0.5), face_lost),
    )
}


def corrupted(take: Take, corruption: Corruption, strength: float, donors: Donors, rng: np.random.Generator) -> Take:
    """Returns the take under this corruption; itself at the strength that corrupts nothing."""
    if strength == corruption.baseline:
        return take
    return corruption.apply(take, strength, donors, rng)


def possible(corruption: Corruption, donors: Donors) -> bool:
    """Says whether the donor that this corruption needs is there."""
    return not corruption.donor or getattr(donors, corruption.donor) is not None
