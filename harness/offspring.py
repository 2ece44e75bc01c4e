"""A process is ended here together with everything that it started: its group, and what left that group.

Whoever is started inside `marked` inherits a mark in its environment, as do its own children; Linux shows every
process's environment, so that none is missed there, whatever session it moved to.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

_MARK = "CMET_BENCH_WORKER"
_PR_SET_PDEATHSIG = 1
_ROUNDS = 20  # a process that starts others while it is being ended is not outrun in one


@contextmanager
def marked(mark: str) -> Iterator[None]:
    """Start a process in here: it and all that it starts can be ended by `end`."""
    before = os.environ.get(_MARK)
    with given({_MARK: mark if before is None else f"{before}/{mark}"}):
        yield


@contextmanager
def given(environment: Mapping[str, str]) -> Iterator[None]:
    """Start a process in here: it has these variables."""
    before = {name: os.environ.get(name) for name in environment}
    os.environ.update(environment)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def lead() -> None:
    """Make this process the leader of a session and group of its own: no terminal's Ctrl-C reaches it any more.

    On Linux it is killed when its parent dies, however that happens.
    """
    parent = os.getppid()
    if hasattr(os, "setsid"):
        with suppress(PermissionError):  # it leads a group already
            os.setsid()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL))
        if os.getppid() != parent:  # it died before that was asked for
            os._exit(1)


def end(leader: int, mark: str) -> None:
    """Kill the group of `leader` and every process that bears the mark, and return when none is left."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)
    for _ in range(_ROUNDS):
        left = _bearing(mark)
        if not left:
            return
        for pid in left:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)


def _bearing(mark: str) -> list[int]:
    """The living processes of this user that bear the mark; [] where the system does not show environments."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (place / "environ").read_bytes():  # a zombie's is empty
                found.append(int(place.name))
        except OSError:  # gone, or another user's
            continue
    return [pid for pid in found if pid != os.getpid()]
