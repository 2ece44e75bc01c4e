"""This module says what a comparison could not have seen, and how many samples would do."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from harness import student
from harness.statistics import units_needed
from reports.gate.clip_rules import Changes, Rules
from reports.gate.repeats import least_lost
from reports.gate.verdict import CellVerdict, Key

POWER = 0.8  # a fall that is called seen is found in so many of such comparisons
WANTED = 5.0  # times the least change that matters: what the advice is for
HEADLINES = ("emotion_acc", "lse_c", "identity_sim", "fid", "lse_d", "ext_acc")  # the first that are there are told
TOLD = 3


def with_least(
    cells: Sequence[CellVerdict], found: Mapping[Key, Changes], noisy: frozenset[str], alpha: float, known: Rules
) -> tuple[CellVerdict, ...]:
    """Returns the verdicts with the least fall that each would have seen; noisy: the methods that draw noise."""
    tests = sum(cell.error is not None for cell in cells)
    return tuple(
        replace(
            cell,
            least=_seen_by_clips(
                cell,
                known,
                _least(cell, found.get(cell.key), units_needed(tests, alpha), alpha / max(1, tests), noisy),
            ),
        )
        if cell.limit is not None
        else cell
        for cell in cells
    )


def _least(cell: CellVerdict, clips: Changes | None, differing: int, level: float, noisy: frozenset[str]) -> float:
    """The least fall that is seen: beyond the limit; of decisions, in whole clips; of noise, by its test."""
    assert cell.limit is not None
    least = cell.limit.value
    if clips is not None and cell.unit == "%" and not cell.from_ideal and clips.decisions and cell.pairs:
        step = 100.0 / cell.pairs
        clips_lost = math.floor(least / step + 1e-9) + 1
        least = step * max(clips_lost, differing if cell.method in noisy else 1)
    if cell.error is not None:
        least = max(least, cell.error * (_quantile(1 - level / 2, cell.pairs) + _quantile(POWER, cell.pairs)))
    return least


def _seen_by_clips(cell: CellVerdict, known: Rules, least: float) -> float:
    """That fall, or a smaller one that two more runs of the method show in single clips, beside those that flip."""
    rule = known.of.get(cell.key)
    if rule is None or not rule.wrong or cell.state != "same":
        return least
    return min(least, 100.0 / len(rule.wrong) * least_lost(rule.wrong, known.level))


def _quantile(share: float, clips: int) -> float:
    return student.quantile(max(1, clips - 1), share)


def needed(cell: CellVerdict) -> int:
    """Returns how many clips would show a fall of five times the least change that matters; 0 where these do."""
    if cell.least is None or cell.limit is None or not wanted(cell) or cell.least <= wanted(cell):
        return 0
    ratio = cell.least / wanted(cell)
    return math.ceil(cell.pairs * (ratio**2 if cell.error is not None else ratio))


def wanted(cell: CellVerdict) -> float:
    """Returns the fall that the advice is for."""
    return WANTED * cell.limit.value if cell.limit is not None else 0.0


def told(cells: Sequence[CellVerdict]) -> list[CellVerdict]:
    """Returns the headline numbers of which a verdict says what it could not have seen, of each the blindest."""
    found = []
    for metric in HEADLINES:
        own = [cell for cell in cells if cell.metric == metric and cell.least is not None]
        found += [max(own, key=lambda cell: cell.least or 0.0)] if own else []
    others = [cell for cell in cells if cell.least and not cell.from_ideal]
    return found[:TOLD] or sorted(others, key=lambda cell: -needed(cell))[:1]
