"""This module prints numbers: one precision a column, the same in every output."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Protocol

#: Decimals of metrics whose unit fixes them; others follow the size of the column's values.
_DECIMALS = {"%": 1, "dB": 2, "s": 2, "frames": 2}
MISSING = "–"


def decimals(unit: str, values: Iterable[float | None]) -> int:
    """Returns a column's number of decimals: by its unit, else about four significant digits of its largest value."""
    if unit in _DECIMALS:
        return _DECIMALS[unit]
    largest = max((abs(value) for value in values if value is not None), default=0.0)
    return 3 if largest < 10 else 2 if largest < 1000 else 1


def number(value: float | None, places: int, sign: bool = False) -> str:
    """Returns `value` with `places` decimals; a dash where there is none. Minus is U+2212, zero has no sign."""
    if value is None or not math.isfinite(value):
        return MISSING
    rounded = round(value, places) + 0.0
    text = f"{rounded:+.{places}f}" if sign and rounded else f"{rounded:.{places}f}"
    return text.replace("-", "−")


def interval(low: float | None, high: float | None, places: int) -> str:
    """Returns `[low, high]`, or nothing where there is no interval."""
    if low is None or high is None or not (math.isfinite(low) and math.isfinite(high)):
        return ""
    return f"[{number(low, places)}, {number(high, places)}]"


class Counted(Protocol):
    """Describes a number over clips, of which some may have none: a cell of the table, or of a breakdown."""

    @property
    def n_scored(self) -> int: ...

    @property
    def n_expected(self) -> int: ...


def coverage(row: Counted) -> str:
    """Returns scored over expected clips, as printed with every number."""
    return f"{row.n_scored}/{row.n_expected}"


def probability(p: float) -> str:
    """Returns a p-value as it is written in a sentence: `p = 0.012`, `p < 0.0001`."""
    if p < 0.0001:
        return "p < 0.0001"
    return f"p = {p:.4f}" if p < 0.001 else f"p = {p:.3f}" if p < 0.1 else f"p = {p:.2f}"


def difference_unit(unit: str) -> str:
    """Returns the unit of a difference: shares differ by points, not by per cent."""
    return " points" if unit == "%" else f" {unit}" if unit else ""
