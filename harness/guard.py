"""The one broad except of the house: here, and only here, a row's failure becomes its reason."""

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
    """What was caught: one sentence, the tail of the traceback, and the cure if the error carried one."""

    reason: str
    detail: str
    cure: str = ""
    expected: bool = False  # a BenchError: bad input that was recognised, not a defect
    code: str = "crashed"


def attempt(work: Callable[[], T]) -> T | Crash:
    """The result of `work`, or what went wrong in it.

    Missing prerequisites and a full disk are the whole run's business and are raised; Ctrl-C too.
    """
    try:
        return work()
    except MissingError:
        raise
    except BenchError as error:
        return Crash(error.what, "", error.cure, expected=True, code=getattr(error, "reason", "crashed"))
    except Exception as error:  # the single place where a foreign failure becomes a row
        if isinstance(error, OSError) and error.errno in DISK_FULL:
            raise disk_full(error.filename or "a file") from error
        tail = "".join(traceback.format_exception(error))[-4000:]
        return Crash(f"{type(error).__name__}: {error}"[:500], tail)
