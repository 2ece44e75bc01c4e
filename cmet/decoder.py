"""EDTalk's decoder: a modulated convolution stack that warps the source's feature maps and paints the picture."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cmet.encoder import levels_of
from cmet.layers import Blur, EqualConv2d, EqualLinear, FusedLeakyReLU, Upsample

_DEMODULATION_EPS = 1e-8


class ModulatedConv2d(nn.Module):
    """Convolution whose weight is scaled per sample and input channel by an affine map of the latent.

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

    def _weights(self, latent: Tensor) -> Tensor:
        """(B, outputs, inputs, k, k): one kernel per sample."""
        factors = self.modulation(latent)[:, None, :, None, None]
        weight = self.scale * self.weight * factors
        if self.demodulate:
            weight = weight * torch.rsqrt(weight.square().sum((2, 3, 4), keepdim=True) + _DEMODULATION_EPS)
        return weight

    def forward(self, x: Tensor, latent: Tensor) -> Tensor:
        batch, inputs, height, width = x.shape
        weight = self._weights(latent)
        outputs, kernel = weight.shape[1], weight.shape[-1]
        x = x.reshape(1, batch * inputs, height, width)
        if not self.upsample:
            x = F.conv2d(x, weight.view(batch * outputs, inputs, kernel, kernel), padding=kernel // 2, groups=batch)
            return x.view(batch, outputs, height, width)
        weight = weight.transpose(1, 2).reshape(batch * inputs, outputs, kernel, kernel)
        x = F.conv_transpose2d(x, weight, stride=2, groups=batch)
        return self.blur(x.view(batch, outputs, *x.shape[-2:]))


class _Noise(nn.Module):
    """Holds StyleGAN2's noise gain, which the checkpoints carry and EDTalk never uses."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))


class StyledConv(nn.Module):
    """Modulated 3x3 convolution and scaled leaky ReLU."""

    def __init__(self, inputs: int, outputs: int, style: int, upsample: bool = False) -> None:
        super().__init__()
        self.conv = ModulatedConv2d(inputs, outputs, 3, style, upsample)
        self.noise = _Noise()
        self.activate = FusedLeakyReLU(outputs)

    def forward(self, x: Tensor, latent: Tensor) -> Tensor:
        return self.activate(self.conv(x, latent))


class _ConstantInput(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.input = nn.Parameter(torch.randn(1, channels, 4, 4))


class ToRGB(nn.Module):
    """1x1 convolution, leaky ReLU and bias of a warped map, added to the doubled picture of the level below."""

    def __init__(self, channels: int, upsample: bool = True) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(1, 3, 1, 1))
        if upsample:
            self.upsample = Upsample()
        self.conv = nn.Sequential(EqualConv2d(channels, 3, 1), FusedLeakyReLU(3))

    def forward(self, x: Tensor, below: Tensor | None) -> Tensor:
        picture = self.conv(x) + self.bias
        return picture if below is None else picture + self.upsample(below)


@functools.lru_cache(maxsize=32)
def base_grid(size: int, device: torch.device) -> Tensor:
    """(1, size, size, 2) sampling positions: linspace(-1, 1) in float64 on both axes, x first, cast to float32."""
    with torch.inference_mode(False):
        axis = torch.linspace(-1, 1, size, dtype=torch.float64)
        rows, columns = torch.meshgrid(axis, axis, indexing="ij")
        return torch.stack((columns, rows), dim=-1)[None].float().to(device)


class ToFlow(nn.Module):
    """Predicts a flow and a mask, and warps the source's map with them.

    The sampling grid is laid out for aligned corners and sampled without them: an identity flow is therefore not
    an identity warp. The released weights were trained with that.
    """

    def __init__(self, channels: int, style: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(1, 3, 1, 1))
        self.upsample = Upsample()
        self.conv = ModulatedConv2d(channels, 3, 1, style, demodulate=False)

    def forward(
        self, hidden: Tensor, latent: Tensor, feature: Tensor, below: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Returns the masked warp, the next hidden map, and the raw flow map (before tanh and sigmoid)."""
        raw = self.conv(hidden, latent) + self.bias
        if below is not None:
            raw = raw + self.upsample(below)
        grid = base_grid(raw.shape[-1], raw.device).to(raw.dtype) + torch.tanh(raw[:, :2]).permute(0, 2, 3, 1)
        mask = torch.sigmoid(raw[:, 2:])
        feature = feature.expand(raw.shape[0], -1, -1, -1)
        warp = F.grid_sample(feature, grid, mode="bilinear", padding_mode="zeros", align_corners=False) * mask
        return warp, warp + hidden * (1.0 - mask), raw


class _AdaptiveNorm(nn.Module):
    """The two vectors gamma and beta (B, channels) that an expression latent asks for."""

    def __init__(self, style: int, channels: int, hidden: int) -> None:
        super().__init__()
        self.mlp_shared = nn.Sequential(nn.Linear(style, hidden), nn.ReLU())
        self.mlp_gamma = nn.Linear(hidden, channels)
        self.mlp_beta = nn.Linear(hidden, channels)

    def forward(self, latent: Tensor) -> tuple[Tensor, Tensor]:
        shared = self.mlp_shared(latent)
        return self.mlp_gamma(shared)[:, :, None, None], self.mlp_beta(shared)[:, :, None, None]


class ExpressionBlock(nn.Module):
    """Adds an expression-modulated copy of a source map to it.

    The official block also evaluates `conv1` and `norm1` and overwrites what they give; here they only keep their
    places in the state dict. `normalised` depends on the source alone, so a caller may compute it once.
    """

    def __init__(self, channels: int, style: int, hidden: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.norm1 = _AdaptiveNorm(style, channels, hidden)
        self.norm2 = _AdaptiveNorm(style, channels, hidden)

    def normalised(self, feature: Tensor) -> Tensor:
        """Instance-normalised `conv2(feature)`: per image, biased variance, eps 1e-5, in train and eval alike."""
        return F.instance_norm(self.conv2(feature))

    def forward(self, feature: Tensor, normalised: Tensor, expression: Tensor) -> Tensor:
        gamma, beta = self.norm2(expression)
        return feature + (normalised * (1 + gamma) + beta)


class Decoder(nn.Module):
    """Latent (B, style) + source maps (coarse to fine) + expression latent (B, style) or None -> (B, 3, S, S)."""

    def __init__(
        self, size: int, style: int, channels: Mapping[int, int], expression: bool = True, expression_hidden: int = 128
    ) -> None:
        super().__init__()
        sizes = [8 << level for level in range(levels_of(size))]
        self.input = _ConstantInput(channels[4])
        self.conv1 = StyledConv(channels[4], channels[4], style)
        self.to_rgb1 = ToRGB(channels[4], upsample=False)  # in the checkpoints; the picture starts at 8 px
        self.convs = nn.ModuleList()
        for edge in sizes:
            self.convs.append(StyledConv(channels[edge // 2], channels[edge], style, upsample=True))
            self.convs.append(StyledConv(channels[edge], channels[edge], style))
        self.to_rgbs = nn.ModuleList(ToRGB(channels[edge]) for edge in sizes)
        self.to_flows = nn.ModuleList(ToFlow(channels[edge], style) for edge in sizes)
        if expression:
            self.fineadainresblock = nn.ModuleList(
                ExpressionBlock(channels[edge], style, expression_hidden) for edge in sizes
            )

    def normalised(self, features: Sequence[Tensor]) -> list[Tensor]:
        """What the expression blocks need of the source, one map per level; the same for every frame."""
        return [self.fineadainresblock[level].normalised(feature) for level, feature in enumerate(features)]  # type: ignore[operator]

    def forward(
        self,
        latent: Tensor,
        features: Sequence[Tensor],
        expression: Tensor | None = None,
        normalised: Sequence[Tensor] | None = None,
    ) -> Tensor:
        """Unbounded picture (callers clamp to [-1, 1]); `features` may have a batch of 1 for any batch of latents."""
        if expression is not None and normalised is None:
            normalised = self.normalised(features)
        hidden = self.conv1(self.input.input.expand(latent.shape[0], -1, -1, -1), latent)
        picture: Tensor | None = None
        flow: Tensor | None = None
        for level, feature in enumerate(features):
            hidden = self.convs[2 * level](hidden, latent)
            hidden = self.convs[2 * level + 1](hidden, latent)
            if expression is not None and normalised is not None:
                feature = self.fineadainresblock[level](feature, normalised[level], expression)
            warp, hidden, flow = self.to_flows[level](hidden, latent, feature, flow)
            picture = self.to_rgbs[level](warp, picture)
        assert picture is not None
        return picture
