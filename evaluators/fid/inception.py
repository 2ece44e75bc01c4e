"""This module defines Inception v3 as FID uses it: the 2015 graph of pytorch-fid and torchvision's ImageNet graph.

One table of convolutions serves both; they differ in three pooling branches, the class count and the
auxiliary head (Szegedy et al. 2016, "Rethinking the Inception Architecture"; pytorch-fid 0.3.0;
torchvision 0.29). State-dict names and shapes are the published ones.
"""

from __future__ import annotations

import copy
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from evaluators.fid.inputs import TAPS


class Step(NamedTuple):
    """Describes one convolution: its name, output channels, kernel, and stride (padding keeps the size at stride 1)."""

    name: str
    channels: int
    kernel: tuple[int, int]
    stride: int = 1


Branch = tuple[tuple[Step, ...], ...]  # a chain; each link holds one step, or two parallel ones whose outputs join


def _chain(*steps: Step) -> Branch:
    return tuple((step,) for step in steps)


def _step(name: str, channels: int, height: int, width: int | None = None, stride: int = 1) -> Step:
    return Step(name, channels, (height, height if width is None else width), stride)


def _double3(stride: int = 1) -> Branch:
    return _chain(
        _step("branch3x3dbl_1", 64, 1), _step("branch3x3dbl_2", 96, 3), _step("branch3x3dbl_3", 96, 3, stride=stride)
    )


def _grid35() -> tuple[Branch, ...]:
    five = _chain(_step("branch5x5_1", 48, 1), _step("branch5x5_2", 64, 5))
    return _chain(_step("branch1x1", 64, 1)), five, _double3()


def _grid17(width: int) -> tuple[Branch, ...]:
    seven = _chain(_step("branch7x7_1", width, 1), _step("branch7x7_2", width, 1, 7), _step("branch7x7_3", 192, 7, 1))
    double = _chain(
        _step("branch7x7dbl_1", width, 1),
        _step("branch7x7dbl_2", width, 7, 1),
        _step("branch7x7dbl_3", width, 1, 7),
        _step("branch7x7dbl_4", width, 7, 1),
        _step("branch7x7dbl_5", 192, 1, 7),
    )
    return _chain(_step("branch1x1", 192, 1)), seven, double


def _grid8() -> tuple[Branch, ...]:
    fork = (_step("branch3x3_2a", 384, 1, 3), _step("branch3x3_2b", 384, 3, 1))
    double_fork = (_step("branch3x3dbl_3a", 384, 1, 3), _step("branch3x3dbl_3b", 384, 3, 1))
    return (
        _chain(_step("branch1x1", 320, 1)),
        ((_step("branch3x3_1", 384, 1),), fork),
        ((_step("branch3x3dbl_1", 448, 1),), (_step("branch3x3dbl_2", 384, 3),), double_fork),
    )


_TO_17: tuple[Branch, ...] = (_chain(_step("branch3x3", 384, 3, stride=2)), _double3(stride=2))
_TO_8: tuple[Branch, ...] = (
    _chain(_step("branch3x3_1", 192, 1), _step("branch3x3_2", 320, 3, stride=2)),
    _chain(
        _step("branch7x7x3_1", 192, 1),
        _step("branch7x7x3_2", 192, 1, 7),
        _step("branch7x7x3_3", 192, 7, 1),
        _step("branch7x7x3_4", 192, 3, stride=2),
    ),
)

#: Block name → (branches, channels of the pooled branch; 0 = the pool itself, at stride 2).
_BLOCKS: dict[str, tuple[tuple[Branch, ...], int]] = {
    "Mixed_5b": (_grid35(), 32),
    "Mixed_5c": (_grid35(), 64),
    "Mixed_5d": (_grid35(), 64),
    "Mixed_6a": (_TO_17, 0),
    "Mixed_6b": (_grid17(128), 192),
    "Mixed_6c": (_grid17(160), 192),
    "Mixed_6d": (_grid17(160), 192),
    "Mixed_6e": (_grid17(192), 192),
    "Mixed_7a": (_TO_8, 0),
    "Mixed_7b": (_grid8(), 192),
    "Mixed_7c": (_grid8(), 192),
}


class ConvUnit(nn.Module):
    """Applies a convolution without bias, batch normalisation (eps 1e-3), ReLU."""

    def __init__(
        self, inputs: int, outputs: int, kernel: tuple[int, int], stride: int = 1, padding: tuple[int, int] = (0, 0)
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False)
        self.bn: nn.Module = nn.BatchNorm2d(outputs, eps=1e-3)

    def linear(self, x: Tensor) -> Tensor:
        """Returns the unit before its ReLU."""
        y: Tensor = self.bn(self.conv(x))
        return y

    def forward(self, x: Tensor) -> Tensor:
        """Returns (n, outputs, h', w') of (n, inputs, h, w)."""
        return F.relu(self.linear(x), inplace=True)

    def fold(self) -> None:
        """Move the normalisation into the convolution's weight and bias (eval mode only)."""
        if isinstance(self.bn, nn.BatchNorm2d):
            self.conv = fuse_conv_bn_eval(self.conv.eval(), self.bn.eval())
            self.bn = nn.Identity()


