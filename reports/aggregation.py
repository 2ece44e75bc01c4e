"""This module says how clips make a number: as the judge declared it, or, in older files, as the signature says."""

from __future__ import annotations

from harness.evaluator import Aggregation

_WEIGHED = ("agg:frame", "agg:frame-mean", "agg:track")


def undeclared(signature: str, pooled: bool) -> Aggregation:
    """Returns a number's aggregation where its file has none. `pooled`: its clips have no values of their own."""
    if pooled:
        return "pooled"
    return "weighted" if set(_WEIGHED) & set(signature.split("|")) else "mean"
