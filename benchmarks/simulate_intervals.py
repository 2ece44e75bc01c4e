"""This script simulates how often the intervals hold the truth and the paired test raises a false alarm.

    python benchmarks/simulate_intervals.py [--runs 1000] [--only means,weighted,shares,fid,tests,holm]

A person has an effect of her own and each of her clips another; the intra-class correlation is the share of the
variance that is hers. Clips a person: 1, 4, 10, 38, `unequal` (1 to 38), `tied` (people with a higher score have more
clips). The tables stand in docs/statistics.md; tests/harness/test_coverage.py holds some of their cells.
"""

from __future__ import annotations

import argparse
import itertools
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

os.environ.setdefault("OMP_NUM_THREADS", "1")
import numpy as np
import numpy.typing as npt

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from evaluators.fid.distance import frechet
from evaluators.fid.left_out import distances_without
from harness.statistics import Floats, LeftOut, Scale, holm, left_out_of_mean

PEOPLE, CORRELATIONS = (6, 8, 12, 20, 30), (0.0, 0.1, 0.3, 0.7)
CLIPS = ("1", "4", "10", "38", "unequal", "tied")
SIZES = (1, 2, 3, 4, 6, 10, 38)
WIDTH, FRAMES = 64, 3  # of the simulated features


class World(NamedTuple):
    """Holds the values of clips, whose they are, and the truth that an interval should hold."""

    values: Floats
    people: npt.NDArray[np.intp]
    truth: float


def sizes(kind: str, effects: Floats, rng: np.random.Generator) -> npt.NDArray[np.intp]:
    """Returns how many clips each person has."""
    if kind == "unequal":
        return rng.choice(SIZES, size=len(effects))
    if kind == "tied":
        return np.maximum(1, np.round(np.exp(1.2 + 0.7 * effects))).astype(np.intp)
    return np.full(len(effects), int(kind))


def tied_truth() -> float:
    """Returns the mean person effect of a clip where people of higher effect have more clips."""
    effects = np.random.default_rng(0).normal(size=1_000_000)
    counts = sizes("tied", effects, np.random.default_rng(0))
    return float((counts * effects).sum() / counts.sum())


_TIED = tied_truth()


def normal(people: int, kind: str, correlation: float, rng: np.random.Generator) -> World:
    """Returns scores with normal effects of people and clips, of mean 0 over people."""
    effects = rng.normal(size=people)
    who = np.repeat(np.arange(people), sizes(kind, effects, rng))
    values = np.sqrt(correlation) * effects[who] + np.sqrt(1 - correlation) * rng.normal(size=len(who))
    return World(values, who, np.sqrt(correlation) * _TIED if kind == "tied" else 0.0)


def shares(share: float) -> Callable[[int, str, float, np.random.Generator], World]:
    """Returns a world of clips that are right (100) or wrong (0), each person having her own rate (beta-binomial)."""

    def world(people: int, kind: str, correlation: float, rng: np.random.Generator) -> World:
        rates = np.full(people, share)
        if correlation and 0 < share < 1:
            scale = (1 - correlation) / correlation
            rates = rng.beta(share * scale, (1 - share) * scale, size=people)
        who = np.repeat(np.arange(people), sizes(kind, rates, rng))
        return World(100.0 * (rng.random(len(who)) < rates[who]), who, 100.0 * share)

    return world


def skewed(sigma: float) -> Callable[[int, str, float, np.random.Generator], World]:
    """Returns a world of lognormal effects of people and clips, of mean 0: the long tail on one side."""

    def world(people: int, kind: str, correlation: float, rng: np.random.Generator) -> World:
        draw = lambda n: np.exp(sigma * rng.normal(size=n)) - np.exp(sigma**2 / 2)  # noqa: E731
        effects = draw(people)
        who = np.repeat(np.arange(people), sizes(kind, effects, rng))
        return World(np.sqrt(correlation) * effects[who] + np.sqrt(1 - correlation) * draw(len(who)), who, 0.0)

    return world


