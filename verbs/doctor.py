"""`doctor` says whether this machine is ready, and gives a cure for every lack."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import partial

import click

from baselines import CHECKOUTS, METHODS
from harness import registry
from harness.errors import EXIT_MISSING
from harness.guard import Crash, attempt
from harness.readiness import Finding, findings
from harness.streams import control
from verbs.help import Verb

_MARKS = {"ok": ("\x1b[32m", "ok  "), "note": ("\x1b[33m", "note"), "bad": ("\x1b[31m", "BAD ")}  # green, yellow, red
_PLAIN = "\x1b[0m"


@click.command(
    "doctor",
    cls=Verb,
    examples=(
        "doctor",
        "doctor --no-selftest",
    ),
)
@click.option("--selftest/--no-selftest", default=True, show_default=True, help="Recompute the shipped goldens.")
def command(selftest: bool) -> int:
    """Check Python, packages, disk, devices, weights and tools, and that this machine reproduces the references.

    Every red line carries its cure. Exit code 5 if one is red.
    """
    lines = [*findings(), *_checkouts(), *_lists()]
    if selftest:
        from evaluators.selftest.checks import reproduce, shipped

        lines.extend([shipped(), *reproduce()])
    for line in lines:
        colour, mark = _MARKS[line.status]
        control(sys.stdout, colour)
        click.echo(mark, nl=False)
        control(sys.stdout, _PLAIN)
        click.echo(f" {line.what}{'  →  ' + line.cure if line.cure else ''}")
    return EXIT_MISSING if any(line.status == "bad" for line in lines) else 0


def _checkouts() -> Iterator[Finding]:
    """What is there of the contestants that run from their authors' checkout."""
    from baselines.checkout import doctor

    for name in CHECKOUTS:
        made = attempt(partial(registry.load(METHODS[name]), {}, "cuda"))  # what it lacks of a device is another line
        if isinstance(made, Crash):
            yield Finding("bad", f"{name}: {made.reason}", made.cure)
        else:
            yield from doctor.findings(made)


def _lists() -> list[Finding]:
    """Whether the test lists are the frozen ones: a changed list is another list."""
    from datasets.frozen import LISTS, changed

    wrong = list(changed())
    if not wrong:
        return [Finding("ok", f"{len(LISTS)} test lists are the frozen ones")]
    return [
        Finding("bad", f"the test list '{name}' was changed", f"Type: git checkout -- datasets/lists/{name}.csv")
        for name in wrong
    ]
