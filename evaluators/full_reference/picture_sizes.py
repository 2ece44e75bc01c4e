"""A number moves with the sizes of the compared pictures, so the signature of a set of clips has them (`res`)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from harness.evaluator import Fields, Statistics

SIDES = ("clip", "reference")
_NAMED = 4  # more sizes than this are counted and named by a hash


def field(rows: Sequence[Statistics]) -> Fields:
    """Returns the signature's field: sizes HxW of the clips, a slash, and of their references, from the rows of a set.

    Rows hold them as `clip_size` and `reference_size`; `?` for older rows, which did not.
    """
    return (("res", "/".join(_listed(rows, f"{side}_size") for side in SIDES)),)


def _listed(rows: Sequence[Statistics], key: str) -> str:
    sizes = sorted({tuple(np.asarray(row[key]).tolist()) if key in row else () for row in rows})
    text = "+".join("x".join(map(str, size)) or "?" for size in sizes) or "?"
    return text if len(sizes) <= _NAMED else f"{len(sizes)}sizes-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
