"""EAT's sound network looks at each frame with five neighbours on either side: the windows are cut here.

Where sound has no such neighbour, before its first and after its last column, stored speech stands (`Padding`). What
stands for pose pictures there is not published: the nearest one is repeated, as a head that keeps still.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

REACH = 5  # frames on either side
SPAN = 2 * REACH + 1
_SLACK = 2  # frames by which a clip may be longer than its sound


@dataclass(frozen=True)
class Padding:
    """Holds a stored mel column (80,) and a stored window of DeepSpeech's scores (16, 29), float32."""

    mel: Tensor
    deep: Tensor


@dataclass(frozen=True)
class Tracks:
    """Holds what a clip is made of, one row a frame: mel (T, bands), DeepSpeech windows (N, 16, 29), pose pictures
    (P, 1, 64, 64) in 0..255; lengths may differ.
    """

    mel: Tensor
    deep: Tensor
    pictures: Tensor

    @property
    def frames(self) -> int:
        """Returns the length of the result: that of the pose clip, unless the sound is shorter by more than two."""
        least = min(len(self.mel), len(self.deep), len(self.pictures))
        return least if len(self.pictures) > least + _SLACK else len(self.pictures)


@dataclass(frozen=True)
class Windows:
    """Holds what the sound network sees of B frames: mel (B, bands, 11), DeepSpeech (B, 11, 16, 29), pose pictures
    (B, 11, 1, 64, 64).
    """

    mel: Tensor
    deep: Tensor
    pictures: Tensor


def windows(tracks: Tracks, padding: Padding | None, first: int, stop: int) -> Windows:
    """Returns the windows of frames first .. stop - 1. padding: None repeats the nearest sound, too."""
    places = torch.arange(first, stop)[:, None] + torch.arange(-REACH, REACH + 1)
    mel = _rows(tracks.mel, places, None if padding is None else padding.mel)
    deep = _rows(tracks.deep, places, None if padding is None else padding.deep)
    return Windows(mel.transpose(1, 2), deep, _rows(tracks.pictures, places, None))


def _rows(track: Tensor, places: Tensor, stored: Tensor | None) -> Tensor:
    """Rows of a track at `places` (B, 11); where it has none, `stored`, or for None its nearest row."""
    rows = track[places.clamp(0, len(track) - 1).to(track.device)]
    if stored is None:
        return rows
    outside = ((places < 0) | (places >= len(track))).to(track.device)
    return torch.where(outside.reshape(*places.shape, *(1,) * stored.dim()), stored.to(track), rows)
