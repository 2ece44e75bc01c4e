"""This module scores thousands of resamples of extended emotions at once: exact, by sums (10 000 draws).

A resample of the clips is how often each was drawn: weights (draws, clips). Every score of extended_pool is a function
of weighted class sums, so no resample is ever put together. Profile reliability keeps each clip in the half where the
whole set has it: drawn into both halves, it would agree with itself.
Facts: docs/reference/extended_emotions.md, 'Intervals of pooled scores'.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from evaluators.extended import direction, resampled
from harness.statistics import LEVEL

Float = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]
Rows = Sequence[Mapping[str, npt.NDArray[Any]]]
_HELD = 250_000  # numbers held at once


def interval(
    metric: str,
    rows: Rows,
    groups: Sequence[Hashable],
    draws: int,
    rng: np.random.Generator,
    cosine: bool = False,
    scale: float | None = None,
) -> tuple[float, float] | None:
    """Returns the 95 % percentile bootstrap interval over `groups` of clips; None below two groups or two draws with a
    score.
    """
    if len(set(groups)) < 2:
        return None
    size = max(1, _HELD // (len(rows) * len({str(row["label"]) for row in rows})))
    parts = (min(size, draws - first) for first in range(0, draws, size))
    values = np.concatenate([scores(metric, rows, resampled.drawn(groups, n, rng), cosine, scale) for n in parts])
    values = values[np.isfinite(values)]
    if len(values) < 2:
        return None
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def scores(metric: str, rows: Rows, weights: Float, cosine: bool, scale: float | None) -> Float:
    """Returns the score of each resample (draws,); nan where a resample cannot answer."""
    if metric == "ext_shift":
        return _shift(rows, weights, scale)
    if metric == "ext_acc":
        return _accuracy(rows, weights, cosine)
    how: dict[str, Callable[[Rows, Float], Float]] = {
        "ext_identifiability": _identifiability,
        "ext_consistency": _consistency,
        "ext_profile": _reliability,
        "av_structure": _structure,
        "pseudo_agreement": _agreement,
    }
    return how[metric](rows, weights)


def _shift(rows: Rows, weights: Float, scale: float | None) -> Float:
    """The weighted median of |d|, over the weighted mean |d| of the ground truths."""
    asked, real = _asked(rows), [k for k in _true(rows) if str(rows[k]["label"]) != "neutral"]
    if not len(asked) or (scale is None and not len(real)):
        return np.full(len(weights), np.nan)
    lengths = direction.lengths(_stacked(rows, asked, "direction"))
    order = np.argsort(lengths)
    reached = np.cumsum(weights[:, asked][:, order], axis=1)
    total = reached[:, -1:]
    middle = [lengths[order][np.argmax(reached > np.floor(k), axis=1)] for k in ((total - 1) / 2, total / 2)]
    if scale is None:
        unit = resampled.mean(weights[:, real], direction.lengths(_stacked(rows, real, "truth"))[None])
    else:
        unit = np.full(len(weights), scale)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where((total[:, 0] > 0) & (unit > 0), (middle[0] + middle[1]) / 2 / unit, np.nan)


def _accuracy(rows: Rows, weights: Float, cosine: bool) -> Float:
    asked, bank = _asked(rows), _true(rows)
    if not asked or not bank:
        return np.full(len(weights), np.nan)
    hits = _hits(rows, asked, bank, "truth", weights, cosine)
    occurring = weights[:, bank].sum(axis=1) > 0
    return np.where(occurring, 100.0 * resampled.mean(weights[:, asked], hits), np.nan)


def _identifiability(rows: Rows, weights: Float) -> Float:
    asked = _asked(rows)
    if not asked:
        return np.full(len(weights), np.nan)
    hits = _hits(rows, asked, asked, "direction", weights, True)
    return resampled.macro_recall([str(rows[k]["label"]) for k in asked], hits, weights[:, asked])


def _hits(rows: Rows, asked: list[int], bank: list[int], key: str, weights: Float, cosine: bool) -> Float:
    """Whether each asked clip is nearest to its own class of other identities' bank rows: 0 or 1 (draws, asked)."""
    near = np.zeros((len(weights), len(asked)))
    labels = [str(rows[k]["label"]) for k in asked]
    names, parts = _against_others(rows, asked, bank, key, weights, cosine)
    for mine, dots, squares, totals in parts:
        with np.errstate(divide="ignore", invalid="ignore"):
            if cosine:
                close = dots / np.maximum(np.sqrt(squares), 1e-12 * np.maximum(totals, 1))[:, None]
            else:
                close = 2 * dots / totals[:, None] - (squares / totals**2)[:, None]
        close = np.where(totals[:, None] > 0, close, -np.inf)
        guess = np.where(totals.max(axis=1)[:, None] > 0, np.argmax(close, axis=2), -1)
        for column, k in enumerate(mine):
            near[:, k] = guess[:, column] == (names.index(labels[k]) if labels[k] in names else -2)
    return near


_Part = tuple[list[int], Float, Float, Float]


