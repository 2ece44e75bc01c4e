"""Published weight files are brought to the cache here: from the first address that gives them, verified, then renamed.

A file that is a member of a zip is taken out of it; the zip is not kept. Facts: harness/weights.toml.
"""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from harness.digest import recall, remember
from harness.download import download
from harness.errors import MissingError
from harness.weights import State, WeightsEntry, cached_path, cure, fault, inspect, recorded_file, select

Progress = Callable[[str, int, int], None]  # (name, bytes so far, bytes in all or 0)


def wanted(names: Iterable[str]) -> list[WeightsEntry]:
    """Returns the entries of these names and groups whose files are not here, or not the published ones."""
    states = [inspect(entry, cached_path(entry)) for entry in select(names)]
    return [state.entry for state in states if state.status in ("absent", "wrong")]


def fetch(names: Iterable[str], progress: Progress | None = None) -> list[State]:
    """Download entries or every entry of groups; files that are here and right are left alone.

    Downloads go to a temporary name, are verified, then renamed. Raises MissingError offline, for a wrong hash or
    size, for a full disk, or, after the others are done, for files that must be got by hand.
    """
    states, by_hand = [], []
    for entry in select(names):
        state = inspect(entry, cached_path(entry))
        if state.status in ("absent", "wrong") and not entry.url:
            by_hand.append(entry)
            continue
        if state.status in ("absent", "wrong"):
            _bring(entry, state.path, partial(progress, entry.name) if progress else _silent)
            _forget_record(entry)
            state = inspect(entry, state.path)
        if state.status == "new":
            remember(recorded_file(), {entry.name: state.found})
        states.append(state)
    if by_hand:
        told = " and ".join(f"'{entry.name}'" for entry in by_hand)
        raise MissingError(f"{told} cannot be downloaded automatically.", " ".join(map(cure, by_hand)))
    return states


def _silent(done: int, whole: int) -> None:
    """Tells nobody."""


def _bring(entry: WeightsEntry, target: Path, progress: Callable[[int, int], None]) -> None:
    """From the first of the addresses that gives the right bytes. Raises the first one's error if none does."""
    first: MissingError | None = None
    for address in (entry.url, *entry.mirrors):
        try:
            if entry.member:
                _unpack(entry, address, target, progress)
            else:
                download(address, target, entry.bytes, partial(fault, entry), progress)
            return
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
