"""Student's t agrees with scipy's."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import stdtr, stdtrit

from harness.student import quantile, tail

FREEDOM = (0.5, 1.0, 2.7, 7.0, 21.0, 47.3, 200.0, 1142.0, 1e5)


@pytest.mark.parametrize("freedom", FREEDOM)
def test_tails_agree(freedom: float) -> None:
    for t in (0.01, 0.5, 1.0, 1.96, 3.0, 8.0, 40.0):
        assert tail(freedom, t) == tail(freedom, -t) == pytest.approx(float(stdtr(freedom, -t)), rel=1e-10, abs=1e-290)


@pytest.mark.parametrize("freedom", FREEDOM[1:])
def test_quantiles_agree(freedom: float) -> None:
    for share in (0.5, 0.6, 0.8, 0.975, 0.999, 1 - 1e-6, 0.025):
        assert quantile(freedom, share) == pytest.approx(float(stdtrit(freedom, share)), rel=1e-8, abs=1e-9)


def test_ends_and_what_is_none() -> None:
    assert tail(3.0, math.inf) == 0.0
    assert tail(3.0, 0.0) == 0.5
    assert np.isnan([tail(0.0, 1.0), tail(math.nan, 1.0), tail(3.0, math.nan)]).all()