def hits(people: int, kind: str, correlation: float, rng: np.random.Generator) -> World:
    """Returns differences of two methods that are equally often right, each better on some people."""
    first = np.clip(0.5 + np.sqrt(correlation) * 0.3 * rng.normal(size=people), 0, 1)
    who = np.repeat(np.arange(people), sizes(kind, first, rng))
    right = (rng.random((2, len(who))) < np.stack([first[who], 1 - first[who]])).astype(float)
    return World(100.0 * (right[0] - right[1]), who, 0.0)


def mean(world: World, rng: np.random.Generator) -> LeftOut:
    """Returns the mean over clips, as the suite leaves people and clips out of it."""
    return left_out_of_mean(world.values, world.people.tolist())


def weighted(world: World, rng: np.random.Generator) -> LeftOut:
    """Returns the mean in which clips weigh by their frames, 20 to 200: a ratio of sums."""
    frames = rng.integers(20, 201, size=len(world.values)).astype(float)
    counts = np.bincount(world.people).astype(float)
    sums, weights = np.bincount(world.people, frames * world.values), np.bincount(world.people, frames)
    every, total = float(sums.sum()), float(weights.sum())
    clips = (every - frames * world.values) / (total - frames)
    return LeftOut(every / total, (every - sums) / (total - weights), counts, clips, np.ones(len(frames)))


Draw = Callable[[int, str, float, np.random.Generator], World]
Score = Callable[[World, np.random.Generator], LeftOut]


def coverage(draw: Draw, score: Score, scale: Scale, cell: tuple[int, str, float], runs: int, seed: int = 0) -> float:
    """Returns how often the 95 % interval over people holds the truth, in per cent."""
    rng, held = np.random.default_rng(seed), 0
    for _ in range(runs):
        world = draw(*cell, rng)
        low, high = score(world, rng).by_person().interval(scale) or (-np.inf, np.inf)
        held += low - 1e-9 <= world.truth <= high + 1e-9
    return 100.0 * held / runs


def false_alarms(draw: Draw, cell: tuple[int, str, float], runs: int, seed: int = 0) -> float:
    """Returns how often the paired test says p ≤ 0.05 where there is no difference, in per cent."""
    rng = np.random.default_rng(seed)
    found = [mean(draw(*cell, rng), rng).by_person().p_value <= 0.05 for _ in range(runs)]
    return 100.0 * float(np.mean(found))


def family_alarms(people: int, tests: int, runs: int, seed: int = 0) -> float:
    """Returns how often any of `tests` comparisons of equal methods on the same people is below 0.05 after Holm."""
    rng, alarms = np.random.default_rng(seed), 0
    for _ in range(runs):
        common = normal(people, "4", 0.3, rng)
        others = (common.values / 2 + normal(people, "4", 0.3, rng).values for _ in range(tests))
        p_values = [left_out_of_mean(values, common.people.tolist()).by_person().p_value for values in others]
        alarms += min(holm(p_values)) <= 0.05
    return 100.0 * alarms / runs


def fid_coverage(people: int, kind: str, correlation: float, runs: int, seed: int = 0) -> float:
    """Returns how often the 95 % interval of an FID holds the expected FID at this number of clips, in per cent."""
    rng = np.random.default_rng(seed)
    counts = sizes(kind, rng.normal(size=people), rng)  # one list of clips, drawn anew
    found = [_fid(counts, correlation, rng) for _ in range(runs)]
    truth = float(np.mean([one.value for one in found]))
    ends = [one.by_person().interval("positive") or (0.0, np.inf) for one in found]
    return 100.0 * float(np.mean([low <= truth <= high for low, high in ends]))


