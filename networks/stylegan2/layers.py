"""EDTalk's encoder and decoder are built of these equalised layers, blurs and residual blocks.

They follow StyleGAN2 (Karras et al. 2020): weights are stored at unit variance and scaled by 1/sqrt(fan-in)
at run time, and every resampling step is surrounded by a [1, 3, 3, 1] low-pass filter. State-dict names are
those of the released EDTalk checkpoints.
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from networks.stylegan2 import winograd

_K = TypeVar("_K", bound="Keeper")
_SLOPE = 0.2


class Kept:
    """Keeps a tensor computed from weights, in eval mode, until one of them changes (loaded, moved); see `Keeper`."""

    def __init__(self, keeps: bool = False) -> None:
        self._keeps = keeps
        self._weights: list[weakref.ref[Tensor]] = []
        self._state: list[tuple[int, int]] = []
        self._value: Tensor | None = None

    def __call__(self, compute: Callable[..., Tensor], *weights: Tensor) -> Tensor:
        """Returns compute(*weights) without gradients, or its last result for the same weights."""
        if not self._keeps or any(weight.is_inference() for weight in weights):  # they do not say when they change
            with torch.no_grad():
                return compute(*weights)
        state = [(weight._version, weight.data_ptr()) for weight in weights]
        same = [known() for known in self._weights]
        if self._value is None or state != self._state or any(a is not b for a, b in zip(same, weights, strict=True)):
            with torch.inference_mode(False), torch.no_grad():
                self._value = compute(*weights)
            self._weights, self._state = [weakref.ref(weight) for weight in weights], state
        return self._value

    def begin(self, keeps: bool) -> None:
        """Forget the value; keep the next ones, or none."""
        self._keeps, self._value = keeps, None

    def __reduce__(self) -> tuple[type[Kept], tuple[bool]]:
        return Kept, (self._keeps,)  # a copied or pickled network computes its own


class Keeper(nn.Module):
    """Is a module with `Kept` values, which are kept in eval mode only, since fused optimisers change weights without a
    trace.
    """

    def train(self: _K, mode: bool = True) -> _K:
        """Set the mode as `nn.Module` does; `eval` calls it too."""
        for value in vars(self).values():
            if isinstance(value, Kept):
                value.begin(keeps=not mode)
        return super().train(mode)


def differentiable(*weights: Tensor) -> bool:
    """Says whether gradients towards these weights are being recorded, so that nothing computed from them may
    be kept.
    """
    return torch.is_grad_enabled() and any(weight.requires_grad for weight in weights)


def channels_last(x: Tensor) -> Tensor:
    """Returns the same map with its channels adjacent in memory: convolutions, blurs and warps are faster on a CPU."""
    return x.contiguous(memory_format=torch.channels_last)


def blur_kernel(gain: float = 1.0) -> Tensor:
    """Returns the (4, 4) low-pass kernel: outer product of [1, 3, 3, 1], of sum `gain`."""
    taps = torch.tensor([1.0, 3.0, 3.0, 1.0])
    kernel = torch.outer(taps, taps)
    return kernel / kernel.sum() * gain


def blur(x: Tensor, kernel: Tensor, pad: tuple[int, int], stride: int = 1) -> Tensor:
    """Returns (B, C, H, W) with each channel filtered by `kernel` after `pad` (before, after) zeros on both axes.

    One depthwise convolution: on a CPU it gives the bits of a single-channel convolution over B*C images in a
    fraction of the time. `stride` keeps every stride-th sample of the result.
    """
    before, after = pad
    if before == after:  # the convolution pads by itself, without a copy of the map
        return _depthwise(x, kernel, stride, before)
    return _depthwise(F.pad(x, (before, after, before, after)), kernel, stride, 0)


def _depthwise(x: Tensor, kernel: Tensor, stride: int, padding: int) -> Tensor:
    channels = x.shape[1]
    weight = kernel.to(x.dtype).expand(channels, 1, *kernel.shape)
    return F.conv2d(x, weight, stride=stride, padding=padding, groups=channels)


def scaled_leaky_relu(x: Tensor, bias: Tensor) -> Tensor:
    """Returns sqrt(2) * leaky_relu(x + bias); overwrites `x` when no gradient is recorded, so pass a fresh tensor."""
    if torch.is_grad_enabled():
        return F.leaky_relu(x + bias, _SLOPE) * math.sqrt(2)
    return F.leaky_relu_(x.add_(bias), _SLOPE).mul_(math.sqrt(2))


class EqualLinear(nn.Module):
    """Applies an affine map whose weight is scaled by 1/sqrt(inputs) at run time."""

    def __init__(self, inputs: int, outputs: int, bias: float = 0.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs))
        self.bias = nn.Parameter(torch.full((outputs,), bias))
        self.scale = 1 / math.sqrt(inputs)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x * self.scale, self.weight, self.bias)  # scaling the vector is cheaper than the matrix


class EqualConv2d(Keeper):
    """Applies a convolution without bias whose weight is scaled by 1/sqrt(fan-in) at run time."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, padding: int = 0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, kernel, kernel))
        self.scale = 1 / math.sqrt(inputs * kernel * kernel)
        self.stride = stride
        self.padding = padding
        self._kept = Kept()
        self._kept_filters = Kept()

    def _scaled(self, weight: Tensor) -> Tensor:
        return channels_last(weight * self.scale)

    def _amplified(self, weight: Tensor) -> Tensor:
        return channels_last(weight * (self.scale * math.sqrt(2)))

    def _amplified_filters(self, weight: Tensor) -> Tensor:
        return winograd.filters(weight * (self.scale * math.sqrt(2)))

    def scaled_weight(self) -> Tensor:
        """Returns the (outputs, inputs, k, k) weight as it is applied."""
        if differentiable(self.weight):
            return self.weight * self.scale
        return self._kept(self._scaled, self.weight)

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.scaled_weight(), stride=self.stride, padding=self.padding)

    def activated(self, x: Tensor, bias: Tensor) -> Tensor:
        """Returns `scaled_leaky_relu(self(x), bias)` without gradients: bias and gain cost no pass over the map of
        their own.

        The gain of sqrt(2) passes through a leaky ReLU, so the weight and the bias can bring it along.
        """
        if self.stride == self.padding == 1 and winograd.pays(x, self.weight):
            filters = self._kept_filters(self._amplified_filters, self.weight)
            return F.leaky_relu_(winograd.convolve(x, filters).add_(bias * math.sqrt(2)), _SLOPE)
        weight = self._kept(self._amplified, self.weight)
        y = F.conv2d(x, weight, bias.flatten() * math.sqrt(2), stride=self.stride, padding=self.padding)
        return F.leaky_relu_(y, _SLOPE)


