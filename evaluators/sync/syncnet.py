"""SyncNet v2 "S" has two branches that put a mouth and its sound into one 1024-d space.

Architecture and state-dict names follow the published checkpoint (Chung & Zisserman, "Out of time: automated
lip sync in the wild", 2016; joonson/syncnet_python). The temporal kernel of the lip branch is consumed by its
first convolution, so the branch runs over any number of frames T >= 5 at once and yields T - 4 windows, equal to
running it window by window.

The demo judge is the same class at small width: ``SyncNet(divide=8, input_px=96)``.
"""

from __future__ import annotations

import torch
from torch import nn

WINDOW_FRAMES = 5
WINDOW_MFCC = 20
MFCC_COEFFICIENTS = 13
_AUDIO_CHANNELS = (64, 192, 384, 256, 256, 512)
_LIP_CHANNELS = (96, 256, 256, 256, 256, 512)


def _audio_layer(source: int, target: int, kernel: tuple[int, int], padding: int = 0) -> list[nn.Module]:
    return [nn.Conv2d(source, target, kernel, padding=padding), nn.BatchNorm2d(target), nn.ReLU()]


def _lip_layer(
    source: int, target: int, kernel: tuple[int, int, int], stride: int = 1, padding: int = 0
) -> list[nn.Module]:
    """Stride and padding are those of the picture; time has stride 1 and no padding."""
    convolution = nn.Conv3d(source, target, kernel, (1, stride, stride), (0, padding, padding))
    return [convolution, nn.BatchNorm3d(target), nn.ReLU()]


def _head(width: int, embedding: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width, width), nn.BatchNorm1d(width), nn.ReLU(), nn.Linear(width, embedding))


def _audio_trunk(channels: tuple[int, ...]) -> nn.Sequential:
    c1, c2, c3, c4, c5, c6 = channels
    return nn.Sequential(
        *_audio_layer(1, c1, (3, 3), 1),
        nn.MaxPool2d(1, 1),  # does nothing; it keeps the published layer numbers
        *_audio_layer(c1, c2, (3, 3), 1),
        nn.MaxPool2d(3, (1, 2)),
        *_audio_layer(c2, c3, (3, 3), 1),
        *_audio_layer(c3, c4, (3, 3), 1),
        *_audio_layer(c4, c5, (3, 3), 1),
        nn.MaxPool2d(3, 2),
        *_audio_layer(c5, c6, (5, 4)),
    )


def _lip_trunk(channels: tuple[int, ...], last_kernel: int) -> nn.Sequential:
    c1, c2, c3, c4, c5, c6 = channels
    return nn.Sequential(
        *_lip_layer(3, c1, (WINDOW_FRAMES, 7, 7), 2),
        nn.MaxPool3d((1, 3, 3), (1, 2, 2)),
        *_lip_layer(c1, c2, (1, 5, 5), 2, 1),
        nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1)),
        *_lip_layer(c2, c3, (1, 3, 3), 1, 1),
        *_lip_layer(c3, c4, (1, 3, 3), 1, 1),
        *_lip_layer(c4, c5, (1, 3, 3), 1, 1),
        nn.MaxPool3d((1, 3, 3), (1, 2, 2)),
        *_lip_layer(c5, c6, (1, last_kernel, last_kernel)),
    )


def last_map_px(input_px: int) -> int:
    """Returns the side of the map that the last lip convolution swallows whole: 6 for 224, 2 for 96.

    Raises ValueError for an input below 51 pixels, which leaves nothing of the picture.
    """
    side = (input_px - 7) // 2 + 1
    side = (side - 3) // 2 + 1
    side = (side + 2 - 5) // 2 + 1
    side = (side + 2 - 3) // 2 + 1
    side = (side - 3) // 2 + 1
    if input_px < 7 or side < 1:
        raise ValueError(f"SyncNet needs pictures of at least 51 pixels, not {input_px}")
    return side


class SyncNet(nn.Module):
    """Is the published network by default; `divide` thins every layer, `input_px` and `embedding` change its ends.

    Inputs: lip (n, 3, t, input_px, input_px) float32 BGR 0..255; audio (n, 1, 13, 20) MFCC of int16-scaled sound.
    Embeddings are not normalised.
    """

    def __init__(self, divide: int = 1, input_px: int = 224, embedding: int = 1024) -> None:
        super().__init__()
        if divide < 1 or any(count % divide for count in (*_AUDIO_CHANNELS, *_LIP_CHANNELS)):
            raise ValueError(f"divide must be a divisor of every layer's width (1, 2, 4, 8, 16, 32), not {divide}")
        audio = tuple(count // divide for count in _AUDIO_CHANNELS)
        lip = tuple(count // divide for count in _LIP_CHANNELS)
        self.input_px = input_px
        self.embedding = embedding
        self.netcnnaud = _audio_trunk(audio)
        self.netfcaud = _head(audio[-1], embedding)
        self.netfclip = _head(lip[-1], embedding)
        self.netcnnlip = _lip_trunk(lip, last_map_px(input_px))

    def forward_lip(self, frames: torch.Tensor) -> torch.Tensor:
        """Returns the embeddings (n * (t - 4), embedding) of (n, 3, t, input_px, input_px), window by window within a
        clip.
        """
        maps = self.netcnnlip(frames)  # (n, c, t - 4, 1, 1)
        rows: torch.Tensor = self.netfclip(maps.flatten(2).transpose(1, 2).flatten(0, 1))
        return rows

    def forward_audio(self, windows: torch.Tensor) -> torch.Tensor:
        """Returns the embeddings (n, embedding) of (n, 1, 13, 20)."""
        rows: torch.Tensor = self.netfcaud(self.netcnnaud(windows).flatten(1))
        return rows

    def forward(self, frames: torch.Tensor, windows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Returns both embeddings, for a training loop."""
        return self.forward_lip(frames), self.forward_audio(windows)
