"""A set of clips is a pool of feature rows on two sides; this is what every judge by Fréchet distance makes of one."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np

from evaluators.fid.distance import frechet
from evaluators.fid.features import Features
from harness.evaluator import Fields, Statistics


def packed(**arrays: Any) -> bytes:
    """Returns the arrays as plain npz bytes: features hardly compress."""
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def both(rows: Sequence[Statistics]) -> tuple[list[Features], list[Features]]:
    """Returns the features of the clips and of their references, one array a clip."""
    return [row["clip"] for row in rows], [row["reference"] for row in rows]


def stacked(rows: Sequence[Statistics]) -> tuple[Features, Features]:
    """Returns the features with all frames of a side in one array."""
    clips, references = both(rows)
    if not rows:
        return np.zeros((0, 0), dtype=np.float32), np.zeros((0, 0), dtype=np.float32)
    return np.concatenate(clips), np.concatenate(references)


def distance(rows: Sequence[Statistics]) -> float:
    """Returns the Fréchet distance of both sides; nan with fewer than two feature rows on one."""
    clip, reference = stacked(rows)
    return frechet(clip, reference) if min(len(clip), len(reference)) >= 2 else float("nan")


def counts(rows: Sequence[Statistics], fields: Sequence[str] = ("n1", "n2")) -> Fields:
    """Returns the signature's fields of how many feature rows a set has: n1 of the clips, n2 of their references."""
    sides = {"n1": "clip", "n2": "reference"}
    return tuple((field, str(sum(len(row.get(sides[field], ())) for row in rows))) for field in fields)


def size_note(rows: Sequence[Statistics], unit: str, times: int = 1) -> str:
    """Returns the sample sizes in `unit`s, with a warning where one is not above `times` the features' columns."""
    clip, reference = stacked(rows)
    text, least = f"N {len(clip)}/{len(reference)} {unit} of {len(rows)} clips", times * clip.shape[1] + (times == 1)
    few = min(len(clip), len(reference)) < least
    return text + (f", fewer than {least}: biased upwards, compare at equal N only" if few else "")
