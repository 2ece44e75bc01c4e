"""EAT's pose network reads a portrait's head pose, position and expression: a ResNet-50 with five linear heads.

It is the head pose and expression estimator of face-vid2vid (Wang, Mallya, Liu, CVPR 2021). Angles come as scores of 66
bins, as in Hopenet (Ruiz, Chong, Rehg, CVPR workshops 2018). The released network exchanges two of them: its layer
`fc_roll` gives the yaw and its layer `fc_yaw` gives the roll. State-dict names are those of `he_estimator.` in the
released `pretrain_new_274.pth.tar`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

BINS = 66
STEM = 64
WIDTHS = (256, 512, 1024, 2048)
BLOCKS = (3, 3, 5, 2)  # residual blocks that keep a width's size; the block that halves it comes before them


@dataclass(frozen=True)
class HeadPose:
    """Holds scores (B, 66) of yaw, pitch and roll, a position `t` (B, 3) and keypoints' offsets `exp` (B, K * 3)."""

    yaw: Tensor
    pitch: Tensor
    roll: Tensor
    t: Tensor
    exp: Tensor


class _Bottleneck(nn.Module):
    """Adds three convolutions (narrow, spatial, wide) to its input; `stride` 2 halves both."""

    def __init__(self, width: int, stride: int = 1) -> None:
        super().__init__()
        narrow = width // 4
        self.conv1 = nn.Conv2d(width, narrow, 1)
        self.conv2 = nn.Conv2d(narrow, narrow, 3, stride=stride, padding=1)
        self.conv3 = nn.Conv2d(narrow, width, 1)
        self.norm1, self.norm2, self.norm3 = nn.BatchNorm2d(narrow), nn.BatchNorm2d(narrow), nn.BatchNorm2d(width)
        if stride != 1:
            self.skip = nn.Conv2d(width, width, 1, stride=stride)
            self.norm4 = nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.norm1(self.conv1(x)))
        y = self.norm3(self.conv3(F.relu(self.norm2(self.conv2(y)))))
        return F.relu(y + (self.norm4(self.skip(x)) if hasattr(self, "skip") else x))


def _stage(number: int, width: int, count: int) -> nn.Sequential:
    return nn.Sequential(OrderedDict((f"b{number}_{k}", _Bottleneck(width)) for k in range(count)))


class PoseNetwork(nn.Module):
    """The network; without arguments the official full-size one.

    keypoints: their number; stem, widths, blocks: channels of the first convolution and of the four stages, and the
    number of blocks that keep a stage's size.
    """

    def __init__(
        self,
        keypoints: int = 15,
        stem: int = STEM,
        widths: Sequence[int] = WIDTHS,
        blocks: Sequence[int] = BLOCKS,
    ) -> None:
        super().__init__()
        self.conv1, self.norm1 = nn.Conv2d(3, stem, 7, stride=2, padding=3), nn.BatchNorm2d(stem)
        first, second, third, fourth = widths
        self.conv2, self.norm2 = nn.Conv2d(stem, first, 1), nn.BatchNorm2d(first)
        self.block1 = _stage(1, first, blocks[0])
        self.conv3, self.norm3 = nn.Conv2d(first, second, 1), nn.BatchNorm2d(second)
        self.block2, self.block3 = _Bottleneck(second, 2), _stage(3, second, blocks[1])
        self.conv4, self.norm4 = nn.Conv2d(second, third, 1), nn.BatchNorm2d(third)
        self.block4, self.block5 = _Bottleneck(third, 2), _stage(5, third, blocks[2])
        self.conv5, self.norm5 = nn.Conv2d(third, fourth, 1), nn.BatchNorm2d(fourth)
        self.block6, self.block7 = _Bottleneck(fourth, 2), _stage(7, fourth, blocks[3])
        self.fc_roll, self.fc_pitch, self.fc_yaw = (nn.Linear(fourth, BINS) for _ in range(3))
        self.fc_t, self.fc_exp = nn.Linear(fourth, 3), nn.Linear(fourth, 3 * keypoints)

    def forward(self, pictures: Tensor) -> HeadPose:
        """Returns what pictures (B, 3, 256, 256) in [0, 1] show."""
        x = F.max_pool2d(F.relu(self.norm1(self.conv1(pictures))), 3, stride=2, padding=1)
        x = self.block1(F.relu(self.norm2(self.conv2(x))))
        x = self.block3(self.block2(F.relu(self.norm3(self.conv3(x)))))
        x = self.block5(self.block4(F.relu(self.norm4(self.conv4(x)))))
        x = self.block7(self.block6(F.relu(self.norm5(self.conv5(x)))))
        seen = x.mean(dim=(2, 3))
        yaw, pitch, roll = self.fc_roll(seen), self.fc_pitch(seen), self.fc_yaw(seen)
        return HeadPose(yaw, pitch, roll, self.fc_t(seen), self.fc_exp(seen))
