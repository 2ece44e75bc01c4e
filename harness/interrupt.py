"""Ctrl-C and SIGTERM belong to the parent process: it ends its workers, keeps what is finished, and says so once."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def shielded() -> Iterator[None]:
    """Start worker processes in here: they inherit a blocked SIGINT and so never print a traceback of their own.

    A terminal sends Ctrl-C to the whole group, also to a worker that is still importing.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    from multiprocessing import resource_tracker

    resource_tracker.ensure_running()  # it would unblock the signal when the first worker starts
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def leave_to_parent() -> None:
    """Ignore Ctrl-C in this worker process: the parent alone handles it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def may_be_the_users() -> bool:
    """Says whether a KeyboardInterrupt in this process can be a signal; in a worker only its own code raises one."""
    return callable(signal.getsignal(signal.SIGINT)) or callable(signal.getsignal(signal.SIGTERM))


def terminate_like_ctrl_c() -> None:
    """Let SIGTERM (schedulers, CI) and SIGHUP (a terminal that closes) end this process as Ctrl-C does: with its files
    in order and exit code 130. What was started to survive its terminal (nohup) does.
    """

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, interrupt)


def ignore() -> None:
    """Ignore further signals, since the process is leaving: a second Ctrl-C changes nothing."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    # CPython remembers a Ctrl-C that fell into source that was being run (an import that makes dataclasses) and would
    # end the process by that signal, though it was caught; running any source forgets it.
    exec("")
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
