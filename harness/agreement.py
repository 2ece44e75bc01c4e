"""This module counts how often two judges of one thing agree: no accuracy by either can mean more than that.

Where a protocol has a metric by several judges that answer with a name (docs/reference/extended_emotions.md,
'Pseudo-label agreement'), each number's note says on how many of the clips that both decided they agree.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from harness.evaluator import Column, Evaluator
from harness.records import SummaryRow
from harness.signature import Signature

Answers = Mapping[str, str]  # sample → the name that the judge gave
_ABOUT_FILES = ("w", "hash", "gate", "classes")  # fields that do not tell one judge from another in words


def noted(
    rows: Sequence[SummaryRow],
    columns: Sequence[Column],
    answered: Callable[[str, Evaluator, str, str], Answers],
) -> list[SummaryRow]:
    """Returns the rows of one dataset, with the agreement of judges in their notes.

    `answered(method, evaluator, metric, line)` gives a judge's answers; asked only of those that answer with names.
    """
    several: dict[str, list[tuple[Evaluator, str]]] = defaultdict(list)
    for evaluator, metric, line in columns:
        if evaluator.answers(metric, []) is not None:
            several[metric].append((evaluator, line))
    notes: dict[tuple[str, str, str], str] = {}
    for metric, judges in several.items():
        if len(judges) < 2:
            continue
        names = _names([line for _, line in judges])
        for method in dict.fromkeys(row.method for row in rows if row.metric == metric and row.value is not None):
            answers = [answered(method, evaluator, metric, line) for evaluator, line in judges]
            for k, (_, line) in enumerate(judges):
                others = [(names[j], answers[j]) for j in range(len(judges)) if j != k]
                notes[method, metric, line] = "; ".join(filter(None, (_agreed(answers[k], *other) for other in others)))
    return [
        _with(row, notes.get((row.method, row.metric, str(Signature.parse(row.signature).settings())), ""))
        for row in rows
    ]


def _names(lines: Sequence[str]) -> list[str]:
    """The name that separates each signature from the others: the value of the first field in which they differ."""
    fields = [dict(Signature.parse(line).fields) for line in lines]
    keys = [key for key in fields[0] if key not in _ABOUT_FILES and len({one.get(key) for one in fields}) > 1]
    return [str(one.get(keys[0], "none")) if keys else f"judge {k}" for k, one in enumerate(fields, 1)]


def _agreed(own: Answers, name: str, other: Answers) -> str:
    both = [sample for sample, answer in own.items() if answer and other.get(sample)]
    if not both:
        return ""
    same = sum(own[sample] == other[sample] for sample in both)
    return f"agrees with {name} on {100 * same / len(both):.0f} % of {len(both)} clips"


def _with(row: SummaryRow, more: str) -> SummaryRow:
    return replace(row, note="; ".join(filter(None, (row.note, more)))) if more and row.value is not None else row
