"""A signature is the one-line form of everything that changes a number (sacrebleu's idea).

Two numbers are comparable if and only if their signatures are equal. Order is fixed by the evaluator,
keys are short, version comes last: ``lse_c|net:syncnet_v2|dialect:clean|fps:25near|w:ab12cd34|v:2``.
Facts: docs/reference/runs.md, 'Signature grammar'.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from harness.errors import UsageError

_FORBIDDEN = frozenset("|:\n")

#: The suite's version, last field of every signature: raised when numbers move and no other field says so; the
#: CHANGELOG has one table for each version.
SUITE = 2

#: Fields that only a measured set of clips has: picture sizes and, for FID, how many pictures. Rows are stored without
#: them; the number of a set carries them (docs/reference/metrics.md, 'FID sample size' and 'Signature').
MEASURED = ("res", "n1", "n2")


@dataclass(frozen=True)
class Signature:
    """Holds a metric name and its ordered ``key:value`` fields; `long` holds the fields that the line abbreviates."""

    metric: str
    fields: tuple[tuple[str, str], ...]
    long: tuple[tuple[str, str], ...] = field(default=(), compare=False)  # e.g. whole hashes: the line decides

    def __post_init__(self) -> None:
        for text in (self.metric, *(key for key, _ in self.fields)):
            if not text or _FORBIDDEN & set(text):
                raise ValueError(f"a signature key must not be empty or hold '|' or ':': {text!r}")
        for _, value in self.fields:
            if "|" in value or "\n" in value:
                raise ValueError(f"a signature value must not hold '|': {value!r}")

    def __str__(self) -> str:
        return "|".join([self.metric, *(f"{key}:{value}" for key, value in self.fields)])

    def with_fields(self, before: str, added: tuple[tuple[str, str], ...]) -> Signature:
        """Returns the same signature with `added` put in before the field `before`, which must be there."""
        place = [key for key, _ in self.fields].index(before)
        return Signature(self.metric, (*self.fields[:place], *added, *self.fields[place:]), self.long)

    def settings(self) -> Signature:
        """Returns the same signature without the fields that only a measured set has."""
        return Signature(self.metric, tuple(pair for pair in self.fields if pair[0] not in MEASURED), self.long)

    @classmethod
    def parse(cls, text: str) -> Signature:
        """Read the one-line form back. Raises UsageError when it is not one."""
        metric, *parts = text.strip().split("|")
        pairs = [part.split(":", 1) for part in parts]
        if not metric or any(len(pair) != 2 or not pair[0] for pair in pairs):
            raise UsageError(f"'{text}' is not a signature.", "Expected metric|key:value|…|v:2.")
        return cls(metric, tuple((key, value) for key, value in pairs))
