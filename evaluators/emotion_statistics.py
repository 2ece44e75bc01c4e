"""What a set of clips says about emotions, from per-clip statistics alone: confusion, recalls, undecided. numpy only.

Statistics of one clip: `value` 0 or 100, `label` and `predicted` (names; predicted is "" when undecided),
`classes` (names in the judge's order), `probabilities` (classes,), `frames` sampled, `faces` of them with a face.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Statistics = Mapping[str, npt.NDArray[Any]]


def accuracy(rows: Sequence[Statistics]) -> float:
    """Percent of clips judged as their label; nan for no clips."""
    return float(np.mean([float(np.asarray(row["value"]).reshape(-1)[0]) for row in rows])) if rows else float("nan")


def confusion(rows: Sequence[Statistics]) -> tuple[list[str], npt.NDArray[np.int64]]:
    """(names, counts): counts[i, j] clips of label i judged as j; the last column is undecided.

    Names are the judge's classes in alphabetical order.
    """
    names = sorted({str(name) for row in rows for name in row["classes"]})
    counts = np.zeros((len(names), len(names) + 1), dtype=np.int64)
    for row in rows:
        predicted = str(row["predicted"])
        counts[names.index(str(row["label"])), names.index(predicted) if predicted else len(names)] += 1
    return names, counts


def recalls(rows: Sequence[Statistics]) -> dict[str, float]:
    """Percent of each label's clips judged as that label; labels without a clip are absent, not 0."""
    names, counts = confusion(rows)
    totals = counts.sum(axis=1)
    return {name: 100.0 * int(counts[i, i]) / int(totals[i]) for i, name in enumerate(names) if totals[i]}


def undecided(rows: Sequence[Statistics]) -> int:
    """How many clips the judge could not decide (they are rows only under the rule miss:wrong)."""
    return sum(not str(row["predicted"]) for row in rows)
