"""Where the tests find things: the checkout, and the goldens that are committed with it."""

from __future__ import annotations

import json
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
GOLDEN = ROOT / "tests" / "golden"
CLIPS = GOLDEN / "clips"  # talking puppets, one failure mode each: make_clips.py


def names_and_shapes(network: str) -> dict[str, tuple[int, ...]]:
    """Parameter names and shapes of a published checkpoint: facts about the file, of which no value is here."""
    table = json.loads((GOLDEN / "names" / f"{network}.json").read_text(encoding="utf-8"))
    return {name: tuple(shape) for name, shape in table.items()}


def shown_in_readme(part: str) -> str:
    """The README's Python example that holds `part`."""
    (block,) = [
        found.partition("```")[0]
        for found in (ROOT / "README.md").read_text(encoding="utf-8").split("```python\n")[1:]
        if part in found.partition("```")[0]
    ]
    return block
