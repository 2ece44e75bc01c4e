"""This module counts confusions: the clips of each label by the judge's answer, undecided and faceless ones too."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from reports.breakdown import emotion_order
from reports.model import Confusion, RunData

#: Answers that are no name come after the names, these first.
_FIRST = ("undecided", "no_face")


def counted(
    key: tuple[str, str, str, str],
    classes: Sequence[str],
    answers: Iterable[tuple[str, str, str]],
    missed: Iterable[tuple[str, str, str]],
) -> Confusion | None:
    """Returns the confusion of one (dataset, method, metric, signature); None without any answer.

    `answers`: (sample, label, answer) of each scored clip, answer a class or, where the judge could not decide, a
    reason code. `missed`: (sample, label, reason code) of each clip that was expected and not scored. Recall is over
    the scored clips.
    """
    given = list(answers)
    if not given:
        return None
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    scored = Counter(label for _, label, _ in given)
    taken: dict[str, str] = {}
    for sample, label, answer in (*given, *missed):
        counts[label][answer] += 1
        taken[sample] = answer
    right = Counter(label for _, label, answer in given if label == answer)
    order = emotion_order(counts)
    recall = {label: 100.0 * right[label] / scored[label] for label in order if scored[label]}
    names = emotion_order(classes)
    others = {answer for row in counts.values() for answer in row} - {*names}
    answered = (*names, *sorted(others, key=lambda code: (code not in _FIRST, code)))
    by_label = {label: dict(counts[label]) for label in order}
    return Confusion(*key, answered, by_label, recall, len(names), taken)


def to_json(one: Confusion, method: str) -> dict[str, Any]:
    """Returns one entry of scores.json's `confusion`: `counts[label][answer]` clips, `recall[label]` percent of scored
    ones.
    """
    head = {"dataset": one.dataset, "method": method, "metric": one.metric, "signature": one.signature}
    named = {"classes": list(one.classes), "others": list(one.others)}
    return {**head, **named, "counts": dict(one.counts), "recall": dict(one.recall)}


@dataclass(frozen=True)
class Board:
    """Holds all methods' confusions under one metric and signature of one run."""

    title: str
    tables: tuple[Confusion, ...]


def boards(run: RunData) -> list[Board]:
    """Returns the boards in the order of the summary: contestants before the ceiling and the floors."""
    groups: dict[tuple[str, str, str], list[Confusion]] = defaultdict(list)
    for one in run.confusions:
        groups[one.dataset, one.metric, one.signature].append(one)
    return [
        Board(
            f"{run.fact(metric, signature).title}: what clips were taken for, {dataset}, run {run.name}",
            tuple(sorted(found, key=lambda one: one.method in run.anchors)),
        )
        for (dataset, metric, signature), found in groups.items()
    ]