class FusedLeakyReLU(nn.Module):
    """Applies bias, leaky ReLU of slope 0.2 and a gain of sqrt(2)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(1, channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return scaled_leaky_relu(x, self.bias)


class Blur(nn.Module):
    """Applies a low-pass filter with the same zero padding on all sides; the kernel is a persistent buffer."""

    kernel: Tensor

    def __init__(self, pad: int, gain: float = 1.0, stride: int = 1) -> None:
        super().__init__()
        self.register_buffer("kernel", blur_kernel(gain))
        self.pad = pad
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        return blur(x, self.kernel, (self.pad, self.pad), self.stride)


class Upsample(nn.Module):
    """Doubles (B, C, S, S) by zero insertion and low-pass filtering, padded by (2, 1)."""

    kernel: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("kernel", blur_kernel(4.0))

    def forward(self, x: Tensor) -> Tensor:
        batch, channels, height, width = x.shape
        spread = x.new_zeros(batch, channels, height, 2, width, 2)
        spread[:, :, :, 0, :, 0] = x
        return blur(spread.view(batch, channels, 2 * height, 2 * width), self.kernel, (2, 1))


class ConvLayer(nn.Sequential):
    """Applies [Blur], convolution, [FusedLeakyReLU]; halves the map when `down`.

    A 1x1 convolution looks at every second blurred sample only, so there the blur itself takes the stride: the
    same numbers for a quarter of the work.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, down: bool = False, activate: bool = True) -> None:
        pointwise = kernel == 1
        layers: list[nn.Module] = []
        if down:
            layers.append(Blur(1 if pointwise else 2, stride=2 if pointwise else 1))
        padding, stride = (0, 1 if pointwise else 2) if down else (kernel // 2, 1)
        layers.append(EqualConv2d(inputs, outputs, kernel, stride, padding))
        if activate:
            layers.append(FusedLeakyReLU(outputs))
        super().__init__(*layers)

    def forward(self, x: Tensor) -> Tensor:
        last = self[-1]
        if torch.is_grad_enabled() or not isinstance(last, FusedLeakyReLU):
            return super().forward(x)
        conv = self[-2]
        assert isinstance(conv, EqualConv2d)
        return conv.activated(self[0](x) if len(self) == 3 else x, last.bias)


class ResBlock(nn.Module):
    """Adds a 1x1 skip to two 3x3 layers, and halves the map."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = ConvLayer(inputs, inputs, 3)
        self.conv2 = ConvLayer(inputs, outputs, 3, down=True)
        self.skip = ConvLayer(inputs, outputs, 1, down=True, activate=False)

    def forward(self, x: Tensor) -> Tensor:
        y, skip = self.conv2(self.conv1(x)), self.skip(x)
        return (y + skip) / math.sqrt(2) if torch.is_grad_enabled() else y.add_(skip).div_(math.sqrt(2))
