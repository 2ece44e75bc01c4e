"""EDTalk's decoder is a modulated convolution stack that warps the source's feature maps and paints the picture."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from networks.edtalk.encoder import levels_of
from networks.stylegan2.layers import EqualConv2d, FusedLeakyReLU, Upsample, channels_last
from networks.stylegan2.modulation import ModulatedConv2d, StyledConv


class _ConstantInput(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.input = nn.Parameter(torch.randn(1, channels, 4, 4))


class ToRGB(nn.Module):
    """Adds a 1x1 convolution, leaky ReLU and bias of a warped map to the doubled picture of the level below."""

    def __init__(self, channels: int, upsample: bool = True) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(1, 3, 1, 1))
        if upsample:
            self.upsample = Upsample()
        self.conv = nn.Sequential(EqualConv2d(channels, 3, 1), FusedLeakyReLU(3))

    def forward(self, warp: Tensor, below: Tensor | None) -> Tensor:
        return self.finish(self.conv[0](warp), below)

    def finish(self, colours: Tensor, below: Tensor | None) -> Tensor:
        """Returns everything after the 1x1 convolution; may overwrite `colours`."""
        picture = self.conv[1](colours) + self.bias
        return picture if below is None else picture + self.upsample(below)

    def colour_weight(self) -> Tensor:
        """Returns the (3, channels) weight of the 1x1 convolution."""
        return self.conv[0].scaled_weight()[:, :, 0, 0]  # type: ignore[operator]


@functools.lru_cache(maxsize=32)
def base_grid(size: int, device: torch.device) -> Tensor:
    """Returns (1, size, size, 2) sampling positions: linspace(-1, 1) in float64 on both axes, x first, cast to
    float32.
    """
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

    def raw(self, hidden: Tensor, latent: Tensor, below: Tensor | None) -> Tensor:
        """Returns (B, 3, S, S) before tanh and sigmoid: two channels of flow, one of mask."""
        raw = self.conv(hidden, latent) + self.bias
        return raw if below is None else raw + self.upsample(below)

    def warp(self, feature: Tensor, raw: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the masked warp of `feature` (B or 1, C, S, S), and the part that the mask leaves for the
        hidden map.
        """
        precise = torch.promote_types(raw.dtype, torch.float32)  # positions need more bits than the short types have
        flow = torch.tanh(raw[:, :2].to(precise))
        grid = base_grid(raw.shape[-1], raw.device) + flow.permute(0, 2, 3, 1)
        mask = torch.sigmoid(raw[:, 2:])
        whole = feature.to(precise).expand(raw.shape[0], -1, -1, -1)
        warp = F.grid_sample(whole, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
        return channels_last(warp.to(mask.dtype) * mask), 1.0 - mask

    def forward(
        self, hidden: Tensor, latent: Tensor, feature: Tensor, below: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Returns the masked warp, the next hidden map, and the raw flow map; may overwrite `hidden`."""
        raw = self.raw(hidden, latent, below)
        warp, rest = self.warp(feature, raw)
        if torch.is_grad_enabled():
            return warp, warp + hidden * rest, raw
        return warp, hidden.mul_(rest).add_(warp), raw


class _AdaptiveNorm(nn.Module):
    """Makes the two vectors gamma and beta (B, channels) of an expression latent."""

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

    The official block also evaluates `conv1` and `norm1` and overwrites their results; here they only keep their
    places in the state dict. `normalised` depends on the source alone, so a caller may compute it once.
    """

    def __init__(self, channels: int, style: int, hidden: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.norm1 = _AdaptiveNorm(style, channels, hidden)
        self.norm2 = _AdaptiveNorm(style, channels, hidden)

    def normalised(self, feature: Tensor) -> Tensor:
        """Returns instance-normalised `conv2(feature)`: per image, biased variance, eps 1e-5, in train and eval
        alike.
        """
        return channels_last(F.instance_norm(self.conv2(feature)))

    def forward(self, feature: Tensor, normalised: Tensor, expression: Tensor) -> Tensor:
        gamma, beta = self.norm2(expression)
        change = torch.addcmul(beta, normalised, 1 + gamma)
        return change + feature if torch.is_grad_enabled() else change.add_(feature)


@dataclass(frozen=True)
class Held:
    """Holds a source's maps (coarse to fine), their `ExpressionBlock.normalised` twins, and the finest map's
    colours.
    """

    features: list[Tensor]
    normalised: list[Tensor]
    colours: Tensor


class Decoder(nn.Module):
    """Maps latent (B, style) + source maps (coarse to fine) + expression latent (B, style) or None -> (B, 3, S, S)."""

    def __init__(
        self, size: int, style: int, channels: Mapping[int, int], expression: bool = True, expression_hidden: int = 128
    ) -> None:
        super().__init__()
        sizes = [8 << level for level in range(levels_of(size))]
        self.expression = expression
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

    def held(self, features: Sequence[Tensor]) -> Held:
        """Returns the source's maps as the levels need them (coarse to fine), the same for every frame."""
        painter = self.to_rgbs[-1].colour_weight()  # type: ignore[operator]
        colours = _project(features[-1], painter)
        if not self.expression:
            return Held(list(features), [], colours)
        maps = [self.fineadainresblock[level].normalised(map_) for level, map_ in enumerate(features)]  # type: ignore[operator]
        maps[-1] = maps[-1].contiguous()  # of the finest map, whole channels are summed: they had better lie together
        return Held(list(features), maps, colours)

    def _painted(self, held: Held, expression: Tensor | None) -> Tensor:
        """(B or 1, 3, S, S): the finest source map after its expression block and the last level's 1x1 convolution.

        Both are linear in the map, so they are applied to three colours instead of to every channel.
        """
        if expression is None:
            return held.colours
        painter = self.to_rgbs[-1].colour_weight()  # type: ignore[operator]
        gamma, beta = self.fineadainresblock[-1].norm2(expression)  # type: ignore[operator]
        weight = painter * (1 + gamma[:, None, :, 0, 0])  # (B, 3, C)
        return held.colours + _project(held.normalised[-1], weight) + (beta[:, :, 0, 0] @ painter.T)[:, :, None, None]

    def forward(self, latent: Tensor, source: Sequence[Tensor] | Held, expression: Tensor | None = None) -> Tensor:
        """Returns the unbounded picture (callers clamp to [-1, 1]).

        source: feature maps, or the `Held` made of them, with a batch of 1 or that of the latents. The last level's
        hidden map is never used and its warp only as colours: warping the colours is the same for a fraction of the
        work, since the warp and the 1x1 convolution are both linear.
        """
        held = source if isinstance(source, Held) else self.held(source)
        hidden = self.conv1(channels_last(self.input.input.expand(latent.shape[0], -1, -1, -1)), latent)
        picture: Tensor | None = None
        flow: Tensor | None = None
        last = len(held.features) - 1
        for level, feature in enumerate(held.features):
            hidden = self.convs[2 * level + 1](self.convs[2 * level](hidden, latent), latent)
            if level == last:
                break
            if expression is not None:
                feature = self.fineadainresblock[level](feature, held.normalised[level], expression)
            warp, hidden, flow = self.to_flows[level](hidden, latent, feature, flow)
            picture = self.to_rgbs[level](warp, picture)
        raw = self.to_flows[last].raw(hidden, latent, flow)  # type: ignore[operator]
        colours, _ = self.to_flows[last].warp(self._painted(held, expression), raw)  # type: ignore[operator]
        return self.to_rgbs[last].finish(colours, picture)  # type: ignore[operator]


def _project(map_: Tensor, weight: Tensor) -> Tensor:
    """1x1 convolution of (B or 1, C, S, S) with a weight (3, C) or (B, 3, C)."""
    return (weight @ map_.flatten(2)).unflatten(-1, map_.shape[-2:])
