"""This module says whether the machine is ready, as lines of facts, each red one with its cure; `doctor` prints
them.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import stat
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

from harness import devices, weights
from harness.digest import cache_dir
from harness.provenance import ROOT

Status = Literal["ok", "note", "bad"]


@dataclass(frozen=True)
class Finding:
    """Holds one line: `bad` stops the main job, `note` limits the measurable metrics."""

    status: Status
    what: str
    cure: str = ""


def findings() -> Iterator[Finding]:
    """Yields all findings that need no network loaded."""
    yield _python()
    yield from _packages()
    yield _space()
    yield _cache()
    yield _device()
    yield from _weights()
    yield _optional("dlib", "protocols eat and cmet-paper align faces with it, method eat cuts them out")


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    if (3, 10) <= sys.version_info[:2] <= (3, 13):
        return Finding("ok", f"Python {version}")
    return Finding("bad", f"Python {version} is not supported", "Use Python 3.10 to 3.13: make PYTHON=python3.11 bench")


def _packages() -> Iterator[Finding]:
    cure = "Type `make bench`, or pip install --no-deps -r requirements.lock"
    outside, wrong = list(outside_bounds()), list(_unequal_to_lock())
    if not wrong:
        yield Finding("ok", "packages are those of requirements.lock")
    for text in (*outside, *wrong):
        yield Finding("bad", text, cure)


def outside_bounds(installed: Callable[[str], str] = metadata.version) -> Iterator[str]:
    """Yields what is installed in other versions than work at all, as pyproject.toml says: in an environment of one's
    own.

    installed: the version of a package, or PackageNotFoundError.
    """
    from packaging.requirements import Requirement

    try:
        from tomllib import loads as read_toml
    except ImportError:  # Python 3.10
        from tomli import loads as read_toml  # type: ignore[import-not-found,no-redef,unused-ignore]
    project = read_toml((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for wanted in map(Requirement, project["dependencies"]):
        if wanted.marker is not None and not wanted.marker.evaluate():
            continue
        try:
            found = installed(wanted.name)
        except metadata.PackageNotFoundError:
            continue  # said of the lock
        if not wanted.specifier.contains(found, prereleases=True):
            yield f"package {wanted.name} {found} does not work here: {wanted.specifier} is needed"


def _unequal_to_lock() -> Iterator[str]:
    from packaging.requirements import Requirement

    for line in (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines():
        if not re.match(r"^[A-Za-z0-9]", line):
            continue
        wanted = Requirement(line)
        if wanted.marker is not None and not wanted.marker.evaluate():
            continue
        try:
            installed = metadata.version(wanted.name)
        except metadata.PackageNotFoundError:
            yield f"package {wanted.name} is not installed"
            continue
        if not wanted.specifier.contains(installed, prereleases=True):
            yield f"package {wanted.name} is {installed}, the lock says {wanted.specifier}"


def _space() -> Finding:
    free = shutil.disk_usage(ROOT).free / 2**30
    if free < 1:
        return Finding("bad", f"{free:.1f} GiB free on disk", "Free at least 1 GiB for a run on the built-in dataset.")
    return Finding("ok", f"{free:.0f} GiB free on disk, {os.cpu_count()} cores")


def _cache() -> Finding:
    """Puppets, features and weights are kept there; a run without it stops at its first sample."""
    folder = cache_dir().absolute()
    there = next(place for place in (folder, *folder.parents) if os.access(place, os.F_OK))
    if there.is_dir() and os.access(there, os.W_OK | os.X_OK):
        if open_place := writable_by_others(folder):
            cure = f"Type `chmod go-w '{open_place}'` if you do not trust them, or set CMET_BENCH_CACHE elsewhere."
            return Finding("note", f"others can write the cache: '{open_place}'. Hashes kept there may lie", cure)
        return Finding("ok", f"the cache is {folder}, {shutil.disk_usage(there).free / 2**30:.0f} GiB free")
    why = "cannot be written" if there.is_dir() else "is a file"
    return Finding("bad", f"no cache at {folder}: '{there}' {why}", "Set CMET_BENCH_CACHE to a folder of yours.")


def writable_by_others(folder: Path) -> Path | None:
    """Returns the first folder or file in which somebody else could replace what the cache believes: its hashes, its
    copies, its weights; None where nobody can.
    """
    if os.name != "posix":
        return None
    records = ("digests.json", "weights/recorded.json", "weights/origins.json")
    kept = [folder / name for name in ("", "weights", "converted", *records)]
    above = [place for place in folder.parents if not place.stat().st_mode & stat.S_ISVTX] if folder.exists() else []
    return next((place for place in (*kept, *above) if place.exists() and _open_to_others(place)), None)


def _open_to_others(place: Path) -> bool:
    """Whether another user than root may write there; a group that bears the owner's name has no other member."""
    facts = place.stat()
    group = bool(facts.st_mode & stat.S_IWGRP) and not _private_group(place)
    return group or bool(facts.st_mode & stat.S_IWOTH) or facts.st_uid not in (0, os.getuid())


def _private_group(place: Path) -> bool:
    try:
        return place.group() == place.owner()
    except KeyError:  # a container's user or group without a name
        return False


def _device() -> Finding:
    choice = devices.chosen(devices.AUTO)
    if choice.device != "cpu":
        return Finding("ok", f"runs use {devices.name_of(choice.device)}: {choice.why}")
    return Finding("note", f"{choice.why or 'no CUDA device'}: everything runs on the CPU")


def _weights() -> Iterator[Finding]:
    shipped = sorted((ROOT / "networks" / "shipped").glob("*.safetensors"))
    if shipped:
        size = sum(path.stat().st_size for path in shipped) / 1e6
        yield Finding("ok", f"{len(shipped)} demo networks in the checkout ({size:.1f} MB)")
    else:
        yield Finding("bad", "the demo networks are not in the checkout", "Type `git checkout -- networks/shipped`")
    for state in weights.verify():
        if state.status == "wrong":
            yield Finding("bad", state.detail, f"Type `python bench.py weights fetch {state.entry.name}`")
        elif state.status == "absent":
            yield Finding("note", f"weights '{state.entry.name}' are not here", _cure(state.entry))
        elif state.published:
            yield Finding("ok", f"weights '{state.entry.name}' {state.status}")
        else:
            known = "not seen before" if state.status == "new" else "the bytes of first sight"
            text = (
                f"weights '{state.entry.name}' are here ({known}); no hash is published: whoever loads them checks them"
            )
            yield Finding("note", text)


def _cure(entry: weights.WeightsEntry) -> str:
    if entry.url:
        return f"python bench.py weights fetch {entry.name}"
    return f"get {entry.file} by hand from {entry.source}"


def _optional(package: str, why: str) -> Finding:
    """A Python package that is no dependency, because some protocol alone needs it."""
    if importlib.util.find_spec(package) is not None:
        return Finding("ok", f"the Python package {package} is installed")
    return Finding("note", f"the Python package {package} is not installed ({why})", f"pip install {package}")
