"""The program's output survives readers that leave (`| head`), streams that were never open, and narrow encodings."""

from __future__ import annotations

import io
import os
import sys
from typing import Any, TextIO


def make_patient() -> None:
    """Let no reader decide how the work ends: text that nobody takes, or no encoding can say, is left out.

    A closed pipe would else end a run half-way, or turn the exit code of `compare` into that of a crash.
    """
    sys.stdout, sys.stderr = _patient(sys.stdout), _patient(sys.stderr)


def _patient(stream: TextIO | None) -> TextIO:
    if stream is None:  # started with the stream closed (cron, `2>&-`)
        return open(os.devnull, "w", encoding="utf-8")
    if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
        stream.reconfigure(errors="replace")  # an arrow in a Latin-1 log
    return _UntilClosed(stream)  # type: ignore[return-value]


class _UntilClosed:
    """Wraps a text stream: once its reader has left, written text goes nowhere."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write, or not."""
        try:
            return self._stream.write(text)
        except BrokenPipeError:
            self._let_go()
            return len(text)

    def flush(self) -> None:
        """Flush, or not."""
        try:
            self._stream.flush()
        except BrokenPipeError:
            self._let_go()

    def _let_go(self) -> None:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._stream.fileno())  # the buffered rest, and the prints of libraries, go there too
        os.close(nowhere)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
