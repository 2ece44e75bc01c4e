"""This module makes an edited expression track of speech features and source codes: picks, roll-out, fitting."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from cmet.connector import Connector
from networks.edtalk.tracks import OFFICIAL_TRIM, fit_track, held_indices, mirrored_indices

#: This module's address is relied on from outside, for what moved to networks.edtalk.tracks too.
__all__ = [
    "OFFICIAL_TRIM",
    "emotion_difference",
    "fit_track",
    "held_indices",
    "mirrored_indices",
    "official_least",
    "pick_samples",
    "roll_out",
    "whole_windows",
]

Floats = npt.NDArray[np.floating]


def official_least(window: int) -> int:
    """Returns the number of source frames below which the released inference never ends: no track is left to extend."""
    return (OFFICIAL_TRIM // window + 1) * window


def whole_windows(frames: int, window: int) -> int:
    """Returns the number of source frames that can be seen in `frames` frames of a result: whole windows of them."""
    return -(-frames // window) * window


def pick_samples(
    neutral: Sequence[str], target: Sequence[str], num_samples: int = 10, seed: int = 42
) -> tuple[list[str], list[str]]:
    """Returns `num_samples` names of each list (all of them where there are fewer), reproducible: lists are sorted
    first.

    On sorted lists of ten names or more these are the picks of the released code: one `random.Random(seed)` draws from
    the neutral list, then from the target's.
    """
    draw = random.Random(seed)
    first, second = (draw.sample(sorted(names), min(num_samples, len(names))) for names in (neutral, target))
    return first, second


def emotion_difference(neutral: Floats, target: Floats) -> npt.NDArray[np.float32]:
    """Returns the (D,) mean of target features (m, D) minus mean of neutral ones (n, D), not normalised."""
    means = [np.mean(np.asarray(features, dtype=np.float32), axis=0) for features in (neutral, target)]
    return (means[1] - means[0]).astype(np.float32)


def _windows(codes: Tensor, window: int, pad_last: bool) -> Tensor:
    """(W, T, D) consecutive windows; an incomplete last one is dropped, or filled by repeating the last frame."""
    missing = -len(codes) % window
    if missing and pad_last:
        codes = torch.cat((codes, codes[-1:].expand(missing, -1)))
    whole = len(codes) // window
    return codes[: whole * window].reshape(whole, window, codes.shape[1])


def roll_out(connector: Connector, speech: Tensor, codes: Tensor, pad_last: bool = False) -> Tensor:
    """Returns the expression directions (E, n, exp) for E edits of one source track, all of them rolled out together.

    speech: differences (E, 1, D), or (E, W, D) with one for each of the W windows of T frames; codes: the source's
    expression codes (N, exp). n = N - N mod T as in the released code, N with `pad_last`. The directions predicted
    for one window are the reference of the next; the first has zeros. ValueError if nothing would come out, or if
    the number of speech rows is neither 1 nor W.
    """
    windows = _windows(codes, connector.window, pad_last)
    if not len(windows):
        raise ValueError(f"{len(codes)} frames are too few for windows of {connector.window}.")
    edits, rows = speech.shape[:2]
    if rows not in (1, len(windows)):
        raise ValueError(f"{rows} speech vectors do not fit {len(windows)} windows.")
    reference = codes.new_zeros(edits, connector.window, codes.shape[1])
    predicted: list[Tensor] = []
    with torch.no_grad():
        for index, window in enumerate(windows):
            row = index if rows > 1 else 0
            directions, _ = connector(reference, speech[:, row : row + 1], window.expand(edits, -1, -1))
            reference = directions.reshape(edits, connector.window, -1)
            predicted.append(reference)
    return torch.cat(predicted, dim=1)[:, : len(codes)]
