"""A mean hides a clip: these rules look at every clip for itself, and name those that fell.

Three rules (docs/gate.md). Right before and wrong now: a share whose clips are right or wrong lost more of them than it
gained, by a sign test; where the same method was run twice, more than one of four such runs would have (repeats). Out
of the spread: a clip fell by more than three spreads of the baseline's own clips. Under its person's threshold:
identity lies more than three spreads of clips about their own person below that person's clips. The last two ask as
well that the clip fell much farther than the clips' changes scatter, and than any clip rose: what a method's own noise
does, it does in both directions.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from reports.gate.cell import Side
from reports.gate.repeats import Twice, wrong_by_chance
from reports.gate.verdict import COST_UNITS, CellVerdict, Key, MovedClip, Thresholds

Floats = npt.NDArray[np.float64]
Hits = npt.NDArray[np.bool_]

OWN_SPREADS = 3.0  # of the baseline's clips
CHANGE_SPREADS = 9.0  # of the clips' changes: nine, for they may have long tails
RISES = 1.0  # times the largest rise…
NOISY_RISES = 4.0  # …of a method with noise of its own: the largest of two long tails is often twice the other
LIMITS = 3.0  # times the change of the mean that matters: for clips that are all alike in the baseline
BY_PERSON = frozenset({"identity_sim"})  # metrics that say whether a clip shows its person
SHOWN = 3  # clips that a worse number names where no rule fired


@dataclass(frozen=True)
class Changes:
    """Holds the clips that have a value of one number in both runs; `falls` (n,): by how much each got worse."""

    samples: tuple[str, ...]
    people: tuple[str, ...]
    before: Floats
    now: Floats
    sign: float  # 1: higher is better

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def falls(self) -> Floats:
        """Returns by how much each clip got worse, in the metric's unit."""
        return self.sign * (self.before - self.now)

    @property
    def decisions(self) -> bool:
        """Says whether each clip is right or wrong, and nothing between."""
        return bool(np.isin(np.concatenate([self.before, self.now]), (0.0, 100.0)).all())

    def wrong(self, twice: Twice) -> tuple[tuple[int, bool], ...]:
        """Returns, of each decided clip that two more runs have, in how many of the four runs it is wrong, and whether
        in this one.
        """
        right = 100.0 if self.sign > 0 else 0.0
        return tuple(
            (sum(value != right for value in (then, now, *twice[sample])), now != right)
            for sample, then, now in zip(self.samples, self.before.tolist(), self.now.tolist(), strict=True)
            if sample in twice
        )


def changes(key: Key, other: Key, higher_is_better: bool, before: Side, after: Side) -> Changes:
    """Returns the shared clips of a number with a finite value on both sides, in order of their names."""
    old, new = before.rows.get(key, {}), after.rows.get(other, {})
    pairs = [(old[name], new[name]) for name in sorted(old.keys() & new.keys())]
    both = [(a, b) for a, b in pairs if a.scored and b.scored and _finite(a.value) and _finite(b.value)]
    return Changes(
        tuple(a.sample for a, _ in both),
        tuple(a.identity or b.identity or a.sample for a, b in both),
        np.array([a.value for a, _ in both], dtype=np.float64),
        np.array([b.value for _, b in both], dtype=np.float64),
        1.0 if higher_is_better else -1.0,
    )


