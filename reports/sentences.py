"""This module writes a plain sentence for each comparison of two methods, by Holm-corrected p-value and in the metric's
own unit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from harness.records import Comparison
from harness.statistics import units_needed
from reports.model import MetricFact, RunData
from reports.numbers import decimals, difference_unit, interval, number, probability

ALPHA = 0.05


@dataclass(frozen=True)
class Sentence:
    """Holds a comparison in words; `kind` says who is compared, so that a report can group them."""

    text: str
    metric: str
    kind: str  # "contestants" | "anchors"
    different: bool


def sentences(runs: Sequence[RunData]) -> list[Sentence]:
    """Returns the sentences of all comparisons that involve a contestant, contestants among themselves first."""
    found = [
        _sentence(comparison, run, f"{run.name}: " if len(runs) > 1 else "")
        for run in runs
        for comparison in run.comparisons
        if not {comparison.first, comparison.second} <= run.anchors
    ]
    return sorted(found, key=lambda sentence: sentence.kind != "contestants")


def _sentence(comparison: Comparison, run: RunData, prefix: str) -> Sentence:
    pair = {comparison.first, comparison.second}
    kind = "anchors" if pair & run.anchors else "contestants"
    different = comparison.p_holm <= ALPHA and comparison.difference != 0
    fact, own = run.fact(comparison.metric, comparison.signature), _own_motion(comparison, run)
    words = prefix + in_words(comparison, replace(fact, ranked=fact.ranked and not own), len(run.comparisons))
    if own:
        words += f" The head of {own} does not follow the pose track, so this says nothing of quality."
    return Sentence(words, comparison.metric, kind, different)


def _own_motion(comparison: Comparison, run: RunData) -> str:
    """The methods of a comparison whose frames do not correspond to the ground truth's; "" where none is needed to."""
    pair = (comparison.first, comparison.second)
    return " and ".join(method for method in pair if (method, comparison.metric) in run.unaligned)


def in_words(comparison: Comparison, fact: MetricFact, tests: int = 1) -> str:
    """Returns the sentence of one comparison; tests: how many its p-value is corrected for."""
    first, second, basis = comparison.first, comparison.second, _basis(comparison)
    where = f"in {fact.title} on {comparison.dataset}"
    places = decimals(fact.unit, [comparison.difference, comparison.low, comparison.high])
    if comparison.difference == 0 and comparison.low == comparison.high == 0:
        return f"{first} and {second} are equal {where} ({basis})."
    signed = f"{number(comparison.difference, places, sign=True)}{difference_unit(fact.unit)}"
    size = f"{signed}, 95 % interval {interval(comparison.low, comparison.high, places)}"
    if comparison.p_holm > ALPHA and (few := _too_few(comparison, tests)):
        return f"{first} and {second} {where}: nothing can be shown ({size}; {basis}, {few})."
    test = f"{probability(comparison.p_holm)} after Holm's correction, {basis}"
    if comparison.p_holm > ALPHA:
        return f"{first} and {second} do not differ measurably {where} ({size}, {test})."
    if not fact.ranked:
        return f"{first} and {second} differ {where} ({size}, {test})."
    better = (comparison.difference > 0) == fact.higher_is_better
    return f"{first} is {'better' if better else 'worse'} than {second} {where} ({size}, {test})."


def _basis(comparison: Comparison) -> str:
    """Whom the sentence is about: people, or clips where nobody knows who is in them."""
    clips = f"{comparison.n_pairs} clip{'' if comparison.n_pairs == 1 else 's'} that both have"
    people = comparison.n_people
    return f"{people} {'person' if people == 1 else 'people'} in {clips}" if people else clips


def _too_few(comparison: Comparison, tests: int) -> str:
    """Why no difference whatever could have been shown; "" where one could."""
    needed = units_needed(tests, ALPHA)
    units, name = comparison.n_people or comparison.n_pairs, "people" if comparison.n_people else "clips"
    if not comparison.test.startswith("t over") or units >= needed:
        return ""
    many = f"in {tests} comparisons" if tests > 1 else "in a comparison"
    return f"and {many} no p-value of fewer than {needed} {name} can be below {ALPHA:g}"
