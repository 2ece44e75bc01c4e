"""This module computes statistics of emotion directions: pure functions of arrays, numpy only.

A direction is the effect of an edit in some feature space: mean features of a clip minus those of the neutral clip
of the same identity. n directions are rows (n, d); `labels` and `identities` are n names.
Facts: docs/reference/extended_emotions.md, 'Measures'.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import permutations

import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float64]
_EXACT_PERMUTATIONS = 8  # up to 8 emotions every permutation is tried


def lengths(directions: npt.ArrayLike) -> Float:
    """Returns |d| of each direction."""
    return np.linalg.norm(np.asarray(directions, dtype=np.float64), axis=1)


def unit(directions: npt.ArrayLike) -> Float:
    """Returns the directions scaled to length 1; a zero direction stays zero."""
    rows = np.asarray(directions, dtype=np.float64)
    return np.asarray(rows / np.maximum(lengths(rows), 1e-12)[:, None])


def centroid_guesses(
    queries: npt.ArrayLike,
    query_identities: Sequence[str],
    bank: npt.ArrayLike,
    bank_labels: Sequence[str],
    bank_identities: Sequence[str],
    cosine: bool,
) -> list[str]:
    """Returns the name of the nearest class centroid for each query; centroids leave the query's own identity out.

    A class that no other identity shows cannot be guessed; "" where there is none at all. `cosine`: unit
    directions and cosine similarity; else Euclidean distance.
    """
    rows, others = np.asarray(queries, dtype=np.float64), np.asarray(bank, dtype=np.float64)
    if cosine:
        rows, others = unit(rows), unit(others)
    if not len(others):
        return [""] * len(rows)
    (classes, codes), (people, who) = coded(bank_labels), coded(bank_identities)
    places = [np.flatnonzero(codes == code) for code in range(len(classes))]
    far = _distances_to(np.array([others[place].mean(axis=0) for place in places]), rows, cosine)
    asked: dict[str, list[int]] = defaultdict(list)
    for k, identity in enumerate(query_identities):
        asked[identity].append(k)
    means, at = [], []  # of classes without the clips of a person in them: only these centroids are not everybody's
    for code, person in dict.fromkeys(zip(codes.tolist(), who.tolist(), strict=True)):
        mine, left = asked.get(people[person], []), places[code][who[places[code]] != person]
        at += [(k, code) for k in mine]
        means += [
            np.add.reduce(others[left], axis=0) / len(left) if len(left) else np.full(others.shape[1], np.nan)
        ] * len(mine)
    if at:
        own, code_of = map(list, zip(*at, strict=True))
        far[own, code_of] = np.nan_to_num(_each(np.array(means), rows[own], cosine), nan=np.inf)
    return [classes[k] if np.isfinite(far[row, k]) else "" for row, k in enumerate(far.argmin(axis=1))]


def coded(names: Sequence[str]) -> tuple[list[str], npt.NDArray[np.intp]]:
    """Returns (distinct names in order, place of each name among them): numbers compare faster than words."""
    known = sorted(set(names))
    place = {name: code for code, name in enumerate(known)}
    return known, np.array([place[name] for name in names], dtype=np.intp)


def _distances_to(centroids: Float, rows: Float, cosine: bool) -> Float:
    """How far each of (n, d) rows is from each of (k, d) centroids, (n, k): −cosine for unit rows, or Euclidean."""
    if cosine:
        return np.asarray(-(rows @ unit(centroids).T))
    return np.asarray(np.linalg.norm(centroids - rows[:, None], axis=2))


def _each(centroids: Float, rows: Float, cosine: bool) -> Float:
    """How far each of (n, d) rows is from its own of (n, d) centroids."""
    return -np.einsum("nd,nd->n", rows, unit(centroids)) if cosine else lengths(centroids - rows)


def macro_recall(labels: Sequence[str], guesses: Sequence[str]) -> float:
    """Returns the mean over the labels that occur of the percent guessed right; nan for no labels."""
    asked, guess = np.array(labels), np.array(guesses)
    if len(asked) == 0:
        return float("nan")
    return 100.0 * float(np.mean([np.mean(guess[asked == name] == name) for name in np.unique(asked)]))


def confusion(labels: Sequence[str], guesses: Sequence[str]) -> tuple[list[str], npt.NDArray[np.int64]]:
    """Returns (names, counts): counts[i, j] of label i guessed as j, over every name on either side."""
    names = sorted({*labels, *guesses})
    counts = np.zeros((len(names), len(names)), dtype=np.int64)
    for label, guess in zip(labels, guesses, strict=True):
        counts[names.index(label), names.index(guess)] += 1
    return names, counts


def kappa(labels: Sequence[str], guesses: Sequence[str]) -> float:
    """Returns Cohen's kappa: agreement beyond chance; nan where chance alone agrees fully."""
    _, counts = confusion(labels, guesses)
    total = counts.sum()
    expected = float((counts.sum(axis=0) * counts.sum(axis=1)).sum()) / float(total**2) if total else 1.0
    return (float(np.trace(counts)) / float(total) - expected) / (1.0 - expected) if expected < 1.0 else float("nan")


