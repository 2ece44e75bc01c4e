"""A measurement that cannot happen: it takes the frames and answers with the reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.evaluator import Chunk
from harness.records import Row, Unscored


@dataclass(frozen=True)
class Refused:
    """Every metric of a judge ends Unscored with one reason code."""

    metrics: tuple[str, ...]
    signatures: tuple[str, ...]
    reason: str
    detail: str = ""

    def feed(self, chunk: Chunk) -> None:
        """Nothing is kept."""

    def finish(self) -> Sequence[Row]:
        """One Unscored row for each metric."""
        named = zip(self.metrics, self.signatures, strict=True)
        return [Unscored(metric, self.reason, signature, self.detail) for metric, signature in named]
