"""The program's output survives readers that leave (`| head`), full disks, streams that were never open, and narrow
encodings; and nothing that others wrote drives the terminal.
"""

from __future__ import annotations

import io
import os
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

#: Unicode categories that do not print: control, format (text that runs backwards), half characters, line separators.
_SILENT = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def make_patient() -> None:
    """Let no reader decide how the work ends: text that nobody takes, or no encoding can say, is left out.

    A closed pipe would else end a run half-way, or turn the exit code of `compare` into that of a crash.
    """
    sys.stdout, sys.stderr = _patient(sys.stdout), _patient(sys.stderr)


@contextmanager
def harmless() -> Iterator[None]:
    """While this is open, what is printed has no control characters but ends of lines and tabs."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (_Harmless(stream) for stream in before)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def control(stream: TextIO, sequence: str) -> None:
    """Write a control sequence of our own, where the stream is a terminal."""
    if stream.isatty():
        beneath(stream).write(sequence)


def beneath(stream: TextIO) -> TextIO:
    """Returns the stream that takes control sequences, for a writer who has seen to `printable` himself."""
    return stream.inner if isinstance(stream, _Harmless) else stream


def lost() -> OSError | None:
    """Returns the system's refusal of what was printed on stdout, where it was not that the reader left."""
    return sys.stdout.refusal if isinstance(sys.stdout, _UntilClosed) else None


def printable(text: str) -> str:
    """Returns the text with a question mark for each character that does not print, but line ends and tabs."""
    if text.isprintable():
        return text
    return "".join(c if c in "\n\t" or unicodedata.category(c) not in _SILENT else "?" for c in text)


def _patient(stream: TextIO | None) -> TextIO:
    if stream is None:  # started with the stream closed (cron, `2>&-`)
        return open(os.devnull, "w", encoding="utf-8")
    if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
        stream.reconfigure(errors="replace")  # an arrow in a Latin-1 log
    return _UntilClosed(stream)  # type: ignore[return-value]


class _Harmless:
    """Wraps a text stream: control characters come out as question marks."""

    def __init__(self, stream: TextIO) -> None:
        self.inner = stream

    def write(self, text: str) -> int:
        """Write what prints of it."""
        self.inner.write(printable(text))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


class _UntilClosed:
    """Wraps a text stream: once its reader has left, or the disk behind it is full, written text goes nowhere."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.refusal: OSError | None = None

    def write(self, text: str) -> int:
        """Write, or not."""
        try:
            return self._stream.write(text)
        except OSError as error:
            self._let_go(error)
            return len(text)

    def flush(self) -> None:
        """Flush, or not."""
        try:
            self._stream.flush()
        except OSError as error:
            self._let_go(error)

    def _let_go(self, error: OSError) -> None:
        if not isinstance(error, BrokenPipeError):
            self.refusal = self.refusal or error
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._stream.fileno())  # the buffered rest, and the prints of libraries, go there too
        os.close(nowhere)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
