"""A worker process says here that its work goes on; its parent ends one that is silent for longer than it may be."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

_MOST_OFTEN_SECONDS = 0.1  # frames may come by the thousand a second


@dataclass(frozen=True)
class Limit:
    """Says how long a piece of work may be silent; None for as long as it likes. `who` is named when it was longer."""

    seconds: float | None = None
    who: str = ""


@dataclass(frozen=True)
class Alive:
    """Says that work goes on."""


_lock = threading.Lock()
_parent: Callable[[Limit | Alive], None] | None = None  # of a worker process; in others nobody listens
_told = 0.0


def connect(parent: Callable[[Limit | Alive], None]) -> None:
    """Name the listener of this process, once, at its start."""
    global _parent
    _parent = parent


def alive() -> None:
    """Tell that work goes on. Cheap enough for every frame."""
    global _told
    now = time.monotonic()
    if now - _told >= _MOST_OFTEN_SECONDS:
        _told = now
        _say(Alive())


@contextmanager
def limited(seconds: float, who: str) -> Iterator[None]:
    """Let the work in here be ended, with its process, when it is silent for more than `seconds`."""
    _say(Limit(seconds, who))
    try:
        yield
    finally:
        _say(Limit())


def _say(word: Limit | Alive) -> None:
    if _parent is not None:
        with _lock:  # frames may be written by a method's own thread
            _parent(word)
