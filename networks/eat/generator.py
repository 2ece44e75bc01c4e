"""EAT's generator paints frames: it moves a portrait's volume as the keypoints moved, and decodes what is then seen.

It is that of face-vid2vid (Wang, Mallya, Liu, CVPR 2021) with an emotion's modulation of the volume. What depends on
the portrait alone is computed once a clip; frames are independent of each other and are painted in batches of any size.
State-dict names are those of `generator.` in the released checkpoint.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from torch import Tensor, nn

from networks.eat.convolution_blocks import ConvolutionBlock, VolumeResidual, as_map, as_volume
from networks.eat.dense_motion import COMPRESSED, KEYPOINTS, LAST_WIDTH, WIDTHS, DenseMotionNetwork, Motion
from networks.eat.emotion_modulation import EmotionModulation
from networks.eat.grids import resampled
from networks.eat.mapping import PROMPT_WIDTH
from networks.eat.spade import SpadeDecoder

_THIRD_SLOPE = 0.01


@dataclass(frozen=True)
class Widths:
    """How wide the generator is; the defaults are the released widths. Narrow ones run in milliseconds.

    stem: channels of the portrait's three maps, of which each but the first is half as large; volume, depth: of the
    volume that they become; residuals: blocks that refine it; `hourglass`, `last`, `compressed`: of the dense motion
    network; `middle`: residual blocks of the decoder; `shared`: width within its modulations; `picture`: channels that
    become colours; `prompt`: width of an emotion's prompt.
    """

    stem: Sequence[int] = (64, 128, 256)
    volume: int = 32
    depth: int = 16
    residuals: int = 6
    hourglass: Sequence[int] = field(default=WIDTHS)
    last: int = LAST_WIDTH
    compressed: int = COMPRESSED
    middle: int = 6
    shared: int = 128
    picture: int = 64
    prompt: int = PROMPT_WIDTH


@dataclass(frozen=True)
class Portrait:
    """Holds what a clip needs of its portrait: volume (1, C, D, H, W), the same reduced, keypoints (1, K, 3)."""

    volume: Tensor
    compressed: Tensor
    keypoints: Tensor


class Generator(nn.Module):
    """The network; without arguments the official full-size one."""

    def __init__(self, widths: Widths | None = None, keypoints: int = KEYPOINTS) -> None:
        super().__init__()
        w = widths or Widths()
        deepest, flat = w.stem[-1], w.volume * w.depth
        self._volume = w.volume
        self.dense_motion_network = DenseMotionNetwork(w.volume, w.depth, keypoints, w.compressed, w.hourglass, w.last)
        self.first = ConvolutionBlock(2, 3, w.stem[0])
        self.down_blocks = nn.ModuleList(ConvolutionBlock(2, a, b, "halve") for a, b in pairwise(w.stem))
        self.second = nn.Conv2d(deepest, flat, 1)
        self.resblocks_3d = nn.Sequential(
            OrderedDict((f"3dr{k}", VolumeResidual(w.volume)) for k in range(w.residuals))
        )
        self.ea3d = EmotionModulation(w.prompt, w.volume)
        self.third = ConvolutionBlock(2, flat, deepest, slope=_THIRD_SLOPE)
        self.fourth = nn.Conv2d(deepest, deepest, 1)
        self.decoder = SpadeDecoder(deepest, w.picture, w.middle, w.shared)

    def portrait(self, picture: Tensor, keypoints: Tensor, prompt: Tensor) -> Portrait:
        """Returns what all frames share of a picture (1, 3, 256, 256) in [0, 1], its keypoints (1, K, 3), and an
        emotion's shallow prompt (1, width).
        """
        x = self.first(picture)
        for block in self.down_blocks:
            x = block(x)
        volume = self.ea3d(self.resblocks_3d(as_volume(self.second(x), self._volume)), prompt)
        return Portrait(volume, self.dense_motion_network.compressed(volume), keypoints)

    def motion(self, portrait: Portrait, keypoints: Tensor) -> Motion:
        """Returns where each voxel of frames with keypoints (B, K, 3) comes from, and what of them can be seen."""
        found: Motion = self.dense_motion_network(portrait.compressed, portrait.keypoints, keypoints)
        return found

    def guide(self, portrait: Portrait, motion: Motion) -> Tensor:
        """Returns maps (B, deepest, 64, 64) of what frames show that move so, for the decoder."""
        volume = portrait.volume.expand(len(motion.deformation), -1, -1, -1, -1)
        seen: Tensor = self.fourth(self.third(as_map(resampled(volume, motion.deformation))))
        return seen * motion.occlusion

    def frames(self, portrait: Portrait, keypoints: Tensor) -> Tensor:
        """Returns pictures (B, 3, 256, 256) in [0, 1] of the portrait with keypoints (B, K, 3)."""
        pictures: Tensor = self.decoder(self.guide(portrait, self.motion(portrait, keypoints)))
        return pictures
