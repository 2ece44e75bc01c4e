"""This module augments pictures as lossy coding and a small generator change them, for judges that must not mind.

The demo generator draws 128 px or softer and clips are H.264; a judge trained on clean pictures alone would judge
softness instead of faces.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.uint8]

_CLEAN_SHARE, _HALF_SHARE = 0.3, 0.35  # of clips: as rendered, at half size as the generator writes; else softer


@dataclass(frozen=True)
class Augmentation:
    """Changes every frame of one clip alike: through `neck` px, blurred by `sigma` px, to `side` px, then coded."""

    side: int
    neck: int
    sigma: float
    quality: int
    gain: float
    shift: float

    def __call__(self, frame: Picture) -> Picture:
        """Returns the augmented picture (side, side, 3) of a picture (h, h, 3)."""
        if self.neck < len(frame):
            frame = _resized(frame, self.neck)
        if self.sigma > 0:
            frame = np.asarray(cv2.GaussianBlur(frame, (0, 0), self.sigma), np.uint8)
        frame = _resized(frame, self.side)
        if (self.gain, self.shift) != (1.0, 0.0):
            frame = np.asarray(cv2.convertScaleAbs(frame, alpha=self.gain, beta=self.shift), np.uint8)
        _, coded = cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, self.quality])
        return np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)


def random_augmentation(rng: np.random.Generator) -> Augmentation:
    """Returns a random augmentation: as rendered (256 px), as a sharp small generator draws (128 px), or softer; then
    coding and light.
    """
    coin, neck, sigma, side = rng.random(), 256, 0.0, 256
    if coin > _CLEAN_SHARE:
        neck, side = 128, int(rng.choice([128, 128, 256]))
    if coin > _CLEAN_SHARE + _HALF_SHARE:
        neck, sigma = int(rng.integers(56, 129)), float(rng.uniform(0.0, 0.9))
    gain, shift = (1.0, 0.0) if rng.random() < 0.4 else (float(rng.uniform(0.92, 1.06)), float(rng.uniform(-8, 8)))
    return Augmentation(side, neck, sigma, int(rng.integers(45, 96)), gain, shift)


def _resized(frame: Picture, side: int) -> Picture:
    if len(frame) == side:
        return frame
    how = cv2.INTER_AREA if len(frame) > side else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(frame, (side, side), interpolation=how), np.uint8)
