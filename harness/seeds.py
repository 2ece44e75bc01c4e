"""Seeds made here depend on the request alone, never on order or sharding."""

from __future__ import annotations

import hashlib


def seed_for(run_seed: int, *names: str) -> int:
    """Returns a 32-bit seed from the run's seed and names (method, sample id), by SHA-256."""
    text = "\0".join([str(run_seed), *names])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")
