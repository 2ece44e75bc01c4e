"""Recipe: the demo's lip-sync judge, a thin SyncNet trained to find a window's own sound among the clip's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

Log = Callable[[str], None]


def train(out: Path, seconds: float | None, seed: int, log: Log) -> None:
    """Write `sync.safetensors` into `out`; stop after `seconds`."""
    raise NotImplementedError("the demo's sync judge is being written")
