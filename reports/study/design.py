"""This module says who sees what: every pair of methods equally often, on the left as often as on the right.

A cell is a question about a pair of methods, or about one method (which emotion is it?). Answers are dealt out to the
cells in turn, so that no two cells differ by more than one answer, neither in all nor for one rater; sides alternate
within a cell, and from one pass over the samples to the next. No rater gets a cell's sample twice.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np

from harness.errors import UsageError

#: Key → what the rater is asked; {} is the emotion.
PREFERENCES: Mapping[str, str] = {
    "realism": "Which clip looks more like a recording of a real person?",
    "sync": "In which clip do the lips fit the sound better?",
    "emotion": "Which clip shows this emotion better: {}?",
}
IDENTIFY = "identify"
QUESTIONS = (*PREFERENCES, IDENTIFY)
ABOUT_EMOTION = frozenset({"emotion", IDENTIFY})  # only of clips whose emotion is known
#: So many raters answer for the same two clips, where there are raters enough: agreement is that between them.
RATERS_A_UNIT = 3
#: A check's question and the floor that must lose to the ground truth, plainest first.
CHECKS = (("sync", "still_face"), ("realism", "still_face"), ("sync", "wrong_audio"))

Sample = tuple[str, str]  # dataset, id


@dataclass(frozen=True)
class Item:
    """Holds one thing that one rater is asked. `right` is "" where an emotion is asked for; `truth` is the side that a
    check's answer must be, "" for all other items.
    """

    question: str
    sample: Sample
    emotion: str
    left: str
    right: str = ""
    truth: str = ""

    @property
    def methods(self) -> tuple[str, ...]:
        """Returns the methods that are shown."""
        return (self.left, self.right) if self.right else (self.left,)


@dataclass(frozen=True)
class Cell:
    """Holds a question about two methods, or about one."""

    question: str
    methods: tuple[str, ...]


def cells(methods: Sequence[str], questions: Sequence[str]) -> list[Cell]:
    """Returns all questions about all pairs, and about each method where the emotion is to be named."""
    pairs = [Cell(question, pair) for question in questions if question in PREFERENCES for pair in pairs_of(methods)]
    return pairs + [Cell(IDENTIFY, (method,)) for method in methods if IDENTIFY in questions]


def pairs_of(methods: Sequence[str]) -> list[tuple[str, str]]:
    """Returns every pair once."""
    return list(combinations(methods, 2))


def samples_needed(count: int, raters: int, items: int) -> tuple[int, int]:
    """Returns (fewest, best) numbers of samples for `count` cells: no rater gets a cell's sample twice, and with the
    best number `RATERS_A_UNIT` raters judge the same clips.
    """
    fewest = -(-items // count)
    return fewest, max(fewest, raters * items // (count * RATERS_A_UNIT))


def in_turn(emotions: Mapping[Sample, str], rng: np.random.Generator) -> list[Sample]:
    """Returns the samples in a drawn order in which the emotions take turns, so that a part of them has all alike."""
    names = sorted(emotions)
    drawn = [names[k] for k in rng.permutation(len(names))]
    seen: dict[str, int] = defaultdict(int)
    turns = {}
    for sample in drawn:
        turns[sample] = seen[emotions[sample]]
        seen[emotions[sample]] += 1
    return sorted(drawn, key=turns.__getitem__)


def plan(
    asked: Sequence[Cell],
    emotions: Mapping[Sample, str],
    raters: int,
    items: int,
    rng: np.random.Generator,
) -> list[list[Item]]:
    """Returns each rater's items, in the order in which they are shown: emotions to be named come first, since later
    questions tell emotions.

    emotions: every sample that is shown → its emotion ("" if unknown), in the order of their turns. Raises UsageError
    where a rater would get a cell's sample twice.
    """
    samples, fewest = list(emotions), samples_needed(len(asked), raters, items)[0]
    if len(samples) < fewest:
        what = f"{items} items a rater need {fewest} samples that all methods have; there are {len(samples)}."
        raise UsageError(what, f"Type --items {len(samples) * len(asked)} or less.")
    order, first_side = rng.permutation(len(asked)), rng.integers(0, 2, len(asked))
    dealt: list[list[Item]] = [[] for _ in range(raters)]
    for turn in range(raters * items):
        place = int(order[turn % len(asked)])
        passed, k = divmod(turn // len(asked), len(samples))
        cell, sample = asked[place], samples[(k + place) % len(samples)]
        shown = cell.methods[:: -1 if (k + passed + first_side[place]) % 2 else 1]
        dealt[turn // items].append(Item(cell.question, sample, emotions[sample], *shown))
    return [_shuffled(own, rng) for own in dealt]


def _shuffled(own: Sequence[Item], rng: np.random.Generator) -> list[Item]:
    mixed = [own[k] for k in rng.permutation(len(own))]
    return sorted(mixed, key=lambda item: item.question != IDENTIFY)


def checks(
    kinds: Sequence[tuple[str, str]], samples: Sequence[Sample], truth: str, count: int, rng: np.random.Generator
) -> list[Item]:
    """Returns one rater's checks: `truth` against a floor of `kinds` (question, floor), on sides drawn by lot."""
    found = []
    for k, place in enumerate(rng.permutation(len(samples))[:count]):
        question, floor = kinds[k % len(kinds)]
        left = bool(rng.integers(0, 2))
        pair = (truth, floor) if left else (floor, truth)
        found.append(Item(question, samples[place], "", *pair, truth="left" if left else "right"))
    return found


def with_checks(own: Sequence[Item], extra: Sequence[Item], rng: np.random.Generator) -> list[Item]:
    """Returns the items with one check in each of as many equal parts of what is asked of pairs (or of everything)."""
    start = sum(item.question == IDENTIFY for item in own)
    start = start if start < len(own) else 0
    edges = np.linspace(start, len(own), len(extra) + 1)
    places = [int(rng.integers(int(low), max(int(low) + 1, int(high)))) for low, high in pairwise(edges)]
    found = list(own)
    for place, item in sorted(zip(places, extra, strict=True), key=lambda pair: -pair[0]):
        found.insert(place, item)
    return found


def most_wrong(checks: int) -> int:
    """Returns how many of so many checks a rater may get wrong: one who guesses passes at most one time in ten.

    None at all of three or fewer, of which a guesser passes more often.
    """
    from math import comb

    allowed, passing = 0, 0
    for wrong in range(checks + 1):
        passing += comb(checks, wrong)
        if passing > 0.1 * 2**checks:
            break
        allowed = wrong
    return allowed