def label_ceiling(emotions: Sequence[str], given: Sequence[str]) -> float:
    """Returns the percent of emotions that the best guess from a given label alone finds: the ceiling of label-driven
    methods.
    """
    pairs = list(zip(given, emotions, strict=True))
    if not pairs:
        return float("nan")
    best = 0
    for label in set(given):
        possible = [emotion for known, emotion in pairs if known == label]
        best += max(possible.count(emotion) for emotion in set(possible))
    return 100.0 * best / len(pairs)


def class_means(directions: npt.ArrayLike, labels: Sequence[str]) -> tuple[list[str], Float]:
    """Returns (names in order, mean direction of each (k, d))."""
    rows, known = np.asarray(directions, dtype=np.float64), np.array(labels)
    names = sorted(set(labels))
    return names, np.array([rows[known == name].mean(axis=0) for name in names])


def structure_agreement(first: npt.ArrayLike, second: npt.ArrayLike) -> float:
    """Returns Spearman's rho of the cosine distances among k emotions in two spaces (k, d1), (k, d2); nan for k < 3."""
    a, b = _distances(first), _distances(second)
    return _spearman(a[np.triu_indices(len(a), 1)], b[np.triu_indices(len(b), 1)]) if len(a) >= 3 else float("nan")


def structure_p_value(first: npt.ArrayLike, second: npt.ArrayLike, draws: int, rng: np.random.Generator) -> float:
    """Returns the share of permutations of the emotions that agree at least as well (Mantel); exact up to 8
    emotions.
    """
    a, b = _distances(first), _distances(second)
    count = len(a)
    if count < 3:
        return float("nan")
    exact = count <= _EXACT_PERMUTATIONS
    orders = np.array(list(permutations(range(count))) if exact else [rng.permutation(count) for _ in range(draws)])
    rows, columns = np.triu_indices(count, 1)
    ranks = np.zeros_like(b)
    ranks[rows, columns] = ranks[columns, rows] = _centred_ranks(b[rows, columns])
    target = _centred_ranks(a[rows, columns])
    agreement = ranks[orders[:, rows], orders[:, columns]] @ target  # Spearman up to a constant factor
    reached = int((agreement >= ranks[rows, columns] @ target - 1e-9).sum())
    return reached / len(orders) if exact else (reached + 1) / (len(orders) + 1)


def profile(direction: npt.ArrayLike, basis: npt.ArrayLike) -> Float:
    """Returns cosines of one direction (d,) with k basic ones (k, d)."""
    return np.asarray(unit(basis) @ unit(np.asarray(direction, dtype=np.float64)[None])[0])


def _distances(rows: npt.ArrayLike) -> Float:
    directions = unit(rows)
    return 1.0 - directions @ directions.T


def _spearman(first: Float, second: Float) -> float:
    a, b = _centred_ranks(first), _centred_ranks(second)
    scale = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / scale if scale > 0 else float("nan")


def _centred_ranks(values: Float) -> Float:
    """Ranks with ties shared, less their mean."""
    _, inverse, counts = np.unique(values.round(12), return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    ranks = (ends - (counts - 1) / 2.0)[inverse.reshape(-1)]
    return np.asarray(ranks - ranks.mean())
