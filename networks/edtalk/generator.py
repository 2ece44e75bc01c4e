"""EDTalk's generator reads a picture's lip, pose and expression codes, and renders it with other codes.

EDTalk (Tan et al., ECCV 2024) moves a source face along learned orthogonal directions: 20 for the lips, 6 for the
pose, 10 for the expression. Names and shapes of the state dict are those of the released `EDTalk.pt` (`gen` entry)
at the default widths, and of `EDTalk_lip_pose.pt` with `expression=False`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from networks.edtalk.audio2lip import Audio2Lip
from networks.edtalk.decoder import Decoder, Held
from networks.edtalk.encoder import Encoder, affine_chain, checked_channels, scaled_channels
from networks.stylegan2.layers import Keeper, Kept

__all__ = ["Audio2Lip", "Codes", "Encoding", "Generator", "Source"]


@dataclass(frozen=True)
class Codes:
    """Holds the codes of N pictures: `exp` (N, 10), `pose` (N, 6), `lip` (N, 20); `exp` has no columns in a lip-pose
    model.
    """

    exp: Tensor
    pose: Tensor
    lip: Tensor


@dataclass(frozen=True)
class Encoding(Codes):
    """Holds codes together with the appearance vectors `wa` (N, style) and the feature maps, coarse to fine."""

    wa: Tensor
    features: list[Tensor]


@dataclass(frozen=True)
class Source:
    """Holds a face to be animated, encoded once: appearance (B, style), and the maps as the decoder needs them."""

    wa: Tensor
    held: Held


class Directions(nn.Module):
    """Holds raw direction columns (style, count), which stay float32 when the network is cast to half precision.

    Their QR decides the axes that the code heads were trained on; rounding them to 16 bits first would tilt the axes.
    """

    def __init__(self, style: int, count: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(style, count))

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> nn.Module:
        kept = self.weight.detach()
        super()._apply(fn, recurse)
        if self.weight.dtype in (torch.float16, torch.bfloat16):
            self.weight.data = kept.to(self.weight.device, copy=True)
        return self


def orthogonal(*blocks: Tensor) -> Tensor:
    """Returns q (style, count) of the reduced Householder QR of the columns of `blocks`, plus 1e-8; differentiable.

    The signs that LAPACK leaves on R's diagonal are part of the trained model: never normalise them. On a GPU the
    factorisation still runs on the CPU, in float32 at least, so that every machine gets the same axes.
    """
    columns = torch.cat(blocks, dim=1)
    with torch.autocast(columns.device.type, enabled=False):
        host = columns.to("cpu", torch.promote_types(columns.dtype, torch.float32)) + 1e-8
        return torch.linalg.qr(host, mode="reduced").Q.to(columns.device)


class Generator(Keeper):
    """Implements EDTalk's generator; without arguments it is the official full-size network.

    size: edge of the square pictures in px (a power of two, >= 8); style: width of the appearance vector;
    channel_multiplier: StyleGAN2's factor on the widths from 64 px up; channels: explicit widths by resolution,
    4 px .. `size` px, instead; lip, pose, exp: code sizes; expression: False for the lip-and-pose model.
    """

    def __init__(
        self,
        size: int = 256,
        style: int = 512,
        channel_multiplier: float = 1,
        channels: Mapping[int, int] | None = None,
        lip: int = 20,
        pose: int = 6,
        exp: int = 10,
        expression: bool = True,
        expression_hidden: int = 128,
    ) -> None:
        super().__init__()
        widths = checked_channels(size, scaled_channels(channel_multiplier) if channels is None else channels)
        self.size, self.lip, self.pose, self.expression = size, lip, pose, expression
        self.exp = exp if expression else 0
        directions = lip + pose + self.exp
        if directions > style:
            raise ValueError(f"{directions} orthogonal directions do not fit into a style of {style} numbers.")
        self.enc = Encoder(size, style, widths)
        self.dec = Decoder(size, style, widths, expression, expression_hidden)
        self.direction_lipnonlip = Directions(style, lip + pose)
        self.fc = affine_chain(style, style, style, style, style)
        self.lip_fc = affine_chain(style, style, style, lip)
        self.pose_fc = affine_chain(style, style, style, pose)
        if expression:
            self.direction_exp = Directions(style, exp)
            self.exp_fc = affine_chain(style, style, style, exp)
        self._kept_bank = Kept()

    def bank(self) -> Tensor:
        """Returns orthonormal directions (style, lip + pose + exp), columns in the order lip, pose, exp; float32.

        Train mode: factorised anew, with gradients. Eval mode: once per set of weights.
        """
        weights: list[Tensor] = [self.direction_lipnonlip.weight]
        if self.expression:
            weights.append(self.direction_exp.weight)
        if self.training:
            return orthogonal(*weights)
        return self._kept_bank(orthogonal, *weights)

    def encode(self, images: Tensor) -> Encoding:
        """Returns codes, appearance and feature maps of (B, 3, size, size) pictures in [-1, 1]."""
        wa, features = self.enc(images)
        codes = self.codes_of_appearance(wa)
        return Encoding(codes.exp, codes.pose, codes.lip, wa, features)

    def codes_of_appearance(self, wa: Tensor) -> Codes:
        """Returns the affine code heads alone: (B, style) -> codes."""
        shared = self.fc(wa)
        exp = self.exp_fc(shared) if self.expression else shared[:, :0]
        return Codes(exp, self.pose_fc(shared), self.lip_fc(shared))

    def codes(self, chunks: Iterable[Tensor], batch: int = 1) -> Codes:
        """Returns codes of a clip given as chunks (n, 3, size, size) in [-1, 1], encoded `batch` frames at a time.

        Memory does not grow with the clip beyond its codes. One frame at a time is fastest on a CPU, and makes the
        result independent of how the clip was cut into chunks.
        """
        parts: list[Codes] = []
        with torch.no_grad():
            for chunk in chunks:
                for piece in chunk.split(batch):
                    parts.append(self.codes_of_appearance(self.enc(piece)[0]))
        if not parts:
            raise ValueError("A clip without frames has no codes.")
        return Codes(*(torch.cat([getattr(part, name) for part in parts]) for name in ("exp", "pose", "lip")))

    def source(self, image: Tensor | Encoding) -> Source:
        """Returns everything about the source picture(s) (B, 3, size, size) that does not change from frame to
        frame.
        """
        if isinstance(image, Encoding):
            wa, features = image.wa, image.features
        else:
            wa, features = self.enc(image)
        return Source(wa, self.dec.held(features))

    def motion(self, lip: Tensor, pose: Tensor, exp: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """Returns motion and expression latents (N, style) of codes (N, ..); the second is None without expression
        codes.
        """
        bank = self.bank()
        parts = [lip, pose] if exp is None or not self.expression else [lip, pose, exp]
        alpha = torch.cat([part.to(bank.dtype) for part in parts], dim=1)
        motion = alpha @ bank[:, : alpha.shape[1]].T
        if exp is None or not self.expression:
            return motion, None
        return motion, exp.to(bank.dtype) @ bank[:, -self.exp :].T

    def render(
        self, source: Tensor | Source | Encoding, lip: Tensor, pose: Tensor, exp: Tensor | None = None
    ) -> Tensor:
        """Returns pictures (N, 3, size, size), unbounded: clamp to [-1, 1] to show them.

        source: one picture (1, 3, size, size), or N of them, or a `Source` / `Encoding` of these; codes: lip (N, 20),
        pose (N, 6), exp (N, 10), where a first axis of 1 stands for all frames. All N frames are held at once; use
        `frames` for clips.
        """
        if not isinstance(source, Source):
            source = self.source(source)
        given = [part for part in (lip, pose, exp) if part is not None]
        count = max(len(part) for part in given)
        lip, pose = lip.expand(count, -1), pose.expand(count, -1)
        motion, expression = self.motion(lip, pose, None if exp is None else exp.expand(count, -1))
        latent = (source.wa + motion).to(source.wa.dtype)
        return self.dec(latent, source.held, None if expression is None else expression.to(latent.dtype))

    def frames(
        self, source: Tensor | Source, lip: Tensor, pose: Tensor, exp: Tensor | None = None, batch: int = 1
    ) -> Iterator[Tensor]:
        """Yields the frames of `render` as (<= batch, 3, size, size) chunks, without gradients, in bounded memory."""
        count = max(len(part) for part in (lip, pose, exp) if part is not None)
        lip, pose = lip.expand(count, -1), pose.expand(count, -1)
        exp = None if exp is None else exp.expand(count, -1)
        with torch.no_grad():
            held = source if isinstance(source, Source) else self.source(source)
        for start in range(0, count, batch):
            rows = slice(start, start + batch)
            with torch.no_grad():
                frame = self.render(held, lip[rows], pose[rows], None if exp is None else exp[rows])
            yield frame
