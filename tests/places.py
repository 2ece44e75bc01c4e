"""Where the tests find things: the checkout, and the goldens that are committed with it."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
GOLDEN = ROOT / "tests" / "golden"


def shown_in_readme(part: str) -> str:
    """The README's Python example that holds `part`."""
    (block,) = [
        found.partition("```")[0]
        for found in (ROOT / "README.md").read_text(encoding="utf-8").split("```python\n")[1:]
        if part in found.partition("```")[0]
    ]
    return block
