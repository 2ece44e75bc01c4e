"""Gives the demo generator's codes a meaning: fixed maps from the renderer's parameters, which heads learn."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from networks.edtalk.generator import Codes
from recipes.faces import POSE_SPAN, PictureState


class Alphabet:
    """Maps codes to what they stand for: fixed orthogonal maps from the renderer's parameters to lip, pose and exp
    codes.

    The decoder trains on exact codes from its first step, and the encoder's heads regress them, so neither waits for
    the other. Codes are of unit spread or so, like EDTalk's.
    """

    def __init__(self) -> None:
        fixed = torch.Generator().manual_seed(0)
        self._exp, self._pose, self._lip = (
            torch.linalg.qr(torch.randn(rows, columns, generator=fixed)).Q
            for rows, columns in ((10, 5), (6, 6), (20, 2))
        )

    def codes(self, state: PictureState, device: str = "cpu") -> Codes:
        """Returns the exact codes of `state`: exp (n, 10), pose (n, 6), lip (n, 20), on `device`."""
        exp = torch.from_numpy(state.affect).float() * 2.5
        pose = torch.from_numpy(state.pose / (0.6 * POSE_SPAN)).float()
        lip = torch.from_numpy((state.lip - np.array([0.4, 0.0])) / np.array([0.2, 0.5])).float()
        made = (exp @ self._exp.T, pose @ self._pose.T, lip @ self._lip.T)
        return Codes(*(part.to(device) for part in made))

    def axes(self) -> Tensor:
        """Returns (36, 13) orthonormal columns: codes in the order lip, pose, exp, of the parameters in that order."""
        return torch.block_diag(self._lip, self._pose, self._exp)

    def moods(self, exp: Tensor) -> npt.NDArray[np.float64]:
        """Returns the points (n, 5) of the affect space that expression codes or directions (n, 10) stand for."""
        return (exp.double() @ self._exp.double() / 2.5).numpy()


def code_loss(predicted: Codes, exact: Codes, absolute: float, each: int) -> Tensor:
    """Returns the squared error per parameter: of differences within one puppet, plus `absolute` of the whole.

    Rows come `each` to a puppet. The face at rest makes most of the difference between pictures; a head that must
    only explain the differences within a puppet finds them many times sooner.
    """
    total = predicted.exp.new_zeros(())
    for name, parameters in (("exp", 5), ("pose", 6), ("lip", 2)):
        error = getattr(predicted, name) - getattr(exact, name)
        within = error.unflatten(0, (-1, each))
        within = within - within.mean(1, keepdim=True)
        total = total + (within.square().sum(2).mean() + absolute * error.square().sum(1).mean()) / parameters
    return total


def mix(predicted: Codes, exact: Codes, rng: np.random.Generator) -> Codes:
    """Returns, for each picture and group, the encoder's code or the exact one, by a coin."""
    parts = []
    for name in ("exp", "pose", "lip"):
        coin = torch.from_numpy(rng.random((len(exact.exp), 1)) < 0.5).to(exact.exp.device)
        parts.append(torch.where(coin, getattr(predicted, name), getattr(exact, name)))
    return Codes(*parts)