class Mixed(nn.Module):
    """Joins parallel branches and a pooled one along the channels."""

    def __init__(self, inputs: int, branches: tuple[Branch, ...], pooled: int, pool: str) -> None:
        super().__init__()
        self.branches = branches
        self.pool = pool
        self.outputs = pooled or inputs
        for branch in branches:
            width = inputs
            for link in branch:
                for step in link:
                    padding = (step.kernel[0] // 2, step.kernel[1] // 2) if step.stride == 1 else (0, 0)
                    unit = ConvUnit(width, step.channels, step.kernel, step.stride, padding)
                    self.add_module(step.name, unit)
                width = sum(step.channels for step in link)
            self.outputs += width
        if pooled:
            self.branch_pool = ConvUnit(inputs, pooled, (1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Returns (n, outputs, h', w') of (n, inputs, h, w)."""
        joined = []
        for branch in self.branches:
            y = x
            for link in branch:
                outputs = [self.get_submodule(step.name)(y) for step in link]
                y = outputs[0] if len(outputs) == 1 else torch.cat(outputs, 1)
            joined.append(y)
        joined.append(self._pooled(x))
        return torch.cat(joined, 1)

    def _pooled(self, x: Tensor) -> Tensor:
        if self.pool == "reduce":
            return F.max_pool2d(x, 3, 2)
        if self.pool == "max":
            return self.branch_pool(F.max_pool2d(x, 3, 1, 1))
        if self.pool == "average-after":
            linear = self.branch_pool.linear(x)
            return F.relu(F.avg_pool2d(linear, 3, 1, 1, count_include_pad=False), inplace=True)
        y: Tensor = F.avg_pool2d(x, 3, 1, 1, count_include_pad=self.pool == "average-with-padding")
        return self.branch_pool(y)

    def fold(self) -> None:
        """Average after the 1x1 convolution where that is the same number with fewer channels to average.

        A mean without padding is linear with weights that sum to one, so it commutes with weight and bias.
        """
        if self.pool == "average":
            self.pool = "average-after"


class Inception(nn.Module):
    """Implements the FID Inception of pytorch-fid (`pt_inception-2015-12-05`): 566 tensors, the unused `fc` included.

    `forward` takes pictures that `prepare` made; it returns features, not logits.
    """

    average_pool = "average"
    last_pool = "max"

    def __init__(self, classes: int = 1008) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = ConvUnit(3, 32, (3, 3), 2)
        self.Conv2d_2a_3x3 = ConvUnit(32, 32, (3, 3))
        self.Conv2d_2b_3x3 = ConvUnit(32, 64, (3, 3), 1, (1, 1))
        self.Conv2d_3b_1x1 = ConvUnit(64, 80, (1, 1))
        self.Conv2d_4a_3x3 = ConvUnit(80, 192, (3, 3))
        width = 192
        for name, (branches, pooled) in _BLOCKS.items():
            pool = "reduce" if not pooled else self.last_pool if name == "Mixed_7c" else self.average_pool
            block = Mixed(width, branches, pooled, pool)
            self.add_module(name, block)
            width = block.outputs
        self.fc = nn.Linear(width, classes)

    def forward(self, x: Tensor, width: int = 2048) -> Tensor:
        """Returns features of pictures (n, 3, 299, 299): (n, width), `width` one of 64, 192, 768, 2048.

        The lower three are the means over the map at their tap, as in pytorch-fid's `dims`.
        """
        if width not in TAPS:
            raise ValueError(f"FID features have 64, 192, 768 or 2048 columns, not {width}")
        x = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x)))
        x = F.max_pool2d(x, 3, 2)
        if width > 64:
            x = F.max_pool2d(self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(x)), 3, 2)
        if width > 192:
            for name in _BLOCKS:
                x = self.get_submodule(name)(x)
                if name == "Mixed_6e" and width == 768:
                    break
        return x.mean(dim=(2, 3))

    def folded(self) -> Inception:
        """Returns a copy for inference: normalisation folded into the convolutions, channels last, no gradients."""
        fast = copy.deepcopy(self).eval().requires_grad_(False)
        for module in fast.modules():
            if isinstance(module, (ConvUnit, Mixed)):
                module.fold()
        return fast.to(memory_format=torch.channels_last)


class AuxiliaryHead(nn.Module):
    """Holds torchvision's auxiliary classifier: kept so that its checkpoint loads strictly; never run here."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.conv0 = ConvUnit(768, 128, (1, 1))
        self.conv1 = ConvUnit(128, 768, (5, 5))
        self.fc = nn.Linear(768, classes)


class ImageNetInception(Inception):
    """Implements torchvision's Inception v3 (ImageNet-1k, auxiliary head): 580 tensors; EAT's FID runs on it."""

    average_pool = "average-with-padding"
    last_pool = "average-with-padding"

    def __init__(self) -> None:
        super().__init__(classes=1000)
        self.AuxLogits = AuxiliaryHead(1000)
