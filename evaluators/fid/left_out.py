"""This module computes the FID of a set without each of several groups of its clips, which says how sure the FID is.

A bootstrap repeats clips, and FID is biased the more the fewer distinct pictures there are, so its draws lie far above
the estimate and spread twice too wide; sets without one group keep their bias to within one group in all (Efron & Stein
1981). Beyond 1000 frames a side and 512 columns they are measured in the 256 leading common directions of both sides.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import numpy as np
import numpy.typing as npt

from evaluators.fid.distance import frechet

Rows = Sequence[npt.NDArray[np.float32]]  # one array (frames, columns) a clip
Array = npt.NDArray[np.float64]
LARGE = 1000  # frames of either side from which on every direction is too dear
LEADING = 256  # principal directions that larger sets are measured in


def distances_without(clips: Rows, references: Rows, groups: Sequence[Sequence[int]]) -> list[float]:
    """Returns the FID without each group (places of clips, both sides together); nan where fewer than two frames are
    left.
    """
    first, second = projected(np.concatenate(clips).astype(float), np.concatenate(references).astype(float))
    ends = [[0, *accumulate(map(len, side))] for side in (clips, references)]

    def kept(rows: Array, ends: Sequence[int], group: Sequence[int]) -> Array:
        there = np.ones(len(rows), dtype=bool)
        for place in group:
            there[ends[place] : ends[place + 1]] = False
        return rows[there]

    found = []
    for group in groups:
        one, other = kept(first, ends[0], group), kept(second, ends[1], group)
        found.append(frechet(one, other) if min(len(one), len(other)) >= 2 else float("nan"))
    return found


def projected(first: Array, second: Array) -> tuple[Array, Array]:
    """Returns both sets in their leading common principal directions; as they are where all directions are cheap."""
    if first.shape[1] <= 2 * LEADING or min(len(first), len(second)) <= LARGE:
        return first, second
    both = np.concatenate([first, second])
    centred = both - both.mean(axis=0)
    leading = np.linalg.eigh(centred.T @ centred)[1][:, -LEADING:]
    return first @ leading, second @ leading
