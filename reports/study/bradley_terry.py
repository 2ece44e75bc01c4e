"""The model of Bradley & Terry (1952) gives every method one strength from all comparisons of pairs.

First is preferred to second with the odds exp(strength of first − strength of second). The strengths of largest
likelihood exist where every method has won against the others, directly or through them (Ford 1957); a method that won
or lost everything has none that is finite. How sure a strength is follows from leaving out each rater
(harness.statistics), since answers of one rater resemble each other.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.statistics import Floats, LeftOut

_STEPS = 200
_LONGEST_STEP = 1.0  # of a strength: far from the top, a step of Newton's method may lead anywhere
_ENOUGH = 1e-10


@dataclass(frozen=True)
class Choice:
    """Holds one answer: `winner` was preferred to `loser` by a rater, on the clips of a sample."""

    winner: str
    loser: str
    rater: int
    sample: tuple[str, str]  # dataset, id


def strengths(wins: Floats, start: Floats | None = None) -> Floats:
    """Returns the log strengths (n,), of mean 0, by wins (n, n) of the row's method over the column's.

    nan for all where the likelihood has no finite maximum. start: strengths that are near, for speed.
    """
    count = len(wins)
    if count < 2 or not connected(wins).all():
        return np.full(count, np.nan)
    met, found = wins + wins.T, np.zeros(count) if start is None else start
    for _ in range(_STEPS):
        chance = 1.0 / (1.0 + np.exp(found[None, :] - found[:, None]))
        slope = (wins - met * chance).sum(axis=1)
        weight = met * chance * chance.T
        bend = np.diag(weight.sum(axis=1)) - weight + 1.0 / count  # plus what holds the mean at 0
        step = np.linalg.solve(bend, slope)
        found = found + step / max(1.0, float(np.abs(step).max()) / _LONGEST_STEP)
        if np.abs(step).max() < _ENOUGH:
            break
    return found - found.mean()


def connected(wins: Floats) -> npt.NDArray[np.bool_]:
    """Returns which methods (n,) have won against each other, directly or through others: the largest such group."""
    reached = (wins > 0) | np.eye(len(wins), dtype=bool)
    for middle in range(len(wins)):
        reached |= reached[:, middle : middle + 1] & reached[middle : middle + 1]
    mutual: npt.NDArray[np.bool_] = reached & reached.T
    best: npt.NDArray[np.bool_] = mutual[mutual.sum(axis=1).argmax()]
    return best


def left_out_strengths(choices: Sequence[Choice], methods: Sequence[str]) -> dict[str, LeftOut]:
    """Returns method → its strength with what it is without each rater, and without each sample.

    Of the methods, and of the largest group of them that has finite strengths; the others are absent.
    """
    total = _wins(choices, methods, [0] * len(choices), 1)[0]
    group = connected(total)
    if group.sum() < 2:
        return {}
    kept = [name for name, inside in zip(methods, group, strict=True) if inside]
    inner = [one for one in choices if one.winner in kept and one.loser in kept]
    value = strengths(total[np.ix_(group, group)])
    people, of_person = _without(inner, kept, [one.rater for one in inner], value)
    clips, of_clip = _without(inner, kept, [one.sample for one in inner], value)
    return {
        name: LeftOut(float(value[k]), people[:, k], of_person, clips[:, k], of_clip) for k, name in enumerate(kept)
    }


def _without(
    choices: Sequence[Choice], methods: Sequence[str], parts: Sequence[Hashable], start: Floats
) -> tuple[Floats, Floats]:
    """The strengths (parts, methods) without each part's answers, and how many answers each has."""
    place = {name: index for index, name in enumerate(dict.fromkeys(parts))}
    wins = _wins(choices, methods, [place[part] for part in parts], len(place))
    total = wins.sum(axis=0)
    return np.stack([strengths(total - own, start) for own in wins]), wins.sum(axis=(1, 2))


def _wins(choices: Sequence[Choice], methods: Sequence[str], parts: Sequence[int], count: int) -> Floats:
    place = {name: index for index, name in enumerate(methods)}
    wins = np.zeros((count, len(methods), len(methods)))
    for one, part in zip(choices, parts, strict=True):
        wins[part, place[one.winner], place[one.loser]] += 1
    return wins