def _finite(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


@dataclass(frozen=True)
class Rules:
    """Holds the rule of every number that single clips can make worse, and the level of those that count clips."""

    of: Mapping[Key, Rule]
    level: float


def rules(
    cells: Sequence[CellVerdict], found: Mapping[Key, Changes], limits: Thresholds, noisy: Collection[str]
) -> Rules:
    """Returns the rules; noisy: the methods that draw noise of their own, or run on another device than the baseline's.

    Those that count clips share the level, if they have clips to count.
    """
    judged = [cell for cell in cells if cell.limit and cell.unit not in COST_UNITS and len(found.get(cell.key, ()))]
    known = {
        cell.key: Rule.of(cell, found[cell.key], cell.method in noisy or cell.key in limits.noise, limits)
        for cell in judged
    }
    least = [rule.least_chance(found[key]) for key, rule in known.items() if rule.counts]
    return Rules(known, shared_level(least, limits.alpha))


def shared_level(least: Sequence[float], alpha: float) -> float:
    """Returns the level of each of several tests that are wrong in no more than alpha together; least: the smallest
    chance that each could give (Tarone 1990). Those that could not alarm at that level take nothing from the others.
    """
    tests = 1
    while sum(chance <= alpha / tests for chance in least) > tests:
        tests += 1
    return alpha / tests


def applied(cells: Sequence[CellVerdict], found: Mapping[Key, Changes], known: Rules) -> tuple[CellVerdict, ...]:
    """Returns the verdicts with the clips that fell; a number for which a rule fired is worse, whatever its mean."""
    return tuple(
        _ruled(cell, found[cell.key], known.of[cell.key], known.level) if cell.key in known.of else cell
        for cell in cells
    )


@dataclass(frozen=True)
class Rule:
    """Says which rule is for a number, by what its clips and its method's noise are like."""

    decisions: bool  # its clips are right or wrong
    noisy: bool  # its method draws noise of its own, or noise of the same method run twice was measured
    jumps: bool  # noise moves a few of its clips far, and most not at all
    drawn: bool = False  # its noise was measured, is not 0, and no test of its mean knows it
    wrong: tuple[tuple[int, bool], ...] = ()  # of decided clips: in how many of four runs each is wrong, and if in this

    @classmethod
    def of(cls, cell: CellVerdict, clips: Changes, noisy: bool, limits: Thresholds) -> Rule:
        """Returns the rule for the number of a cell."""
        decisions = cell.unit == "%" and not cell.from_ideal and clips.decisions
        jumps = noisy and not decisions and not _typical(clips.falls)
        twice = limits.twice.get(cell.key, {})
        measured = [noise for key, noise in limits.noise.items() if key[1] == cell.method]
        drawn = cell.p_value is None and cell.key in limits.noise and any(measured)
        return cls(decisions, noisy, jumps, drawn, clips.wrong(twice) if decisions else ())

    @property
    def counts(self) -> bool:
        """Says whether clips that fell are counted against those that rose: no size tells damage from noise."""
        return self.jumps or (self.decisions and (not self.noisy or bool(self.wrong)))

    def chance(self, lost: int, gained: int) -> float:
        """Returns the chance of so many clips lost where nothing changed."""
        return wrong_by_chance(self.wrong) if self.wrong else sign_test(lost, gained)

    def least_chance(self, clips: Changes) -> float:
        """Returns the chance if every clip that changed had been lost: no comparison of these clips gives a smaller."""
        if self.wrong:
            return wrong_by_chance([(times, times > 0) for times, _ in self.wrong])
        return float(0.5 ** np.count_nonzero(clips.falls))

    def fires(self, cell: CellVerdict, hit: Hits, rises: int, level: float) -> bool:
        """Says whether the clips that were hit are beyond chance; the test of its mean has counted a noisy share whose
        clips nobody knows from other runs.
        """
        counted = self.counts and self.chance(int(hit.sum()), rises) <= level
        by_mean = cell.state == "worse" and not (self.jumps and self.drawn)  # two runs may not have seen a jump
        return bool(hit.any()) and (counted or not (self.counts or self.decisions) or by_mean)


def _ruled(cell: CellVerdict, clips: Changes, rule: Rule, level: float) -> CellVerdict:
    hit, what = _wrong_now(clips) if rule.decisions else _out_of_spread(cell, clips, rule)
    if rule.fires(cell, hit, int((clips.falls < 0).sum()), level):
        return replace(cell, state="worse", fired=what, clips=_named(clips, np.flatnonzero(hit), cell))
    if cell.state == "worse" and rule.jumps and rule.drawn:
        return replace(cell, state="same", reason="a few clips that jump, as noise makes them, and not most")
    if cell.state != "worse":
        return cell
    worst = np.argsort(-clips.falls, kind="stable")[:SHOWN]
    return replace(cell, clips=_named(clips, worst[clips.falls[worst] > 0], cell))


def _wrong_now(clips: Changes) -> tuple[Hits, str]:
    """The clips that were right and are wrong now, and the rule in words."""
    lost, gained = clips.falls > 0, int((clips.falls < 0).sum())
    other = f", {gained} the other way" if gained else ""
    return lost, f"{lost.sum()} clips were right and are wrong now{other}"


def sign_test(lost: int, gained: int) -> float:
    """Returns the chance of so many lost among the clips that changed, or more, if losing and gaining are alike."""
    changed = lost + gained
    return sum(math.comb(changed, k) for k in range(lost, changed + 1)) / 2**changed


def _out_of_spread(cell: CellVerdict, clips: Changes, rule: Rule) -> tuple[Hits, str]:
    """The clips that fell by more than the spreads allow, and the rule in words."""
    assert cell.limit is not None
    falls, own = clips.falls, cell.metric in BY_PERSON
    level, spread = _persons(clips) if own else (clips.before, robust(clips.before))
    rise = (NOISY_RISES if rule.noisy else RISES) * float(max(0.0, -falls.min()))
    least = max(CHANGE_SPREADS * _typical(falls), 0.0 if rule.jumps else rise, LIMITS * cell.limit.value)
    hit = (falls > least) & (clips.sign * (level - clips.now) > OWN_SPREADS * spread)
    where = "under what is usual for its own person" if own else "out of the spread of the baseline's clips"
    return hit, f"{hit.sum()} clip{' is' if hit.sum() == 1 else 's are'} {where}"


def _typical(falls: Floats) -> float:
    """The robust scale of changes about 0."""
    return 1.4826 * float(np.median(np.abs(falls)))


def robust(values: Floats) -> float:
    """Returns the robust standard deviation of values (n,): the median distance from the median, scaled."""
    return 1.4826 * float(np.median(np.abs(values - np.median(values)))) if len(values) else 0.0


def _persons(clips: Changes) -> tuple[Floats, float]:
    """Each clip's person's level in the baseline (n,), and the spread of clips about their own person.

    Where nobody has two clips, the spread is that of all clips.
    """
    places: dict[str, list[int]] = defaultdict(list)
    for place, person in enumerate(clips.people):
        places[person].append(place)
    level = np.empty_like(clips.before)
    apart: list[float] = []
    for own in places.values():
        level[own] = np.median(clips.before[own])
        if len(own) > 1:
            apart += list((clips.before[own] - level[own]) * math.sqrt(len(own) / (len(own) - 1)))
    return level, _typical(np.array(apart)) if apart else robust(clips.before)


def _named(clips: Changes, places: npt.NDArray[np.intp], cell: CellVerdict) -> tuple[MovedClip, ...]:
    """The clips at these places, the farthest fallen first."""
    assert cell.limit is not None
    scale = max(robust(clips.before), LIMITS * cell.limit.value, 1e-12)
    ordered = sorted(places, key=lambda place: (-clips.falls[place], clips.samples[place]))
    return tuple(
        MovedClip(clips.samples[place], float(clips.before[place]), float(clips.now[place]), clips.falls[place] / scale)
        for place in ordered
    )
