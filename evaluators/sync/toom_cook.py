"""This module computes short convolutions with fewer multiplications (Toom-Cook; Winograd 1980, "Arithmetic complexity
of computations").

m outputs of a filter with r taps need m + r - 1 products instead of m r: inputs and taps are read as polynomials,
evaluated at as many points (one of them infinity), multiplied point by point, and the product's transpose is read
back. The identity is exact; the matrices are made with fractions, and the only error is float32 rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import prod

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float64]
_Rows = list[list[Fraction]]
#: Points in the order in which they are used: small ones round least.
_POINTS = (Fraction(0), Fraction(1), Fraction(-1), Fraction(2), Fraction(-2), Fraction(1, 2))


@dataclass(frozen=True)
class Transforms:
    """Holds the matrices: `outputs @ ((taps @ filter) * (inputs @ signal))` are the m valid outputs of a filter over m
    + r - 1 samples.
    """

    inputs: Matrix  # (m + r - 1, m + r - 1)
    taps: Matrix  # (m + r - 1, r)
    outputs: Matrix  # (m, m + r - 1)


def transforms(outputs: int, taps: int) -> Transforms:
    """Returns the three matrices for `outputs` outputs (m) of a filter with `taps` taps (r), m + r <= 8."""
    points = _POINTS[: outputs + taps - 2]
    if len(points) != outputs + taps - 2 or outputs < 1 or taps < 1:
        raise ValueError(f"no transform for {outputs} outputs of {taps} taps")
    weights = [prod((point - other for other in points if other != point), start=Fraction(1)) for point in points]
    evaluate = [[point**power / weight for power in range(taps)] for point, weight in zip(points, weights, strict=True)]
    read = [[point**power for point in points] + [Fraction(power == outputs - 1)] for power in range(outputs)]
    spread = [[*_polynomial([other for other in points if other != point]), Fraction(0)] for point in points]
    return Transforms(
        _array([*spread, _polynomial(points)]),
        _array([*evaluate, [Fraction(power == taps - 1) for power in range(taps)]]),
        _array(read),
    )


def _polynomial(roots: Sequence[Fraction]) -> list[Fraction]:
    """Coefficients of the product of (x - root), constant first."""
    coefficients = [Fraction(1)]
    for root in roots:
        coefficients = [
            low - root * high
            for low, high in zip([Fraction(0), *coefficients], [*coefficients, Fraction(0)], strict=True)
        ]
    return coefficients


def _array(rows: _Rows) -> Matrix:
    return np.array([[float(value) for value in row] for row in rows])
