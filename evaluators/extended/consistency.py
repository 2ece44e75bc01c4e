"""This module measures whether an extended emotion is one thing across people (docs/reference/extended_emotions.md,
'Measures').

n directions are rows (n, d); `labels` and `identities` are n names.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from evaluators.extended import direction

Float = npt.NDArray[np.float64]
_SHUFFLES_AT_ONCE = 200


def within_between(
    directions: npt.ArrayLike,
    labels: Sequence[str],
    identities: Sequence[str],
    draws: int = 0,
    rng: np.random.Generator | None = None,
) -> tuple[float, float]:
    """Returns (mean cosine inside emotions minus across them, p), pairs of different identities only.

    p: share of label shuffles inside identities that reach the value, the observed one counted; nan without draws.
    The value is nan where no emotion is shown by two identities, or only one emotion is.
    """
    rows, (names, codes) = direction.unit(directions), np.unique(np.array(labels), return_inverse=True)
    who = np.array(identities)
    apart = (who[:, None] != who[None, :]).astype(np.float64)
    if not len(rows) or len(names) < 2:
        return float("nan"), float("nan")
    cosines, given = (rows @ rows.T) * apart, codes.reshape(1, -1)
    observed = float(_gaps(cosines, apart, given, len(names))[0])
    if not draws or rng is None or not np.isfinite(observed):
        return observed, float("nan")
    reached = 1
    for first in range(0, draws, _SHUFFLES_AT_ONCE):
        shuffled = np.repeat(given, min(_SHUFFLES_AT_ONCE, draws - first), axis=0)
        for name in np.unique(who):
            inside = np.flatnonzero(who == name)
            shuffled[:, inside] = rng.permuted(shuffled[:, inside], axis=1)
        reached += int((_gaps(cosines, apart, shuffled, len(names)) >= observed - 1e-12).sum())
    return observed, reached / (draws + 1)


def _gaps(cosines: Float, apart: Float, codes: npt.NDArray[np.intp], classes: int) -> Float:
    """Mean cosine of pairs with equal code minus that of the others, for each row of codes (b, n)."""
    members = (codes[:, :, None] == np.arange(classes)).astype(np.float64)  # (b, n, k)
    same = np.einsum("bnk,bnk->b", members, _pairs(cosines, members))
    count = np.einsum("bnk,bnk->b", members, _pairs(apart, members))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(same / count - (cosines.sum() - same) / (apart.sum() - count))


def _pairs(matrix: Float, members: Float) -> Float:
    """matrix (n, n) times every (n, k) of members (b, n, k), as one product."""
    batch, rows, classes = members.shape
    flat = matrix @ members.transpose(1, 0, 2).reshape(rows, batch * classes)
    return np.asarray(flat.reshape(rows, batch, classes).transpose(1, 0, 2))


def profiles(
    directions: npt.ArrayLike,
    labels: Sequence[str],
    identities: Sequence[str],
    truth: npt.ArrayLike,
    truth_labels: Sequence[str],
    truth_identities: Sequence[str],
) -> tuple[list[str], list[str], Float]:
    """Returns (emotions, basic emotions, cosines (emotions, basics)): how much of each real basic emotion an emotion
    holds.

    A clip is compared with the mean real direction of each basic emotion over the OTHER identities;
    nan where no other identity shows it.
    """
    rows, real, who = direction.unit(directions), direction.unit(truth), np.array(truth_identities)
    emotions, basics, names = sorted(set(labels)), sorted(set(truth_labels)), np.array(truth_labels)
    each = np.full((len(rows), len(basics)), np.nan)
    for k, identity in enumerate(identities):
        for column, name in enumerate(basics):
            chosen = real[(names == name) & (who != identity)]
            if len(chosen):
                each[k, column] = float(direction.profile(rows[k], chosen.mean(axis=0)[None])[0])
    table = [np.mean(each[np.array(labels) == name], axis=0) for name in emotions]
    return emotions, basics, np.array(table).reshape(len(emotions), len(basics))


def split_half(first: Float, second: Float) -> float:
    """Returns the Pearson correlation of two halves' profiles over all their finite entries; nan with fewer
    than three.
    """
    known = np.isfinite(first) & np.isfinite(second)
    a, b = first[known], second[known]
    if len(a) < 3 or not (a.std() > 0 and b.std() > 0):
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])
