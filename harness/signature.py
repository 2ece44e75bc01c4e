"""Signatures: the one-line form of everything that changes a number (sacrebleu's idea; metrics spec §7).

Two numbers are comparable if and only if their signatures are equal. Order is fixed by the evaluator,
keys are short, version comes last: ``lse_c|net:syncnet_v2|dialect:clean|fps:25|w:ab12cd34|v:1``.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.errors import UsageError

_FORBIDDEN = frozenset("|:\n")


@dataclass(frozen=True)
class Signature:
    """A metric name and its ordered ``key:value`` fields; `long` holds what the line abbreviates."""

    metric: str
    fields: tuple[tuple[str, str], ...]
    long: tuple[tuple[str, str], ...] = ()  # e.g. full hashes; not part of equality of the line

    def __post_init__(self) -> None:
        for text in (self.metric, *(key for key, _ in self.fields)):
            if not text or _FORBIDDEN & set(text):
                raise ValueError(f"a signature key must not be empty or hold '|' or ':': {text!r}")
        for _, value in self.fields:
            if "|" in value or "\n" in value:
                raise ValueError(f"a signature value must not hold '|': {value!r}")

    def __str__(self) -> str:
        return "|".join([self.metric, *(f"{key}:{value}" for key, value in self.fields)])

    @classmethod
    def parse(cls, text: str) -> Signature:
        """Read the one-line form back. Raises UsageError when it is not one."""
        metric, *parts = text.strip().split("|")
        pairs = [part.split(":", 1) for part in parts]
        if not metric or any(len(pair) != 2 or not pair[0] for pair in pairs):
            raise UsageError(f"'{text}' is not a signature.", "Expected metric|key:value|…|v:1.")
        return cls(metric, tuple((key, value) for key, value in pairs))
