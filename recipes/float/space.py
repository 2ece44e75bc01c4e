"""Gives FLOAT's motion space a meaning, and the motion autoencoder a start: both come from the demo EDTalk generator.

FLOAT's autoencoder is EDTalk's without the expression block, and the shipped generator already draws puppets. Its style
of 128 numbers is narrowed by an orthonormal map that keeps what mouth, head and expression move along, what its heads
read, and the directions of the largest spread; all layers that meet the style are folded with that map, so nothing else
changes. The first 13 motion directions stand for the 13 parameters of a puppet's picture, exactly.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from networks.edtalk.files import SHIPPED_GENERATOR
from networks.edtalk.generator import Generator
from networks.float.autoencoder import MotionAutoencoder
from networks.stylegan2.layers import EqualLinear
from recipes.alphabet import Alphabet
from recipes.faces import PictureState, pictures, random_states

SIZE, STYLE, MOTION = 128, 56, 20
CHANNELS = {4: 64, 8: 64, 16: 64, 32: 32, 64: 16, 128: 6}
_SEEN = 240  # pictures whose styles say which directions spread
_PARAMETERS = 13  # of a puppet's picture: mouth 2, head and lids 6, affect 5


class MotionAlphabet:
    """Maps the parameters of puppets' pictures to motion vectors of the demo FLOAT: one axis of the style each.

    count: the parameters.
    """

    count = _PARAMETERS

    def __init__(self) -> None:
        self._axes, self._codes = Alphabet().axes(), Alphabet()

    def parameters(self, state: PictureState) -> Tensor:
        """Returns (n, 13) numbers of about unit spread: mouth, head and lids, affect."""
        codes = self._codes.codes(state)
        return torch.cat((codes.lip, codes.pose, codes.exp), dim=1) @ self._axes

    def motion(self, state: PictureState) -> Tensor:
        """Returns (n, STYLE): the exact motion vectors of `state`."""
        found = self.parameters(state)
        return torch.cat((found, found.new_zeros(len(found), STYLE - _PARAMETERS)), dim=1)


@dataclass(frozen=True)
class _Heads:
    """The generator's code heads as one affine map, in parameters: `matrix` (13, style), `offset` (13,)."""

    matrix: Tensor
    offset: Tensor


def start() -> MotionAutoencoder:
    """Returns the autoencoder that the shipped generator becomes without its expression block, in train mode."""
    generator = SHIPPED_GENERATOR.load()
    axes = Alphabet().axes()
    heads = _heads(generator, axes)
    narrow = _narrowing(generator, generator.bank() @ axes, heads)
    autoencoder = MotionAutoencoder(SIZE, STYLE, MOTION, CHANNELS)
    _copy(generator, autoencoder, narrow)
    _set_heads(autoencoder, heads.matrix @ narrow, heads.offset)
    return autoencoder.train()


def _heads(generator: Generator, axes: Tensor) -> _Heads:
    style = generator.direction_lipnonlip.weight.shape[0]
    probes = torch.cat((torch.zeros(1, style), torch.eye(style)))
    codes = generator.codes_of_appearance(probes)
    read = torch.cat((codes.lip, codes.pose, codes.exp), dim=1) @ axes
    return _Heads((read[1:] - read[0]).T, read[0])


@torch.no_grad()
def _narrowing(generator: Generator, moves: Tensor, heads: _Heads) -> Tensor:
    """(style, STYLE) with orthonormal columns: motion, the heads' rows, then the largest spread of styles in use."""
    state = random_states(np.random.default_rng([2024, 51]), _SEEN)
    styles = torch.cat([generator.enc(part)[0] for part in pictures(state, generator.size).split(16)])
    known = torch.linalg.qr(torch.cat((moves, heads.matrix.T), dim=1)).Q
    known[:, :_PARAMETERS] = moves  # orthonormal already; QR may have turned signs
    rest = styles - (styles @ known) @ known.T
    spread = torch.linalg.svd(rest, full_matrices=False).Vh[: STYLE - known.shape[1]]
    return torch.cat((known, spread.T), dim=1)


@torch.no_grad()
def _copy(generator: Generator, autoencoder: MotionAutoencoder, narrow: Tensor) -> None:
    """Takes every layer over; those that meet the style are folded with `narrow`."""
    have = generator.state_dict()
    ratio = math.sqrt(narrow.shape[1] / narrow.shape[0])  # an equalised layer is scaled by 1/sqrt(inputs)
    last = f"enc.net_app.convs.{len(autoencoder.enc.net_app.convs) - 1}.weight"
    state = autoencoder.state_dict()
    for name in state:
        if name.endswith("modulation.weight"):
            state[name] = have[name] @ narrow * ratio
        elif name == last:
            state[name] = torch.einsum("sw,schk->wchk", narrow, have[name])
        elif name in have and have[name].shape == state[name].shape:
            state[name] = have[name]
    state["dec.direction.weight"] = torch.eye(STYLE)[:, :MOTION]
    autoencoder.load_state_dict(state)


@torch.no_grad()
def _set_heads(autoencoder: MotionAutoencoder, matrix: Tensor, offset: Tensor) -> None:
    """Makes the chain of layers the affine map of the heads: identities, and everything in the last one."""
    chain = [layer for layer in autoencoder.enc.fc if isinstance(layer, EqualLinear)]
    for layer in chain:
        layer.bias.zero_()
        nn.init.eye_(layer.weight).div_(layer.scale)
    signs = autoencoder.basis()[:_PARAMETERS, :_PARAMETERS].T.round()  # what QR makes of unit vectors
    chain[-1].weight.zero_()
    chain[-1].weight[:_PARAMETERS] = signs @ matrix / chain[-1].scale
    chain[-1].bias[:_PARAMETERS] = signs @ offset
