"""In StyleGAN2's modulated convolution (Karras et al. 2020), one latent scales a layer's weight per input channel."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from networks.stylegan2 import winograd
from networks.stylegan2.layers import Blur, EqualLinear, FusedLeakyReLU, Keeper, Kept, channels_last, differentiable

_DEMODULATION_EPS = 1e-8


class ModulatedConv2d(Keeper):
    """Applies a convolution whose weight is scaled per sample and input channel by an affine map of the latent.

    `upsample` doubles the map: transposed convolution of stride 2, then a blur. `demodulate` brings each output
    channel's weight back to unit norm.
    """

    def __init__(
        self, inputs: int, outputs: int, kernel: int, style: int, upsample: bool = False, demodulate: bool = True
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(1, outputs, inputs, kernel, kernel))
        if upsample:
            self.blur = Blur(1, gain=4.0)
        self.modulation = EqualLinear(style, inputs, bias=1.0)
        self.scale = 1 / math.sqrt(inputs * kernel * kernel)
        self.upsample = upsample
        self.demodulate = demodulate
        self._kept_energies = Kept()
        self._kept_weight = Kept()
        self._kept_filters = Kept()

    def _shared_weight(self) -> Tensor:
        """The weight as the convolution takes it, for all samples: (out, in, k, k), or (in, out, k, k) to upsample."""
        layout = _transposed if self.upsample else _plain
        return layout(self.weight) if differentiable(self.weight) else self._kept_weight(layout, self.weight)

    def _energies(self) -> Tensor:
        """(outputs, inputs) sums of the squared kernels, from which the norm of any modulated weight follows."""
        if differentiable(self.weight):
            return _kernel_energies(self.weight)
        return self._kept_energies(_kernel_energies, self.weight)

    def _factors(self, latent: Tensor) -> tuple[Tensor, Tensor | None]:
        """Factors of the input (B, inputs) and of the output channels (B, outputs), the latter if demodulated."""
        factors = self.modulation(latent) * self.scale
        if not self.demodulate:
            return factors, None
        precise = torch.promote_types(factors.dtype, torch.float32)
        squares = factors.to(precise).square()  # of numbers around 0.01: too small for 16 bits
        return factors, torch.rsqrt(squares @ self._energies().T + _DEMODULATION_EPS).to(factors.dtype)

    def _own_weight(self, factors: Tensor, gains: Tensor | None) -> Tensor:
        """The weight modulated for a single sample, laid out as `_shared_weight`."""
        product = factors if gains is None else gains.T * factors
        product = product.T if self.upsample else product
        return self._shared_weight() * product[:, :, None, None]

    def _convolve(self, x: Tensor, weight: Tensor) -> Tensor:
        if not self.upsample:
            return F.conv2d(x, weight, padding=weight.shape[-1] // 2)
        return self.blur(F.conv_transpose2d(x, weight, stride=2))

    def forward(self, x: Tensor, latent: Tensor) -> Tensor:
        """Modulates the weight where it is smaller than the map, else the map: equal but for rounding.

        Modulating the map lets a whole batch share one weight, so batches always do.
        """
        factors, gains = self._factors(latent)
        if not self.upsample and winograd.pays(x, self.weight):
            y = winograd.convolve(x * factors[:, :, None, None], self._kept_filters(_filters, self.weight))
            return y if gains is None else y.mul_(gains[:, :, None, None])
        if len(latent) == 1 and self.weight.numel() < x.numel():
            return self._convolve(x, self._own_weight(factors, gains))
        y = self._convolve(x * factors[:, :, None, None], self._shared_weight())
        return y if gains is None else y * gains[:, :, None, None]


def _kernel_energies(weight: Tensor) -> Tensor:
    return weight[0].to(torch.promote_types(weight.dtype, torch.float32)).square().sum((2, 3))


def _filters(weight: Tensor) -> Tensor:
    return winograd.filters(weight[0])


def _plain(weight: Tensor) -> Tensor:
    return channels_last(weight[0])


def _transposed(weight: Tensor) -> Tensor:
    return channels_last(weight[0].transpose(0, 1))


class _Noise(nn.Module):
    """Holds StyleGAN2's noise gain, which the checkpoints carry and EDTalk never uses."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))


class StyledConv(nn.Module):
    """Applies a modulated 3x3 convolution and a scaled leaky ReLU."""

    def __init__(self, inputs: int, outputs: int, style: int, upsample: bool = False) -> None:
        super().__init__()
        self.conv = ModulatedConv2d(inputs, outputs, 3, style, upsample)
        self.noise = _Noise()
        self.activate = FusedLeakyReLU(outputs)

    def forward(self, x: Tensor, latent: Tensor) -> Tensor:
        return self.activate(self.conv(x, latent))
