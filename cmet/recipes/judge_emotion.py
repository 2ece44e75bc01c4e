"""Recipe: the demo's emotion judge, an Emotion-FAN of small width on true puppet pictures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

Log = Callable[[str], None]


def train(out: Path, seconds: float | None, seed: int, log: Log) -> None:
    """Write `emotion.safetensors` into `out`; stop after `seconds`."""
    raise NotImplementedError("the demo's emotion judge is being written")
