"""Published weight files are brought to the cache here: from the first address that gives them, verified, then renamed.

A file that is a member of a zip is taken out of it; the zip is not kept. Facts: harness/weights.toml.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from harness.digest import recall, remember
from harness.download import download
from harness.errors import MissingError, UsageError
from harness.weights import (
    BRANCH,
    State,
    WeightsEntry,
    cached_path,
    cure,
    fault,
    inspect,
    origins_file,
    recorded_file,
    select,
)

Progress = Callable[[str, int, int], None]  # (name, bytes so far, bytes in all or 0)


def pinned(entry: WeightsEntry, pin: str) -> WeightsEntry:
    """Returns the entry as `pin` wants it: "REVISION", ":SHA256" or "REVISION:SHA256", as an earlier fetch told it.

    With a revision only its addresses that follow a branch are left, at that revision. Raises UsageError for a pin that
    says neither, or a revision where no address has any.
    """
    revision, _, sha256 = pin.partition(":")
    if not pin or not re.fullmatch("([0-9a-f]{7,40})?", revision) or not re.fullmatch("([0-9a-f]{64})?", sha256):
        cure = f"Type --pin {entry.name}=REVISION:SHA256 (hexadecimal digits; either may be left out)."
        raise UsageError(f"'{pin}' pins no weights file.", cure)
    if revision:
        moving = [address for address in (entry.url, *entry.mirrors) if BRANCH in address]
        if not moving:
            raise UsageError(f"No address of '{entry.name}' follows a branch.", f"Type --pin {entry.name}=:SHA256.")
        first, *others = (address.replace(BRANCH, f"/resolve/{revision}/") for address in moving)
        entry = replace(entry, url=first, mirrors=tuple(others))
    return replace(entry, sha256=sha256 or entry.sha256)


def pin_of(state: State) -> str:
    """Returns the pin that brings the same bytes to another machine: "NAME=REVISION:SHA256"."""
    revision = re.search("/resolve/([0-9a-f]{40})/", state.origin)
    return f"{state.entry.name}={revision[1] if revision else ''}:{state.found}"


def _selected(names: Iterable[str], pins: Mapping[str, str]) -> list[WeightsEntry]:
    chosen = select(names)
    if others := set(pins) - {entry.name for entry in chosen}:
        raise UsageError(f"'{min(others)}' is pinned, but not fetched.", "Name it, or leave its --pin out.")
    return [pinned(entry, pins[entry.name]) if entry.name in pins else entry for entry in chosen]


def _lacks(state: State, pins: Mapping[str, str]) -> bool:
    """Whether the file is not here, or is another than the table or a pinned revision says."""
    held = state.entry.sha256 or state.entry.name not in pins
    elsewhere = not held and state.origin not in (state.entry.url, *state.entry.mirrors)
    return state.status in ("absent", "wrong") or elsewhere


def wanted(names: Iterable[str], pins: Mapping[str, str] = {}) -> list[WeightsEntry]:
    """Returns the entries of these names and groups whose files are not here, or not the published ones."""
    states = [inspect(entry, cached_path(entry)) for entry in _selected(names, pins)]
    return [state.entry for state in states if _lacks(state, pins)]


def fetch(names: Iterable[str], progress: Progress | None = None, pins: Mapping[str, str] = {}) -> list[State]:
    """Download entries or every entry of groups; files that are here and right are left alone. `pins`: see `pinned`.

    Downloads go to a temporary name, are verified, then renamed; where the bytes came from is recorded. Raises
    MissingError offline, for a wrong hash or size, for a full disk, or, after the others are done, for files that must
    be got by hand.
    """
    states, by_hand = [], []
    for entry in _selected(names, pins):
        state = inspect(entry, cached_path(entry))
        if _lacks(state, pins):
            if not entry.url:
                by_hand.append(entry)
                continue
            address = _bring(entry, state.path, partial(progress, entry.name) if progress else _silent)
            _forget_record(entry)
            remember(origins_file(), {inspect(entry, state.path).found: address})
            state = inspect(entry, state.path)
        if state.status == "new" or (entry.name in pins and state.published):
            remember(recorded_file(), {entry.name: state.found})
        states.append(state)
    if by_hand:
        told = " and ".join(f"'{entry.name}'" for entry in by_hand)
        raise MissingError(f"{told} cannot be downloaded automatically.", " ".join(map(cure, by_hand)))
    return states


def _silent(done: int, whole: int) -> None:
    """Tells nobody."""


def _bring(entry: WeightsEntry, target: Path, progress: Callable[[int, int], None]) -> str:
    """From the first of the addresses that gives the right bytes; returns that address, at the revision it gave.

    Raises the first one's error if none does.
    """
    first: MissingError | None = None
    for address in (entry.url, *entry.mirrors):
        # Without a hash nothing would tell that the second half came from elsewhere than the first.
        mark = "" if entry.sha256 else "." + hashlib.sha256(address.encode()).hexdigest()[:8]
        try:
            if entry.member:
                _unpack(entry, address, target, progress)
                return address
            origin = download(address, target, entry.bytes, partial(fault, entry), progress, mark)
            for half in target.parent.glob("*.part"):  # of addresses that broke off
                half.unlink(missing_ok=True)
            return address.replace(BRANCH, f"/resolve/{origin.revision}/") if origin.revision else address
        except MissingError as error:
            first = first or error
    assert first is not None
    raise first


def _unpack(entry: WeightsEntry, address: str, target: Path, progress: Callable[[int, int], None]) -> None:
    archive = target.with_name(address.rsplit("/", 1)[-1])
    download(address, archive, 0, _no_zip, progress)
    part = target.with_name(target.name + ".part")
    with zipfile.ZipFile(archive) as opened:
        if entry.member not in opened.namelist():
            raise MissingError(f"{archive} has no {entry.member} in it.", cure(entry))
        with opened.open(entry.member) as source, part.open("wb") as out:
            shutil.copyfileobj(source, out, 1 << 20)
    problem = fault(entry, part)
    if problem:
        part.unlink()
        raise MissingError(f"The download from {address} was thrown away: {problem}", cure(entry))
    part.replace(target)
    archive.unlink()


def _no_zip(path: Path) -> str:
    return "" if zipfile.is_zipfile(path) else f"{path} is no zip archive."


def _forget_record(entry: WeightsEntry) -> None:
    if entry.name in recall(recorded_file()):
        remember(recorded_file(), {entry.name: None})