def _fid(counts: npt.NDArray[np.intp], correlation: float, rng: np.random.Generator) -> LeftOut:
    """A method that keeps most of the truth, errs by person and by clip, and is a little off on the whole."""
    who = np.repeat(np.arange(len(counts)), counts)
    scale = np.arange(1, WIDTH + 1.0) ** -1

    def effects(size: float) -> Floats:
        people, clips = rng.normal(size=(len(counts), WIDTH)), rng.normal(size=(len(who), WIDTH))
        both: Floats = size * (np.sqrt(correlation) * people[who] + np.sqrt(1 - correlation) * clips)
        return both

    truth = effects(1.0)
    made = 0.8 * truth + effects(0.5) + 0.2
    clips, references = (
        list(((one[:, None] + 0.5 * rng.normal(size=(len(who), FRAMES, WIDTH))) * scale).astype(np.float32))
        for one in (made, truth)
    )
    people = [np.flatnonzero(who == person).tolist() for person in range(len(counts))]
    groups = [list(range(first, len(who), 50)) for first in range(min(50, len(who)))] if len(set(counts)) > 1 else []
    without = np.array(distances_without(clips, references, [*people, *groups]))
    of_group = np.array([float(len(group)) for group in groups])
    value = frechet(np.concatenate(clips), np.concatenate(references))
    return LeftOut(value, without[: len(people)], counts.astype(float), without[len(people) :], of_group)


def table(title: str, rows: Iterable[tuple[str, str, Callable[[int, float], float]]], people: tuple[int, ...]) -> None:
    """Prints a Markdown table: a row a kind of clips, a column a number of people, in each the correlations in turn."""
    print(f"\n{title}\n\n| | clips | {' | '.join(f'{n} people' for n in people)} |")
    print(f"|---|---|{'---|' * len(people)}", flush=True)
    for name, kind, rate in rows:
        cells = [" ".join(f"{rate(n, correlation):.0f}" for correlation in CORRELATIONS) for n in people]
        print(f"| {name} | {kind} | {' | '.join(cells)} |", flush=True)


def _intervals(
    name: str, draw: Draw, score: Score, scale: Scale, kinds: Iterable[str], runs: int
) -> Iterable[tuple[str, str, Callable[[int, float], float]]]:
    for kind in kinds:
        yield name, kind, lambda n, c, kind=kind: coverage(draw, score, scale, (n, kind, c), runs)


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--only", default="means,weighted,shares,fid,tests,holm")
    given = parser.parse_args()
    runs, only = given.runs, given.only.split(",")
    print(f"In each cell the intra-class correlations {CORRELATIONS} in turn; {runs} runs.")
    if "means" in only:
        table("Coverage of 95 % intervals of means, %", _intervals("mean", normal, mean, "plain", CLIPS, runs), PEOPLE)
    if "weighted" in only:
        kinds = ("4", "38", "unequal", "tied")
        table("Of weighted means", _intervals("by frames", normal, weighted, "plain", kinds, runs), PEOPLE)
    if "shares" in only:
        rows = (
            _intervals(f"{100 * p:.0f} %", shares(p), mean, "share", ("1", "4", "10", "unequal"), runs)
            for p in (0.0, 0.05, 0.2, 0.5, 0.8, 0.95, 1.0)
        )
        table("Of shares", itertools.chain.from_iterable(rows), PEOPLE)
    if "fid" in only:
        kinds = {12: ("4", "12", "25", "unequal"), 50: ("1", "6"), 6: ("10", "50")}
        for people, some in kinds.items():
            rated = [("FID", k, lambda n, c, k=k: fid_coverage(n, k, c, max(50, runs // 5))) for k in some]
            table(f"Of FID ({max(50, runs // 5)} runs)", rated, (people,))
    if "tests" in only:
        draws: dict[str, Draw] = {"normal": normal, "right or wrong": hits, "lognormal, σ 0.5": skewed(0.5)}
        for name, draw in (draws | {"lognormal, σ 1": skewed(1.0)}).items():
            rated = [
                (name, k, lambda n, c, k=k, draw=draw: false_alarms(draw, (n, k, c), runs))
                for k in ("1", "4", "10", "38", "unequal")
            ]
            table("False alarms of the paired test at 5 %, %", rated, PEOPLE)
    if "holm" in only:
        print("\nAny of 40 comparisons below 0.05 after Holm, %:")
        print(", ".join(f"{n} people {family_alarms(n, 40, runs // 2):.1f}" for n in PEOPLE))


if __name__ == "__main__":
    main()
