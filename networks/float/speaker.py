"""FLOAT at work: a face picture, a sound and an emotion become frames, a stretch of 50 at a time.

The picture is encoded once; each stretch of motion is sampled and at once decoded, a few frames at a time, so memory
does not grow with the length of the sound but for its conditions (2 kB a frame).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from harness.batches import batch
from harness.method import Frame
from networks.edtalk.frames import picture_input
from networks.edtalk.talker import enlarged
from networks.float.conditions import frames_of, normalised
from networks.float.networks import FloatNetworks
from networks.float.sampler import Guidance, Speech, noise_for, tracks

Wave = npt.NDArray[np.float32]  # (n,) samples at 16 kHz in [-1, 1)

#: Frames decoded at a time on a GPU; on a CPU one at a time is fastest.
_BATCH_FRAMES = 8
_BATCH_BYTES = 4e8  # of a frame in a batch: EDTalk's were measured (docs/speed.md), these have four times the pixels


class Speaker:
    """FLOAT's networks on one device. Call its methods without recording gradients.

    least: smaller frames are enlarged to this many px.
    """

    def __init__(self, networks: FloatNetworks, device: str = "cpu", least: int = 1) -> None:
        self._networks = networks.to(device)
        self._device = device
        self._least = least

    @property
    def size(self) -> int:
        """Returns the edge of the pictures in px."""
        return self._networks.motion_autoencoder.size

    def emotion(self, wave: Wave) -> Tensor:
        """Returns (1, 7) emotion probabilities of (n,) samples at 16 kHz, in the order of `conditions.EMOTIONS`."""
        probabilities: Tensor = self._networks.emotion_encoder(self._normalised(wave))
        return probabilities

    def noise(self, samples: int, seed: int, repeated: bool = False) -> Tensor:
        """Returns the start of every stretch for a sound of this many samples; see `sampler.noise_for`."""
        return noise_for(self._networks.fmt, frames_of(samples), seed, repeated)

    def frames(self, picture: Frame, wave: Wave, emotion: Tensor, noise: Tensor, guidance: Guidance) -> Iterator[Frame]:
        """Yields ceil(n / 640) uint8 frames (size, size, 3), or of `least` px, of (n,) samples at 16 kHz, n >= 400.

        picture: uint8 RGB (size, size, 3), the cropped face; emotion: (1, 7). Raises FloatingPointError where the
        networks' motion is not finite.
        """
        autoencoder = self._networks.motion_autoencoder
        portrait = autoencoder.portrait(picture_input(picture, self.size).to(self._device))
        audio = self._networks.audio_encoder(self._normalised(wave), frames_of(len(wave)))
        speech = Speech(audio, portrait.r_s, emotion.to(self._device))
        count = batch(self._device, _BATCH_FRAMES, _BATCH_BYTES)
        for track in tracks(self._networks.fmt, speech, noise, guidance):
            if not bool(torch.isfinite(track).all()):
                raise FloatingPointError("the motion track holds values that are not finite")
            for rows in track.split(count):
                for pictures in enlarged([autoencoder.decode(portrait, rows)], self._least):
                    yield from truncated_pixels(pictures)

    def _normalised(self, wave: Wave) -> Tensor:
        return normalised(torch.from_numpy(wave).to(self._device))


def truncated_pixels(pictures: Tensor) -> npt.NDArray[np.uint8]:
    """Returns (N, H, W, 3) uint8 of (N, 3, H, W): clamped to [-1, 1], mapped onto 0..255, truncated as FLOAT does."""
    mapped = (pictures.float().clamp(-1, 1) + 1) / 2 * 255
    return mapped.to("cpu", torch.uint8).permute(0, 2, 3, 1).contiguous().numpy()
