"""Holds the result of `measure`: each number with its signature and notes, or the reasons why there is none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from harness import metric_names
from harness.errors import UsageError
from harness.reasons import sentence
from harness.records import Row, Scored, SummaryRow, Unscored
from reports.model import MetricFact, RunData
from reports.numbers import number


@dataclass(frozen=True)
class Measured:
    """Holds one metric under one signature, on one clip or on several; `rows` has one row a clip, in their order."""

    column: str  # its key: the metric's name, with words in brackets where a protocol has the metric several times
    fact: MetricFact
    signature: str  # everything that changes the number
    summary: SummaryRow | None  # None where the metric was not asked of any of the clips
    rows: tuple[Row, ...]

    @property
    def value(self) -> float | None:
        """Returns the score of all clips, as the metric combines them; None where there is none: see `reasons`."""
        return None if self.summary is None else self.summary.value

    @property
    def interval(self) -> tuple[float, float] | None:
        """Returns the 95 % interval over people, or over clips where nobody knows who is in them; None for too few."""
        one = self.summary
        return None if one is None or one.low is None or one.high is None else (one.low, one.high)

    @property
    def note(self) -> str:
        """Returns the footnote of the number, e.g. how many frames an FID has."""
        return "" if self.summary is None else self.summary.note

    @property
    def values(self) -> tuple[float | None, ...]:
        """Returns each clip's own value; None where it has none, or where only the set has one (FID)."""
        return tuple(row.value if isinstance(row, Scored) else None for row in self.rows)

    @property
    def notes(self) -> tuple[tuple[str, ...], ...]:
        """Returns reason codes of each clip that did not prevent its value (`fps_resampled`, `frames_left_out`, …)."""
        return tuple(row.notes if isinstance(row, Scored) else () for row in self.rows)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Says why each clip has no value: the code's sentence and its detail; empty where it has one."""
        return tuple(_reason(row) if isinstance(row, Unscored) else "" for row in self.rows)

    def __str__(self) -> str:
        """`lse_c 5.38 (lse_c|net:…)`, or why there is no number."""
        if self.value is None:
            why = dict.fromkeys(filter(None, self.reasons)) or {self.note or "not asked of these clips": None}
            return f"{self.column} – ({'; '.join(why)})"
        unit = f" {self.fact.unit}" if self.fact.unit else ""
        return f"{self.column} {number(self.value, 3)}{unit} ({self.signature})"


def _reason(row: Unscored) -> str:
    return f"{sentence(row.reason)}: {row.detail}" if row.detail else sentence(row.reason)


@dataclass(frozen=True, repr=False)
class Measures(Mapping[str, Measured]):
    """Holds the numbers of one call by their column names; `run` holds them as the reports know a run."""

    run: RunData
    found: Mapping[str, Measured]

    def __getitem__(self, column: str) -> Measured:
        """Returns the numbers of a column, by its name or another word for it (`sync_c`). KeyError without it."""
        try:
            return self.found[column if column in self.found else metric_names.metric(column, self.found)]
        except UsageError as error:
            raise KeyError(str(error)) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self.found)

    def __len__(self) -> int:
        return len(self.found)

    def __repr__(self) -> str:
        return "\n".join(map(str, self.found.values()))
