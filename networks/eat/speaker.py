"""EAT at work: a face picture, a sound, a pose clip and an emotion become frames, a few at a time.

The pose clip is read once and gives a head pose a frame; keypoints are computed for the whole clip, since they are
moved so that their mean is the portrait's, and frames are painted one batch after the other. Memory grows by 17 kB a
frame, for pose pictures, and by no frame.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from harness import liveness
from harness.batches import batch
from harness.media import to_pcm16
from harness.method import Frame
from networks.eat import deepspeech
from networks.eat.eat import Eat
from networks.eat.keypoint_motion import deformation, hull_volume, placed, recentred
from networks.eat.keypoints import Face
from networks.eat.mapping import EMOTIONS
from networks.eat.mel import normalised_mel
from networks.eat.pose_network import HeadPose
from networks.eat.pose_pictures import pose_pictures
from networks.eat.windows import Tracks, windows
from networks.edtalk.frames import resized
from networks.edtalk.talker import enlarged

Wave = npt.NDArray[np.float32]  # (n,) samples at 16 kHz in [-1, 1)

#: Frames painted, and heads and windows looked at, at a time on a GPU; on a CPU one at a time.
_BATCH_FRAMES = 8
_BATCH_BYTES = 1e9  # of a frame in a batch: the generator's volume of 16 x 64 x 64 in 32 channels, several times


@dataclass(frozen=True)
class Heads:
    """Holds a clip's head poses, one row a frame, and their pictures (n, 1, 64, 64)."""

    pose: HeadPose
    pictures: Tensor

    def __len__(self) -> int:
        return len(self.pictures)


class Speaker:
    """EAT's networks on one device. Call its methods without recording gradients.

    least: smaller frames are enlarged to this many px.
    """

    def __init__(self, eat: Eat, device: str = "cpu", least: int = 1) -> None:
        self._eat = eat.to(device)
        self._networks = eat.networks
        self._device = device
        self._least = least

    @property
    def batch(self) -> int:
        """Returns how many frames are looked at or painted at a time."""
        return batch(self._device, _BATCH_FRAMES, _BATCH_BYTES)

    def noise(self, seed: int) -> Tensor:
        """Returns the noise (1, 16) of a clip: standard normal, drawn on the CPU, a function of the seed alone."""
        return torch.randn(1, self._networks.emotionprompt.noise, generator=torch.Generator().manual_seed(seed))

    def heads(self, chunks: Iterable[npt.NDArray[np.uint8]]) -> Heads:
        """Returns the head poses of a clip whose frames come as chunks (k, h, h, 3), RGB."""
        seen = []
        for chunk in chunks:
            liveness.alive()
            seen.append(self._networks.he_estimator(self._pictures(chunk)))
        fields = ("yaw", "pitch", "roll", "t", "exp")
        pose = HeadPose(*(torch.cat([getattr(part, name) for part in seen]) for name in fields))
        return Heads(pose, pose_pictures(pose.yaw, pose.pitch, pose.roll, pose.t))

    def tracks(self, wave: Wave, heads: Heads) -> Tracks:
        """Returns what the sound network sees of a whole clip: (n,) samples at 16 kHz, n >= 1025, and head poses."""
        mel = normalised_mel(torch.from_numpy(wave).to(self._device), self._networks.bands).T
        return Tracks(mel, deepspeech.windows(self._eat.deepspeech, to_pcm16(wave)), heads.pictures)

    def frames(
        self, picture: Frame, tracks: Tracks, heads: Heads, label: str, noise: Tensor, count: int
    ) -> Iterator[Frame]:
        """Yields `count` uint8 frames (size, size, 3), or of `least` px; at most as many as the pose clip has.

        picture: uint8 RGB (h, h, 3), the cropped portrait; label: one of `mapping.EMOTIONS`; noise: (1, 16). Raises
        FloatingPointError where keypoints are not finite or the portrait's span no volume.
        """
        networks, portrait = self._networks, self._pictures(picture[None])
        prompts = networks.emotionprompt(noise.to(self._device), EMOTIONS.index(label))
        face, own = networks.kp_detector(portrait), networks.he_estimator(portrait)
        at_rest = placed(face.keypoints, own, own.exp)
        offsets = self._offsets(face, tracks, heads, prompts, count)
        keypoints = recentred(placed(face.keypoints, _rows(heads.pose, 0, count), offsets), at_rest)
        if not bool(torch.isfinite(keypoints).all()):
            raise FloatingPointError("the keypoints hold values that are not finite")
        held = networks.generator.portrait(portrait, at_rest, prompts[:, 0])
        for rows in keypoints.split(self.batch):
            for pictures in enlarged([networks.generator.frames(held, rows)], self._least):
                yield from truncated_pixels(pictures)

    def offsets(self, picture: Frame, tracks: Tracks, heads: Heads, label: str, noise: Tensor, count: int) -> Tensor:
        """Returns where sound and emotion move the keypoints of `count` frames: (count, 45). See `frames`."""
        face = self._networks.kp_detector(self._pictures(picture[None]))
        prompts = self._networks.emotionprompt(noise.to(self._device), EMOTIONS.index(label))
        return self._offsets(face, tracks, heads, prompts, count)

    def _offsets(self, face: Face, tracks: Tracks, heads: Heads, prompts: Tensor, count: int) -> Tensor:
        modulated = self._networks.audio2kptransformer.modulated(face.map, prompts[:, 0])
        emotional = self._networks.sidetuning(modulated, prompts)
        coefficients = self._coefficients(tracks, heads, modulated, prompts, count)
        return deformation(coefficients, self._eat.basis, self._eat.mean, emotional, _volume(face.keypoints[0]))

    def _coefficients(self, tracks: Tracks, heads: Heads, face: Tensor, prompts: Tensor, count: int) -> Tensor:
        """(count, 32) of the sound network, a batch of windows at a time."""
        found = []
        for first in range(0, count, self.batch):
            liveness.alive()
            stop = min(first + self.batch, count)
            cut, pose = windows(tracks, self._eat.padding, first, stop), _rows(heads.pose, first, stop)
            seen = (part.to(self._device) for part in (cut.mel, cut.deep, cut.pictures))
            found.append(self._networks.audio2kptransformer(*seen, pose, face, prompts))
        return torch.cat(found)

    def _pictures(self, frames: npt.NDArray[np.uint8]) -> Tensor:
        """(N, 3, size, size) in [0, 1] of RGB frames, brought to that size."""
        sized = np.stack([resized(frame, self._networks.size) for frame in frames])
        return torch.from_numpy(sized).to(self._device).permute(0, 3, 1, 2).float() / 255


def _volume(keypoints: Tensor) -> float:
    try:
        return hull_volume(keypoints)
    except ValueError as error:
        raise FloatingPointError(str(error)) from error


def _rows(pose: HeadPose, first: int, stop: int) -> HeadPose:
    """The poses of frames first .. stop - 1."""
    return HeadPose(*(part[first:stop] for part in (pose.yaw, pose.pitch, pose.roll, pose.t, pose.exp)))


def truncated_pixels(pictures: Tensor) -> npt.NDArray[np.uint8]:
    """Returns (N, H, W, 3) uint8 of (N, 3, H, W) in [0, 1]: times 255, truncated as EAT does."""
    mapped = pictures.float().clamp(0, 1) * 255
    return mapped.to("cpu", torch.uint8).permute(0, 2, 3, 1).contiguous().numpy()
