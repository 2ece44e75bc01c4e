"""An error that a user meets has one sentence, its cure, and an exit code (docs/reference/runs.md, 'Exit codes')."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

EXIT_FINE = 0
EXIT_CRASH = 1
EXIT_USAGE = 2
EXIT_REGRESSION = 3
EXIT_CANNOT_COMPARE = 4
EXIT_MISSING = 5
EXIT_INTERRUPTED = 130

_ALIKE = 0.7  # difflib's ratio: 'cmte' and 'cmet' have 0.75, 'sadtalker' and 'edtalk' 0.67
_LEAST_BEGINNING = 3  # letters


class BenchError(Exception):
    """Reports a user's mistake or a missing thing: `what` went wrong (and where), `cure` to type next."""

    exit_code = EXIT_USAGE

    def __init__(self, what: str, cure: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.cure = cure

    def __str__(self) -> str:
        return f"{self.what} {self.cure}".strip()


class UsageError(BenchError):
    """Says that the command line asks for something that does not exist or does not fit."""


class SchemaError(UsageError):
    """Says that a file has another schema: another version of cmet-bench wrote it. `compare` answers it with exit code
    4.
    """


class MissingError(BenchError):
    """Says that a prerequisite is missing: weights, data, a tool, or space."""

    exit_code = EXIT_MISSING


class NoRoomError(MissingError):
    """Says that files cannot be written: the disk is full, or the place is closed. No later file would fit either."""


@dataclass(frozen=True)
class Missing:
    """Describes one prerequisite that is not on this machine, as methods and judges list them, and its cure."""

    what: str
    cure: str

    @classmethod
    def of(cls, error: BenchError) -> Missing:
        """Returns an error's sentence and cure as a record."""
        return cls(error.what, error.cure)

    def __str__(self) -> str:
        return f"{self.what} {self.cure}".strip()


class CannotCompareError(BenchError):
    """Says that two things cannot be compared, or that too little was measured."""

    exit_code = EXIT_CANNOT_COMPARE


class MediaError(BenchError):
    """Says that a media file cannot be read or written; `reason` is a code of harness.reasons."""

    def __init__(self, what: str, cure: str = "", reason: str = "unreadable") -> None:
        super().__init__(what, cure)
        self.reason = reason


def unknown_name(kind: str, name: str, known: Iterable[str]) -> UsageError:
    """Returns `UsageError` for a name that is not in a registry, with the nearest known one."""
    names = sorted(known)
    near = nearest(name, names)
    return UsageError(
        f"There is no {kind} '{name}'.", f"Did you mean '{near}'?" if near else f"Known: {', '.join(names)}."
    )


def nearest(name: str, known: Iterable[str]) -> str:
    """Returns the known name that a slip of the hand makes `name` of, or that begins with it; "" where none does.

    Half the letters in common are no slip: 'eat' is not 'cmet', nor 'sadtalker' 'edtalk'.
    """
    names = {one.casefold(): one for one in known}
    typed = name.casefold()
    begun = [one for one in names if len(typed) >= _LEAST_BEGINNING and one.startswith(typed)]
    turned = [one for one in names if sorted(one) == sorted(typed)]
    close = difflib.get_close_matches(typed, names, n=1, cutoff=_ALIKE)
    return next((names[one] for one in (*turned, *close, *begun)), "")
