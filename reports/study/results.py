"""This module computes what people said: preferences, strengths, emotions named, agreement, and metrics beside them.

Answers of one rater resemble each other. So each share has two intervals: Wilson's (1927), as if answers were
independent, and that over raters (harness.statistics), by which the p-values are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from harness.statistics import holm, left_out_of_mean, wilson
from reports.study import bradley_terry, krippendorff
from reports.study.answers import Answer, Sorted
from reports.study.beside import Beside, beside
from reports.study.bradley_terry import Choice
from reports.study.design import IDENTIFY, PREFERENCES, Item, pairs_of
from reports.study.key import Key

Ends = tuple[float, float]


@dataclass(frozen=True)
class Share:
    """Holds a share of answers in per cent; `by_rater` is None where one rater alone answered."""

    percent: float
    answers: int
    wilson: Ends
    by_rater: Ends | None


@dataclass(frozen=True)
class Preference:
    """Says in which share of the answers `first` was preferred to `second`; p is two-sided, `p_holm` Holm-corrected."""

    question: str
    first: str
    second: str
    share: Share
    raters: int
    p: float
    p_holm: float


@dataclass(frozen=True)
class Strength:
    """Holds a method's strength in the model of Bradley & Terry, in log odds against the mean of the methods that have
    one; None for a method that no finite strength fits.
    """

    question: str
    method: str
    value: float | None
    interval: Ends | None  # over raters
    won: int
    answers: int


@dataclass(frozen=True)
class Named:
    """Says how often the emotion of a method's clips was named rightly."""

    method: str
    share: Share
    counts: Mapping[str, Mapping[str, int]]  # emotion → answer → answers


@dataclass(frozen=True)
class Agreement:
    """Holds Krippendorff's alpha of a question, over what at least two raters were asked; None where it has none."""

    question: str
    alpha: float | None
    interval: Ends | None  # over raters
    units: int
    answers: int


@dataclass(frozen=True)
class Results:
    """Holds everything that is said about a study's answers."""

    study: str
    sorted: Sorted
    seconds: float  # median of an answer
    preferences: tuple[Preference, ...]
    strengths: tuple[Strength, ...]
    named: tuple[Named, ...]
    chance: float  # per cent of emotions that a guesser names rightly
    agreement: tuple[Agreement, ...]
    metrics: tuple[Beside, ...]


Given = Sequence[tuple[Answer, Item]]


def results(answers: Sorted, key: Key) -> Results:
    """Returns the results of the answers that count."""
    given = [(one, key.items[one.item]) for one in answers.answers]
    by_question = {
        question: [pair for pair in given if pair[1].question == question] for question in (*PREFERENCES, IDENTIFY)
    }
    asked = {question: found for question, found in by_question.items() if found}
    choices = {question: _choices(found) for question, found in asked.items() if question != IDENTIFY}
    named = _named(asked.get(IDENTIFY, []), key.methods)
    strengths = [one for question, found in choices.items() for one in _strengths(question, found, key.methods)]
    return Results(
        key.study,
        answers,
        median([one.seconds for one, _ in given]) if given else 0.0,
        tuple(_preferences(choices, key.methods)),
        tuple(strengths),
        tuple(named),
        100.0 / len(key.choices) if key.choices else 0.0,
        tuple(_agreement(question, found) for question, found in asked.items()),
        tuple(beside(key.metrics, choices, _people(strengths, named))),
    )


def _people(strengths: Sequence[Strength], named: Sequence[Named]) -> dict[str, dict[str, float]]:
    """Question → method → people's score of it, where it has one."""
    scores: dict[str, dict[str, float]] = {}
    for one in strengths:
        if one.value is not None:
            scores.setdefault(one.question, {})[one.method] = one.value
    return scores | ({IDENTIFY: {one.method: one.share.percent for one in named}} if named else {})


def _choices(given: Given) -> list[Choice]:
    found = []
    for one, item in given:
        pair = (item.left, item.right) if one.answer == "left" else (item.right, item.left)
        found.append(Choice(*pair, one.rater, item.sample))
    return found


def _share(right: Sequence[bool], raters: Sequence[int]) -> Share:
    low, high = wilson(sum(right), len(right))
    estimate = left_out_of_mean([100.0 * one for one in right], raters).by_person()
    return Share(estimate.value, len(right), (100 * low, 100 * high), estimate.interval("share"))


def _preferences(choices: Mapping[str, Sequence[Choice]], methods: Sequence[str]) -> list[Preference]:
    found: list[Preference] = []
    for question, every in choices.items():
        for first, second in pairs_of(methods):
            own = [one for one in every if {one.winner, one.loser} == {first, second}]
            if own:
                wins, raters = [one.winner == first for one in own], [one.rater for one in own]
                p = left_out_of_mean([100.0 * win - 50.0 for win in wins], raters).by_person().p_value
                found.append(Preference(question, first, second, _share(wins, raters), len(set(raters)), p, p))
    corrected = holm([one.p for one in found])
    return [
        Preference(one.question, one.first, one.second, one.share, one.raters, one.p, p)
        for one, p in zip(found, corrected, strict=True)
    ]


def _strengths(question: str, choices: Sequence[Choice], methods: Sequence[str]) -> list[Strength]:
    fitted = bradley_terry.left_out_strengths(choices, methods)
    found = []
    for method in methods:
        won = sum(one.winner == method for one in choices)
        met = sum(method in (one.winner, one.loser) for one in choices)
        estimate = fitted[method].by_person() if method in fitted else None
        value, interval = (estimate.value, estimate.interval()) if estimate else (None, None)
        found.append(Strength(question, method, value, interval, won, met))
    return found


def _named(given: Given, methods: Sequence[str]) -> list[Named]:
    found = []
    for method in methods:
        own = [(one, item) for one, item in given if item.left == method]
        counts: dict[str, dict[str, int]] = {}
        for one, item in own:
            counts.setdefault(item.emotion, {}).setdefault(one.answer, 0)
            counts[item.emotion][one.answer] += 1
        if own:
            right = [one.answer == item.emotion for one, item in own]
            found.append(Named(method, _share(right, [one.rater for one, _ in own]), counts))
    return found


def _agreement(question: str, given: Given) -> Agreement:
    """Which of two clips is called the first has no meaning: each comparison counts in both orders, so that chance is
    a half.
    """
    units: dict[tuple[object, ...], dict[object, object]] = {}
    for one, item in given:
        if item.right:
            for order in (1, -1):
                pair = sorted(item.methods)[::order]
                chosen = item.left if one.answer == "left" else item.right
                units.setdefault((item.sample, *pair), {})[one.rater] = pair.index(chosen)
        else:
            units.setdefault((item.sample, item.left), {})[one.rater] = one.answer
    shared = [unit for unit in units.values() if len(unit) > 1]
    orders = 1 if question == IDENTIFY else 2
    if not shared:
        return Agreement(question, None, None, 0, 0)
    estimate = krippendorff.left_out_alpha(shared).by_person()
    alpha = estimate.value if estimate.value == estimate.value else None
    counted = sum(map(len, shared)) // orders
    return Agreement(question, alpha, _within(estimate.interval()), len(shared) // orders, counted)


def _within(ends: Ends | None) -> Ends | None:
    """An interval of alpha, which is never above 1."""
    return ends if ends is None else (min(1.0, ends[0]), min(1.0, ends[1]))
