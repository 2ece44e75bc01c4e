"""This module sets metrics beside people: does a metric put methods, and single clips, in the order that people do?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reports.study.bradley_terry import Choice
from reports.study.correlation import Correlation, over_comparisons, over_methods
from reports.study.material import Metric


@dataclass(frozen=True)
class Beside:
    """Holds a metric's rank correlation with people's answers to a question: over methods, and over comparisons."""

    question: str
    metric: str
    title: str
    signature: str
    methods: Correlation | None
    comparisons: Correlation | None


def beside(
    metrics: Sequence[Metric],
    choices: Mapping[str, Sequence[Choice]],
    people: Mapping[str, Mapping[str, float]],
) -> list[Beside]:
    """Returns each metric beside each question; people: question → method → people's score of it."""
    return [
        Beside(
            question,
            one.name,
            one.title,
            one.signature,
            _over_methods(one, scores),
            _over_clips(one, choices.get(question, ())),
        )
        for one in metrics
        for question, scores in people.items()
    ]


def _over_methods(metric: Metric, people: Mapping[str, float]) -> Correlation | None:
    both = [method for method in people if method in metric.values]
    sign = 1.0 if metric.higher_is_better else -1.0
    return over_methods([people[one] for one in both], [sign * metric.values[one] for one in both])


def _over_clips(metric: Metric, choices: Sequence[Choice]) -> Correlation | None:
    """Over the comparisons of clips that have different values."""
    found = []
    for one in choices:
        winner, loser = (metric.clips.get((method, one.sample)) for method in (one.winner, one.loser))
        if winner is not None and loser is not None and winner != loser:
            found.append(((winner > loser) == metric.higher_is_better, one.rater, one.sample))
    return over_comparisons([a for a, _, _ in found], [r for _, r, _ in found], [s for _, _, s in found])
