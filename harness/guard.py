"""The one broad except of the project stands here: a row's failure becomes its reason."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from harness.atomic import DISK_FULL, disk_full
from harness.errors import BenchError, MissingError

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
    """Returns the result of `work`, or the Crash that ended it.

    Missing prerequisites and a full disk are the whole run's business and are raised; Ctrl-C too. `exit()`, as programs
    that became methods call it, ends this piece of work only.
    """
    try:
        return work()
    except MissingError:
        raise
    except BenchError as error:
        return Crash(error.what, "", error.cure, expected=True, code=getattr(error, "reason", "crashed"))
    except (Exception, SystemExit) as error:  # the single place where a foreign failure becomes a row
        if isinstance(error, OSError) and error.errno in DISK_FULL:
            raise disk_full(error.filename or "a file") from error
        tail = "".join(traceback.format_exception(error))[-4000:]
        name = type(error).__name__
        out_of_memory = isinstance(error, MemoryError) or name == "OutOfMemoryError"  # torch's own, by name
        return Crash(f"{name}: {error}".rstrip(": ")[:500], tail, out_of_memory=out_of_memory)
