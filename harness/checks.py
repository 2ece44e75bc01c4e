"""This module holds the lines of a contract test, as `list --check` prints them for a method, a metric or a dataset of
the user's own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from harness.errors import EXIT_CANNOT_COMPARE


@dataclass(frozen=True)
class Check:
    """Holds one line of the verdict. `ok` None: does not apply here."""

    name: str
    ok: bool | None
    detail: str = ""


def verdict(checks: Iterable[Check], say: Callable[[str], None]) -> int:
    """Print one line per check; exit code 0 if all hold, 4 if one does not."""
    failed = False
    for check in checks:
        mark = {True: "ok  ", False: "FAIL", None: "-   "}[check.ok]
        say(f"{mark} {check.name}{': ' + check.detail if check.detail else ''}")
        failed |= check.ok is False
    return EXIT_CANNOT_COMPARE if failed else 0
