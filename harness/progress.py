"""Long work reports its progress on stderr: how far, how fast, how long still."""

from __future__ import annotations

import shutil
import sys
import time
from typing import TextIO

from harness.streams import control


class Progress:
    """Counts `total` steps of one kind. A terminal gets one line rewritten in place; a log gets a line every 15
    seconds.
    """

    LOG_SECONDS = 15.0

    def __init__(self, label: str, total: int, stream: TextIO | None = None) -> None:
        self._label = label
        self._total = total
        self._stream = stream if stream is not None else sys.stderr
        self._live = self._stream.isatty()
        self._started = self._last = time.monotonic()
        self._done = 0

    def step(self, note: str = "") -> None:
        """Count one more finished step."""
        self._done += 1
        now = time.monotonic()
        if self._live or self._done == self._total or now - self._last >= self.LOG_SECONDS:
            self._last = now
            self._print(now, note)

    def _print(self, now: float, note: str) -> None:
        rest = (now - self._started) / self._done * (self._total - self._done)
        times = f"{clock(now - self._started)} gone, {clock(rest)} to go"
        line = f"{self._label} {self._done}/{self._total}  {times}  {note}"
        end = "\n" if not self._live or self._done == self._total else ""
        room = min(118, shutil.get_terminal_size().columns - 1) if self._live else 118  # a wrapped line stays behind
        control(self._stream, "\r\x1b[K")
        self._stream.write(line.rstrip()[:room] + end)
        self._stream.flush()

    def say(self, text: str) -> None:
        """Print a line of its own."""
        self._stream.write(f"{chr(10) if self._live else ''}{text}\n")
        self._stream.flush()

    def close(self) -> None:
        """Leave the terminal's line in order after an interruption."""
        if self._live and self._done < self._total:
            self._stream.write("\n")


def clock(seconds: float) -> str:
    """Returns `seconds` as m:ss, or h:mm:ss."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


class Bar:
    """Shows the progress of work that reports (done, total) itself; a context manager."""

    def __init__(self, label: str) -> None:
        self._label = label
        self._progress: Progress | None = None
        self._seen = 0

    def at(self, done: int, total: int) -> None:
        """Show that `done` of `total` steps are finished."""
        if self._progress is None:
            self._progress = Progress(self._label, total)
        for _ in range(done - self._seen):
            self._progress.step()
        self._seen = max(self._seen, done)

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *exc: object) -> None:
        if self._progress is not None:
            self._progress.close()
