"""A decoder paints pictures from a feature map that modulates every one of its layers (SPADE).

The layers are those of Park et al. (CVPR 2019): residual blocks of spectrally normalised convolutions (Miyato et al.,
ICLR 2018), before each of which the map is normalised by instance and then scaled and shifted, pixel by pixel, by
convolutions of the feature map. State-dict names are those of `generator.decoder.` in the released EAT checkpoint.
"""

from __future__ import annotations

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from networks.eat.convolution_blocks import doubled
from networks.eat.enlarged import convolved

_SLOPE = 0.2
_EPS = 1e-12


class SpectralConvolution(nn.Module):
    """Applies a convolution whose weight is divided by its largest singular value, as two stored vectors estimate it.

    Each forward in training mode brings the vectors one step of the power iteration closer; in eval mode they stay.
    """

    weight_u: Tensor
    weight_v: Tensor

    def __init__(self, inputs: int, outputs: int, kernel: int, bias: bool = True) -> None:
        super().__init__()
        plain = nn.Conv2d(inputs, outputs, kernel, bias=bias)
        self.weight_orig = nn.Parameter(plain.weight.detach())
        self.bias = plain.bias
        self.register_buffer("weight_u", torch.full((outputs,), outputs**-0.5))
        self.register_buffer("weight_v", torch.empty(inputs * kernel * kernel))
        self._padding = kernel // 2
        if not self.weight_orig.is_meta:
            self.iterate()

    @torch.no_grad()
    def iterate(self) -> None:
        """Take one step of the power iteration."""
        matrix = self.weight_orig.flatten(1)
        self.weight_v.copy_(F.normalize(matrix.T @ self.weight_u, dim=0, eps=_EPS))
        self.weight_u.copy_(F.normalize(matrix @ self.weight_v, dim=0, eps=_EPS))

    def kernel(self) -> Tensor:
        """Returns the weight (outputs, inputs, k, k) that is applied."""
        if self.training:
            self.iterate()
        largest = torch.dot(self.weight_u.clone(), self.weight_orig.flatten(1) @ self.weight_v.clone())
        return self.weight_orig / largest

    def forward(self, x: Tensor) -> Tensor:
        """Returns (B, outputs, H, W) of (B, inputs, H, W)."""
        return F.conv2d(x, self.kernel(), self.bias, padding=self._padding)


class _Spade(nn.Module):
    """Scales and shifts maps that were normalised by instance, by convolutions of a guide."""

    def __init__(self, channels: int, guide: int, shared: int) -> None:
        super().__init__()
        self.mlp_shared = nn.Sequential(nn.Conv2d(guide, shared, 3, padding=1), nn.ReLU())
        self.mlp_gamma = nn.Conv2d(shared, channels, 3, padding=1)
        self.mlp_beta = nn.Conv2d(shared, channels, 3, padding=1)

    def forward(self, normal: Tensor, guide: Tensor) -> Tensor:
        """Returns normalised maps (B, channels, f * H, f * W) as a guide (B, guide, H, W) modulates them."""
        seen = self._seen(guide, normal.shape[-1] // guide.shape[-1])
        return torch.addcmul(normal + self.mlp_beta(seen), normal, self.mlp_gamma(seen))

    def projected(self, normal: Tensor, guide: Tensor, kernel: Tensor) -> Tensor:
        """Returns what a 1 x 1 convolution with `kernel` (O, channels, 1, 1) makes of `forward`'s maps.

        The shift is convolved with both kernels in one, which has O outputs in place of `channels`, several times more.
        """
        seen = self._seen(guide, normal.shape[-1] // guide.shape[-1])
        matrix, bias = kernel.flatten(1), cast("Tensor", self.mlp_beta.bias)
        both = (matrix @ self.mlp_beta.weight.flatten(1)).unflatten(1, self.mlp_beta.weight.shape[1:])
        shift = F.conv2d(seen, both, matrix @ bias, padding=1)
        return F.conv2d(torch.addcmul(normal, normal, self.mlp_gamma(seen)), kernel) + shift

    def _seen(self, guide: Tensor, factor: int) -> Tensor:
        first = cast("nn.Conv2d", self.mlp_shared[0])
        return F.relu(convolved(guide, first.weight, first.bias, factor))


class _Block(nn.Module):
    def __init__(self, inputs: int, outputs: int, guide: int, shared: int) -> None:
        super().__init__()
        narrow = min(inputs, outputs)
        self.conv_0, self.conv_1 = SpectralConvolution(inputs, narrow, 3), SpectralConvolution(narrow, outputs, 3)
        self.norm_0, self.norm_1 = _Spade(inputs, guide, shared), _Spade(narrow, guide, shared)
        if inputs != outputs:
            self.conv_s = SpectralConvolution(inputs, outputs, 1, bias=False)
            self.norm_s = _Spade(inputs, guide, shared)

    def forward(self, x: Tensor, guide: Tensor) -> Tensor:
        normal = F.instance_norm(x)
        y = F.instance_norm(self.conv_0(F.leaky_relu(self.norm_0(normal, guide), _SLOPE)))
        y = self.conv_1(F.leaky_relu(self.norm_1(y, guide), _SLOPE))
        if hasattr(self, "conv_s"):
            return y + self.norm_s.projected(normal, guide, self.conv_s.kernel())
        return y + x


class SpadeDecoder(nn.Module):
    """Paints (B, 3, 4H, 4W) in [0, 1] from a feature map (B, guide, H, W).

    picture: channels that become colours; middle: number of blocks at the feature map's size; shared: width within the
    modulations.
    """

    def __init__(self, guide: int = 256, picture: int = 64, middle: int = 6, shared: int = 128) -> None:
        super().__init__()
        wide = 2 * guide
        self.fc = nn.Conv2d(guide, wide, 3, padding=1)
        self._middle = middle
        for number in range(middle):
            self.add_module(f"G_middle_{number}", _Block(wide, wide, guide, shared))
        self.up_0, self.up_1 = _Block(wide, guide, guide, shared), _Block(guide, picture, guide, shared)
        self.conv_img = nn.Conv2d(picture, 3, 3, padding=1)

    def forward(self, guide: Tensor) -> Tensor:
        x = self.fc(guide)
        for number in range(self._middle):
            x = self.get_submodule(f"G_middle_{number}")(x, guide)
        x = self.up_1(doubled(self.up_0(doubled(x), guide)), guide)
        return torch.sigmoid(self.conv_img(F.leaky_relu(x, _SLOPE)))
