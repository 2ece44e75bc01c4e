"""A child process works on one item at a time. It is watched, and ended with everything that it started."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import secrets
import signal
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from multiprocessing.connection import Connection, wait
from typing import Any, Generic, TypeVar

from harness import interrupt, liveness, offspring
from harness.errors import BenchError, MissingError
from harness.guard import Crash, attempt
from harness.liveness import Alive, Limit
from harness.threads import one_thread

Item = TypeVar("Item")
Result = TypeVar("Result")
#: What runs once per process, before the first item; it may return what is to run after the last one.
Prepare = Callable[[], Callable[[], object] | None]
LEAVE_SECONDS = 5.0  # for an idle process to end by itself, with its temporary files
_LOOK_SECONDS = 0.5  # between two looks at a process of which nothing is heard
_DEATH_SECONDS = 5.0  # between a closed line and the exit code

#: Codes of a Crash that took the process with it.
DIED, TIMEOUT = "died", "timeout"


class Child(Generic[Item, Result]):
    """Runs `work` in a process of its own; `prepare` runs there once, before the first item.

    Give it an item, wait for `line` to be readable (or for some time to pass), and ask `answer`.
    """

    def __init__(
        self, work: Callable[[Item], Result], prepare: Prepare | None, environment: Mapping[str, str] | None = None
    ) -> None:
        self.line, theirs = multiprocessing.get_context("spawn").Pipe()
        self.item: Item | None = None
        self.gone = False
        self._mark = secrets.token_hex(8)
        self._limit, self._heard = Limit(), time.monotonic()
        self._process = multiprocessing.get_context("spawn").Process(target=_serve, args=(theirs, work, prepare))
        self.environment = dict(environment or {})  # what it has besides its parent's
        with interrupt.shielded(), offspring.marked(self._mark), offspring.given(self.environment):
            self._process.start()
        theirs.close()

    def give(self, item: Item) -> None:
        """Let the process work on an item."""
        self.item = item
        with suppress(OSError):  # it died meanwhile: `answer` says so
            self.line.send(item)

    def answer(self) -> Result | Crash | None:
        """Returns what the item came to, or None as long as it is worked on; never waits.

        A Crash with the code DIED or TIMEOUT means that the process is `gone`. An error that ends all work is raised.
        """
        try:
            while self.line.poll():
                message = self.line.recv()
                self._heard = time.monotonic()
                if isinstance(message, Limit):
                    self._limit = message
                elif not isinstance(message, Alive):
                    return _opened(message)
        except (EOFError, OSError):
            return self._died()
        if self._process.exitcode is not None:  # its own children may still hold the line
            return self._died()
        return self._overdue()

    def ask(self, item: Item) -> Result | Crash:
        """Returns what the item came to, however long it takes."""
        self.give(item)
        while (answer := self.answer()) is None:
            wait([self.line], self.patience_seconds())
        return answer

    def _overdue(self) -> Crash | None:
        silent, limit = time.monotonic() - self._heard, self._limit
        if limit.seconds is None or silent <= limit.seconds:
            return None
        self.end()
        cure = f"If that is how long it takes: --resume --set {limit.who}.timeout=SECONDS."
        return Crash(f"{limit.who} gave no sign of life for {limit.seconds:g} s and was ended", "", cure, code=TIMEOUT)

    def _died(self) -> Crash:
        self._process.join(_DEATH_SECONDS)
        code = self._process.exitcode
        self.end()
        killed = code is None or code == -signal.SIGKILL  # as the system does when memory is short
        how = "killed, or out of memory" if code is None or killed else _how(code)
        cure = "Try --jobs 1." if killed else ""
        return Crash(f"the worker process died ({how})", "", cure, code=DIED, out_of_memory=killed)

    def patience_seconds(self) -> float:
        """Returns how long to wait for a word of the process before it is looked at again."""
        limit = self._limit.seconds
        return _LOOK_SECONDS if limit is None else min(_LOOK_SECONDS, max(0.0, self._heard + limit - time.monotonic()))

    def let_go(self) -> None:
        """Tell an idle process that nothing more comes; `end` it afterwards."""
        self.line.close()

    def end(self, patience_seconds: float = 0.0) -> None:
        """End the process and everything that it started."""
        self.gone = True
        if patience_seconds:
            self._process.join(patience_seconds)
        self._process.kill()
        if self._process.pid is not None:
            offspring.end(self._process.pid, self._mark)
        self._process.join()
        self.line.close()


def _how(code: int) -> str:
    if code < 0:
        with suppress(ValueError):
            return signal.Signals(-code).name
    return f"exit code {code}"


def _opened(message: tuple[str, bytes]) -> Any:
    kind, data = message
    found = attempt(lambda: pickle.loads(data))
    if kind == "raised" and isinstance(found, Exception):
        raise found
    return found


def _serve(line: Connection, work: Callable[[Any], Any], prepare: Prepare | None) -> None:
    """What the process does: items in, answers out, until the line is closed."""
    interrupt.leave_to_parent()
    offspring.lead()
    _leave_with_parent()
    one_thread()
    liveness.connect(line.send)
    ends: list[Callable[[], object]] = []
    with suppress(EOFError, OSError):  # nobody gives or takes any more
        if prepare is None or _prepared(line, prepare, ends):
            while _worked(line, partial(work, line.recv())):
                pass
    for end in ends:
        attempt(end)


def _prepared(line: Connection, prepare: Prepare, ends: list[Callable[[], object]]) -> bool:
    """Whether items can come; else the error is on its way, which ends all."""
    error: Exception | None = None
    try:
        made = attempt(prepare)
    except MissingError as lack:
        made, error = None, lack
    if isinstance(made, Crash):
        error = BenchError(made.reason, made.cure) if made.expected else RuntimeError(f"{made.reason}\n{made.detail}")
    elif made is not None:
        ends.append(made)
    if error is not None:
        line.send(("raised", pickle.dumps(error)))
    return error is None


def _worked(line: Connection, work: Callable[[], Any]) -> bool:
    """Whether more can come: the answer is on its way, or the lack that ends all."""
    try:
        answer = attempt(work)
    except MissingError as error:
        line.send(("raised", pickle.dumps(error)))
        return False
    if answer is None:  # it would read as "not yet"
        answer = Crash("the work came to nothing", "")
    data = attempt(lambda: pickle.dumps(answer))
    if isinstance(data, Crash):
        data = pickle.dumps(replace(data, reason=f"its result cannot be sent to the parent process: {data.reason}"))
    line.send(("done", data))
    return True


def _leave_with_parent() -> None:
    """End this process, its group with it, when its parent is gone, however it died: nobody waits for results any more.

    A killed parent closes its end of the sentinel; without this, a process in the middle of an item would finish it.
    """
    parent = multiprocessing.parent_process()

    def watch() -> None:
        assert parent is not None
        parent.join()
        with suppress(OSError):
            os.killpg(0, signal.SIGKILL)
        os._exit(1)

    if parent is not None:
        threading.Thread(target=watch, daemon=True).start()
