"""`weights` lists, fetches and verifies the weight files."""

from __future__ import annotations

import json
from contextlib import closing

import click

from harness import fetching, weights
from harness.errors import EXIT_MISSING
from harness.progress import Progress

_MARKS = {
    "verified": "ok",
    "recorded": "ok, own record",
    "new": "here, not yet recorded",
    "absent": "-",
    "wrong": "WRONG",
}


_EXAMPLES = "\b\nExamples:\n  python bench.py weights list\n  python bench.py weights fetch cmet syncnet"


@click.group("weights", epilog=_EXAMPLES)
def command() -> None:
    """List, fetch or verify the weight files that cmet-bench can use and does not ship."""


@command.command("list", short_help="Where every file comes from, and whether it is here.")
@click.argument("names", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
def list_(names: tuple[str, ...], as_json: bool) -> None:
    """List every file (or those of NAMES): where it comes from, its hash and licence, and whether it is here."""
    states = weights.verify(names)
    if as_json:
        click.echo(json.dumps([state.as_dict() for state in states], indent=1))
        return
    for state in states:
        entry = state.entry
        mark = _MARKS.get(state.status, state.status)
        click.echo(f"{entry.name:<24} {mark:<16} {_told_size(entry):<14} {entry.licence}")
        click.echo(f"{'':<24} {_address(entry)}")
        click.echo(f"{'':<24} sha256 {_hash(entry)}")
        if state.origin and state.origin != entry.url:
            click.echo(f"{'':<24} came from {state.origin}")


def _address(entry: weights.WeightsEntry) -> str:
    if not entry.url:
        return f"by hand from {entry.source}: {entry.file}{f'; {entry.note}' if entry.note else ''}"
    return f"{entry.url} (member {entry.member})" if entry.member else entry.url


def _hash(entry: weights.WeightsEntry) -> str:
    """What holds the bytes of a file, in words."""
    published = entry.sha256
    moves = " (an address follows a branch: which revision came is recorded too)" if entry.moves else ""
    if not published:
        return f"not published: recorded at first sight{moves}, then held; loaded only if it shows traces of training"
    if len(published) < 64:
        return f"{published}… (only the beginning is published){moves}"
    return published + ("; an address follows a branch: other bytes are refused" if entry.moves else "")


def _told_size(entry: weights.WeightsEntry) -> str:
    return _size(entry.bytes) if entry.bytes else entry.about or "size unknown"


def _size(count: int) -> str:
    return f"{count / 1e6:.0f} MB" if count >= 1e6 else f"{count} bytes"


@command.command("fetch")
@click.argument("names", nargs=-1, required=True)
@click.option("--pin", "pins", multiple=True, metavar="NAME=REVISION:SHA256", help="As an earlier fetch told it.")
def fetch(names: tuple[str, ...], pins: tuple[str, ...]) -> None:
    """Download and verify NAMES (files or groups such as `cmet`).

    What a file without a published hash was, and at which revision, is told at the end as a --pin for other machines.
    """
    held = dict(_pin(text) for text in pins)
    for entry in fetching.wanted(names, held):
        click.echo(f"{entry.name:<24} {_told_size(entry):<14} {entry.licence}")
        if not entry.url:
            click.echo(f"{'':<24} {_address(entry)}")
        if not entry.sha256:
            click.echo(f"{'':<24} sha256 {_hash(entry)}")
    with closing(_Bars()) as bars:
        states = fetching.fetch(names, bars.at, held)
    for state in states:
        click.echo(f"{state.entry.name}: {state.path} ({state.status})")
    if made := " ".join(f"--pin {fetching.pin_of(state)}" for state in states if not state.published):
        click.echo(f"The same bytes on another machine: python bench.py weights fetch {' '.join(names)} {made}")


def _pin(text: str) -> tuple[str, str]:
    name, _, pin = text.partition("=")
    return name, pin


class _Bars:
    """Shows how far a download is, a bar for each file."""

    def __init__(self) -> None:
        self._name, self._bar = "", Progress("")

    def at(self, name: str, done: int, total: int) -> None:
        """Shows that `done` of `total` bytes (0: unknown) are here."""
        if name != self._name:
            self.close()
            self._name, self._bar = name, Progress(name, unit="B")
        self._bar.at(done, total)

    def close(self) -> None:
        """Leaves the terminal's line, so that what went wrong stands on its own."""
        self._bar.close()


@command.command("verify", short_help="Hash every file that is here.")
@click.argument("names", nargs=-1)
def verify(names: tuple[str, ...]) -> int:
    """Hash every file that is here; exit code 5 if one that was named is absent, or any is wrong."""
    states = weights.verify(names)
    bad = [s for s in states if s.status == "wrong" or (names and s.status == "absent")]
    for state in states:
        said = state.detail or (f"from {state.origin}" if state.origin else "")
        click.echo(f"{state.entry.name:<24} {state.status:<10} {state.found[:16]} {said}".rstrip())
    return EXIT_MISSING if bad else 0
