"""Recipe: the demo's identity judge, a classifier of the training puppets whose features tell new ones apart."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

Log = Callable[[str], None]


def train(out: Path, seconds: float | None, seed: int, log: Log) -> None:
    """Write `identity.safetensors` into `out`; stop after `seconds`."""
    raise NotImplementedError("the demo's identity judge is being written")
