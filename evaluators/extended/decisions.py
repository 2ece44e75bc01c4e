"""This module reads, from stored statistics alone, the emotion that a judge took each clip for; confusion matrices
count it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from evaluators.extended import pool

Rows = Sequence[Mapping[str, npt.NDArray[Any]]]

#: Metrics that decide on one name for each clip.
METRICS = ("emotion_acc", "ext_acc", "ext_identifiability")


@dataclass(frozen=True)
class Decisions:
    """Holds the answers of a judge. `classes`: the names that could be answered. `pairs`: (label, answer) of each row;
    answer "" is undecided.

    None for a row that only gives its ground truth to the others.
    """

    classes: tuple[str, ...]
    pairs: tuple[tuple[str, str] | None, ...]


def decided(metric: str, signature: str, rows: Rows) -> Decisions:
    """Returns the decisions behind one number. `rows`: its per-clip statistics; `signature`: the line they are stored
    under.
    """
    if metric == "emotion_acc":
        pairs = tuple((str(row["label"]), str(row["predicted"])) for row in rows)
        return Decisions(tuple(sorted({str(name) for row in rows for name in row["classes"]})), pairs)
    asked = [bool(row["extended"]) for row in rows]
    if metric == "ext_acc":
        labels, answers = pool.accuracy_guesses(rows, "|dec:centroid-cosine" in signature)
        names = {str(row["label"]) for row in rows if len(row["truth"])}
    else:
        labels, answers = pool.identified(rows)
        names = set(labels)
    decided = iter(zip(labels, answers, strict=True))
    return Decisions(tuple(sorted(names)), tuple(next(decided, None) if one else None for one in asked))
