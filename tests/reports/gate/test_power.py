"""A verdict says what it could not have seen, and that is true."""

from __future__ import annotations

import numpy as np
import pytest

from reports.gate.gate import compare
from reports.gate.power import needed
from reports.gate.text import plain
from reports.gate.verdict import CellVerdict
from tests.reports.gate.test_clip_rules import changed, run_of
from tests.reports.gate.test_gate import quick_run
from tests.reports.gate.test_gate_coverage import cell_of


def lse_c(seed: int, loss: float = 0.0) -> CellVerdict:
    return cell_of(
        compare(quick_run(2 * seed, world=seed), quick_run(2 * seed + 1, world=seed, shift={"lse_c": -loss})), "lse_c"
    )


def test_the_least_loss_of_a_noisy_number_is_found_in_four_of_five_runs() -> None:
    least = float(np.mean([lse_c(seed).least or 0.0 for seed in range(20)]))
    assert 20 <= sum(lse_c(seed, least).state == "worse" for seed in range(20, 52)) <= 31


def test_shares_are_seen_in_whole_clips() -> None:
    right = np.array([100.0] * 12 + [0.0] * 2)
    verdict = compare(run_of("acc", right), run_of("acc", right))
    assert verdict.cells[0].least == pytest.approx(100 / 14)
    assert "Blind below −7.1 points of Accuracy on these 14 clips (about 20 would show −5.0)." in plain(verdict)
    one = compare(run_of("acc", right), run_of("acc", changed(right, [0], 0.0)))
    assert (one.exit_code, one.cells[0].change) == (3, pytest.approx(-100 / 14))


def test_noise_makes_a_share_blind_and_more_clips_see() -> None:
    """The least p-value of 14 clips lets none of fewer than 7 lost ones through: at 0.02, 2 of 2^7 sign patterns."""
    right = np.array([100.0] * 12 + [0.0] * 2)
    flipped = changed(right, [0, 12], [0.0, 100.0])
    cell = compare(run_of("acc", right, noisy=True), run_of("acc", flipped, noisy=True)).cells[0]
    assert cell.least == pytest.approx(50.0)
    verdict = compare(quick_run(0, clips=50), quick_run(1, clips=50))
    accuracy = cell_of(verdict, "acc")
    assert accuracy.least is not None
    assert needed(accuracy) == int(np.ceil(50 * (accuracy.least / 5.0) ** 2))
