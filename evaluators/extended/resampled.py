"""This module computes statistics of many resamples of clips at once; a resample is weights (draws, clips): times
drawn.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]


def drawn(groups: Sequence[Hashable], draws: int, rng: np.random.Generator) -> Float:
    """Returns how often each clip is in each resample of the groups, with repeats: (draws, clips)."""
    place = {name: k for k, name in enumerate(dict.fromkeys(groups))}
    picks = rng.integers(0, len(place), size=(draws, len(place)))
    flat = (picks + len(place) * np.arange(draws)[:, None]).reshape(-1)
    counts = np.bincount(flat, minlength=draws * len(place)).reshape(draws, -1)
    return counts[:, [place[name] for name in groups]].astype(np.float64)


def mean(weights: Float, values: Float) -> Float:
    """Returns the weighted mean over axis 1; nan without weight, or where a value that was drawn is nan."""
    drawn_nan = ((weights > 0) & np.isnan(values)).any(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        means = (weights * np.nan_to_num(values)).sum(axis=1) / weights.sum(axis=1)
    return np.where(drawn_nan, np.nan, means)


def macro_recall(labels: Sequence[str], hits: Float, weights: Float) -> Float:
    """Returns the mean over the labels drawn of the percent of hits (draws, clips)."""
    names, codes = coded(labels)
    recalls = [mean(weights[:, codes == k], hits[:, codes == k]) for k in range(len(names))]
    table = np.stack(recalls, axis=1)
    known = np.isfinite(table)
    with np.errstate(invalid="ignore"):
        return np.asarray(100.0 * np.where(known, table, 0).sum(axis=1) / known.sum(axis=1))


def correlations(first: Float, second: Float, known: npt.NDArray[np.bool_]) -> Float:
    """Returns Pearson's r of each row over its known entries; nan with fewer than three, or without spread."""
    count = known.sum(axis=1, keepdims=True)
    centred = []
    for values in (np.where(known, first, 0), np.where(known, second, 0)):
        centred.append(np.where(known, values - values.sum(axis=1, keepdims=True) / np.maximum(count, 1), 0))
    a, b = centred
    spread = np.square(a).sum(axis=1) * np.square(b).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where((count[:, 0] >= 3) & (spread > 0), (a * b).sum(axis=1) / np.sqrt(spread), np.nan)


def class_sums(vectors: Float, codes: Codes, classes: int, weights: Float) -> tuple[Float, Float]:
    """Returns (weighted sums (draws, classes, d), weights (draws, classes)) of vectors (n, d)."""
    sums = np.zeros((len(weights), classes, vectors.shape[1]))
    totals = np.zeros((len(weights), classes))
    for code in np.unique(codes):
        inside = codes == code
        sums[:, code] = weights[:, inside] @ vectors[inside]
        totals[:, code] = weights[:, inside].sum(axis=1)
    return sums, totals


def reduced(vectors: Float) -> Float:
    """Returns the same vectors in no more dimensions than they span: inner products stay."""
    if vectors.shape[0] >= vectors.shape[1]:
        return vectors
    return np.asarray(np.linalg.qr(vectors.T, mode="r")).T


def coded(names: Sequence[str]) -> tuple[list[str], Codes]:
    """Returns (distinct names in order, place of each name among them): numbers compare faster than words."""
    known = sorted(set(names))
    place = {name: code for code, name in enumerate(known)}
    return known, np.array([place[name] for name in names], dtype=np.intp)