def _against_others(
    rows: Rows, asked: list[int], bank: list[int], key: str, weights: Float, cosine: bool
) -> tuple[list[str], Iterator[_Part]]:
    """(class names, one part an identity): places in `asked`, dots (draws, places, classes) with the sums of the other
    identities' bank rows, their squared lengths and weights (draws, classes). Rows are of length 1 for `cosine`."""
    queries, others = _stacked(rows, asked, "direction"), _stacked(rows, bank, key)
    if cosine:
        queries, others = direction.unit(queries), direction.unit(others)
    both = resampled.reduced(np.concatenate([queries, others]))
    queries, others = both[: len(asked)], both[len(asked) :]
    names, codes = resampled.coded([str(rows[k]["label"]) for k in bank])
    who = np.array([str(rows[k]["identity"]) for k in bank])
    drawn_bank = weights[:, bank]
    sums, totals = resampled.class_sums(others, codes, len(names), drawn_bank)

    def parts() -> Iterator[_Part]:
        people = [str(rows[k]["identity"]) for k in asked]
        for identity in dict.fromkeys(people):
            own = np.flatnonzero(who == identity)
            mine = [k for k, name in enumerate(people) if name == identity]
            own_sums, own_totals = resampled.class_sums(others[own], codes[own], len(names), drawn_bank[:, own])
            rest = sums - own_sums
            dots = np.einsum("bcd,qd->bqc", rest, queries[mine], optimize=True)
            yield mine, dots, np.square(rest).sum(axis=2), totals - own_totals

    return names, parts()


def _consistency(rows: Rows, weights: Float) -> Float:
    """Mean cosine of pairs of one emotion minus that of the others, different identities only."""
    asked = _asked(rows)
    if not asked:
        return np.full(len(weights), np.nan)
    unit = direction.unit(_stacked(rows, asked, "direction"))
    who = np.array([str(rows[k]["identity"]) for k in asked])
    apart = (who[:, None] != who[None, :]).astype(np.float64)
    _, codes = resampled.coded([str(rows[k]["label"]) for k in asked])
    alike = apart * (codes[:, None] == codes[None, :])
    w, cosines = weights[:, asked], unit @ unit.T
    same, every, same_pairs, pairs = (
        ((w @ matrix) * w).sum(axis=1) for matrix in (alike * cosines, apart * cosines, alike, apart)
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(same / same_pairs - (every - same) / (pairs - same_pairs))


def _reliability(rows: Rows, weights: Float) -> Float:
    """Correlation of both halves' profiles."""
    asked = _asked(rows)
    real = [k for k in _true(rows) if k not in asked and str(rows[k]["label"]) != "neutral"]
    if not asked or not real:
        return np.full(len(weights), np.nan)
    each = np.full((len(weights), len(asked), len({str(rows[k]["label"]) for k in real})), np.nan)
    for mine, dots, squares, totals in _against_others(rows, asked, real, "truth", weights, True)[1]:
        close = dots / np.maximum(np.sqrt(squares), 1e-12 * np.maximum(totals, 1))[:, None]
        each[:, mine] = np.where(totals[:, None] > 0, close, np.nan)
    labels = [str(rows[k]["label"]) for k in asked]
    half = np.array([labels[:k].count(name) % 2 for k, name in enumerate(labels)])
    halves: tuple[list[Float], list[Float]] = ([], [])
    for name in sorted(set(labels)):
        for side, table in enumerate(halves):
            chosen = np.flatnonzero((half == side) & (np.array(labels) == name))
            table.append(resampled.mean(weights[:, asked][:, chosen, None], each[:, chosen]))
    first, second = (np.concatenate(table, axis=1) for table in halves)
    return resampled.correlations(first, second, np.isfinite(first) & np.isfinite(second))


def _structure(rows: Rows, weights: Float) -> Float:
    """Spearman's rho of the emotions' distances in both spaces."""
    if not rows:
        return np.full(len(weights), np.nan)
    names, codes = resampled.coded([str(row["label"]) for row in rows])
    above = np.triu_indices(len(names), 1)
    ranks: list[Float] = []
    there: Float = np.zeros(0)
    for key in ("voice", "direction"):
        sums, totals = resampled.class_sums(
            resampled.reduced(_stacked(rows, range(len(rows)), key)), codes, len(names), weights
        )
        means = sums / np.maximum(totals, 1)[..., None]
        unit = means / np.maximum(np.linalg.norm(means, axis=2, keepdims=True), 1e-12)
        apart = (1.0 - unit @ unit.transpose(0, 2, 1))[:, above[0], above[1]].round(12)
        there = ((totals > 0)[:, above[0]] & (totals > 0)[:, above[1]]).astype(np.float64)
        ranks.append(_ranks(np.where(there > 0, apart, np.inf)))
    return resampled.correlations(ranks[0], ranks[1], there > 0)


def _ranks(values: Float) -> Float:
    """Ranks within each row (n, m), from 1; equal values share the mean of theirs."""
    here, there = values[:, :, None], values[:, None, :]
    return (there < here).sum(axis=2) + ((there == here).sum(axis=2) + 1) / 2


def _agreement(rows: Rows, weights: Float) -> Float:
    """Macro recall of the pseudo-labels, decided among those that occur in the resample."""
    if not rows:
        return np.full(len(weights), np.nan)
    classes = [str(name) for name in rows[0]["classes"]]
    given = [str(row["pseudo"]) for row in rows]
    logits = np.stack([np.asarray(row["logits"], dtype=np.float64) for row in rows])
    one_hot = np.array([[label == name for name in classes] for label in given], dtype=np.float64)
    occurs = weights @ one_hot > 0
    guesses = np.argmax(np.where(occurs[:, None], logits, -np.inf), axis=2)
    hits = guesses == np.argmax(one_hot, axis=1)
    return resampled.macro_recall(given, hits.astype(np.float64), weights)


def _asked(rows: Rows) -> list[int]:
    """Places of the clips that count as answers."""
    return [k for k, row in enumerate(rows) if bool(row["extended"])]


def _true(rows: Rows) -> list[int]:
    """Places of the clips that have a ground truth."""
    return [k for k, row in enumerate(rows) if len(row["truth"])]


def _stacked(rows: Rows, chosen: Sequence[int] | range, key: str) -> Float:
    return np.stack([np.asarray(rows[k][key], dtype=np.float64) for k in chosen])
