"""How clips make a number: as the judge declared it, or as the signature says in files of before judges declared it."""

from __future__ import annotations

from harness.evaluator import Aggregation

_WEIGHED = ("agg:frame", "agg:frame-mean", "agg:track")


def undeclared(signature: str, pooled: bool) -> Aggregation:
    """The aggregation of a number whose file does not say it. `pooled`: its clips have no values of their own."""
    if pooled:
        return "pooled"
    return "weighted" if set(_WEIGHED) & set(signature.split("|")) else "mean"
