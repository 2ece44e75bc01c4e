"""The one broad except of the project stands here: a row's failure becomes its reason."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from harness import interrupt
from harness.atomic import DISK_FULL, disk_full
from harness.errors import BenchError, MissingError
from harness.foreign import text

T = TypeVar("T")


@dataclass(frozen=True)
class Crash:
    """Describes a caught error: one sentence, the tail of the traceback, and the cure if the error carried one."""

    reason: str
    detail: str
    cure: str = ""
    expected: bool = False  # a BenchError: bad input that was recognised, not a defect
    code: str = "crashed"
    out_of_memory: bool = False  # of the device or the host: another process may have more


def attempt(work: Callable[[], T]) -> T | Crash:
    """Returns the result of `work`, or the Crash that ended it, whatever was raised.

    Missing prerequisites and a full disk are the whole run's business and are raised; Ctrl-C and SIGTERM too. `exit()`,
    as programs that became methods call it, ends this piece of work only. A copy of this process that `work` forked and
    did not end is ended here: one process gives one answer.
    """
    me = os.getpid()
    try:
        return work()
    except MissingError:
        raise
    except BaseException as error:  # the single place where a foreign failure becomes a row
        if _is_signal(error):
            raise
        if isinstance(error, OSError) and error.errno in DISK_FULL:
            raise disk_full(error.filename or "a file") from error
        return _crash(error)
    finally:
        if os.getpid() != me:
            os._exit(0)


def _crash(error: BaseException) -> Crash:
    if isinstance(error, BenchError):
        reason, cure = _said(lambda: error.what), _said(lambda: error.cure)
        return Crash(reason, "", cure, expected=True, code=_said(lambda: getattr(error, "reason", "crashed")))
    name = type(error).__name__
    tail = _said(lambda: "".join(traceback.format_exception(error)))[-4000:]
    out_of_memory = isinstance(error, MemoryError) or name == "OutOfMemoryError"  # torch's own, by name
    said = _said(lambda: error)
    return Crash(f"{name}: {said}".rstrip(": ")[:500], tail, out_of_memory=out_of_memory)


def _said(tell: Callable[[], object]) -> str:
    """What an error says of itself as plain text: foreign code makes it, and may fail at that too."""
    try:
        return text(tell())
    except BaseException as error:
        if _is_signal(error):
            raise
        return f"(its text cannot be shown: {type(error).__name__})"


def _is_signal(error: BaseException) -> bool:
    return isinstance(error, KeyboardInterrupt) and interrupt.may_be_the_users()
