"""FLOAT's motion autoencoder: a face picture becomes an appearance code, 20 motion coefficients and feature maps.

It belongs to the LIA family (Wang et al., ICLR 2022) and is built of the blocks of EDTalk's generator, at 512 px, with
one orthonormal basis of 20 motion directions and without an expression block. A frame is decoded from the sum of the
appearance code and a motion vector. State-dict names are those of `motion_autoencoder.` in the released `float.pth`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from networks.edtalk.decoder import Decoder, Held
from networks.edtalk.encoder import OFFICIAL_CHANNELS, Encoder, affine_chain, checked_channels
from networks.edtalk.generator import Directions, orthogonal
from networks.stylegan2.layers import Keeper, Kept

SIZE_PX = 512
STYLE_WIDTH = 512
MOTION_WIDTH = 20


@dataclass(frozen=True)
class Portrait:
    """A face picture, encoded once: appearance `s_r` and own motion `r_s` (1, style), and the decoder's maps."""

    s_r: Tensor
    r_s: Tensor
    held: Held


class MotionEncoder(Encoder):
    """(B, 3, S, S) in [-1, 1] -> appearance code, feature maps; `fc` gives the motion coefficients of a code."""

    def __init__(self, size: int, style: int, channels: Mapping[int, int], motion: int) -> None:
        super().__init__(size, style, channels)
        self.fc = affine_chain(style, style, style, style, style, motion)


class MotionDecoder(Decoder):
    """(B, style) + feature maps -> (B, 3, S, S), with the raw motion directions that the checkpoint keeps here."""

    def __init__(self, size: int, style: int, channels: Mapping[int, int], motion: int) -> None:
        super().__init__(size, style, channels, expression=False)
        self.direction = Directions(style, motion)


class MotionAutoencoder(Keeper):
    """The autoencoder; without arguments the official full-size network.

    size: edge of the square pictures in px; style: width of the appearance code; motion: number of directions;
    channels: widths by resolution, 4 px .. `size` px.
    """

    def __init__(
        self,
        size: int = SIZE_PX,
        style: int = STYLE_WIDTH,
        motion: int = MOTION_WIDTH,
        channels: Mapping[int, int] = OFFICIAL_CHANNELS,
    ) -> None:
        super().__init__()
        widths = checked_channels(size, channels)
        self.size, self.style = size, style
        self.enc = MotionEncoder(size, style, widths, motion)
        self.dec = MotionDecoder(size, style, widths, motion)
        self._kept_basis = Kept()

    def basis(self) -> Tensor:
        """Returns orthonormal motion directions (style, motion), float32: Householder QR with the signs that LAPACK
        leaves.
        """
        return self._kept_basis(orthogonal, self.dec.direction.weight)

    def coefficients(self, s_r: Tensor) -> Tensor:
        """Returns (B, motion) coefficients of appearance codes (B, style)."""
        coefficients: Tensor = self.enc.fc(s_r)
        return coefficients

    def motion(self, coefficients: Tensor) -> Tensor:
        """Returns (B, style) motion vectors of coefficients (B, motion)."""
        return coefficients @ self.basis().T

    def portrait(self, image: Tensor) -> Portrait:
        """Returns everything about a picture (1, 3, size, size) in [-1, 1] that does not change from frame to frame."""
        s_r, features = self.enc(image)
        return Portrait(s_r, self.motion(self.coefficients(s_r)), self.dec.held(features))

    def decode(self, portrait: Portrait, motion: Tensor) -> Tensor:
        """Returns pictures (B, 3, size, size), unbounded, of motion vectors (B, style)."""
        pictures: Tensor = self.dec(portrait.s_r + motion, portrait.held)
        return pictures
