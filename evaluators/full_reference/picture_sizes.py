"""Sizes of the compared pictures: a number moves with them, so the signature of a set of clips has them (`res`)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from harness.evaluator import Fields, Statistics

SIDES = ("clip", "reference")
_NAMED = 4  # more sizes than this are counted and told by a hash


def field(rows: Sequence[Statistics]) -> Fields:
    """The signature's field: sizes HxW of the clips, a slash, and of their references, from the rows of a set.

    Rows hold them as `clip_size` and `reference_size`; `?` for rows of before, which did not.
    """
    return (("res", "/".join(_told(rows, f"{side}_size") for side in SIDES)),)


def _told(rows: Sequence[Statistics], key: str) -> str:
    found = sorted({tuple(np.asarray(row[key]).tolist()) if key in row else () for row in rows})
    text = "+".join("x".join(map(str, size)) or "?" for size in found) or "?"
    return text if len(found) <= _NAMED else f"{len(found)}sizes-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
