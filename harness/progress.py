"""Long work reports its progress on stderr: a bar with rate and time left, or a plain line now and then in a log."""

from __future__ import annotations

import shutil
import sys
import threading
from typing import Any, TextIO

from tqdm import tqdm

from harness.pace import Pace
from harness.streams import beneath, printable

_TIMES = "{n_fmt}/{total_fmt}  {elapsed} gone, {left}{postfix}"
_ON_TERMINAL = "{desc} {percentage:3.0f}% |{bar}| " + _TIMES
_IN_LOG = "{desc} {percentage:3.0f}% " + _TIMES
_TERMINAL_SECONDS, _LOG_SECONDS = 0.1, 15.0  # between two looks of a reader
_TICK_SECONDS = 1.0
_NOTE_LENGTH = 30


class _Bar(tqdm):
    """Is tqdm's bar with our words for time and rate; in a log it writes plain lines, and it starts no thread."""

    monitor_interval = 0

    def __init__(self, pace: Pace | None, **options: Any) -> None:
        self.pace = pace
        super().__init__(**options)

    @property
    def format_dict(self) -> dict[str, Any]:
        """tqdm's facts and `left`: how long still, and how fast."""
        facts = super().format_dict
        if self.dynamic_ncols:
            facts["ncols"] = facts["ncols"] or shutil.get_terminal_size().columns - 1  # a wrapped line stays behind
        elapsed, done, total = facts["elapsed"], facts["n"], facts["total"] or 0
        rate = facts["rate"] or (done / elapsed if elapsed else 0.0)
        rest = (total - done) / rate if rate else None
        if self.pace is not None:
            rest, rate = self.pace.left_seconds(), self.pace.rate()
        over = total and done >= total and elapsed
        return {**facts, "left": self._speed(rate or done / elapsed) if over else self._left(rest, rate)}

    def _left(self, rest: float | None, rate: float | None) -> str:
        if rest is None or not rate:
            return "loading" if self.pace is not None else "starting"
        return f"{self.format_interval(rest)} to go, {self._speed(rate)}"

    def _speed(self, rate: float) -> str:
        if self.unit == "B":
            return f"{rate / 1e6:.1f} MB/s"
        return f"{rate:.1f}/s" if rate >= 1 else f"{1 / rate:.1f} s each"

    def display(self, msg: str | None = None, pos: int | None = None) -> None:
        """Draw the bar, or write a line of a log."""
        if self.dynamic_ncols:  # a terminal
            super().display(msg, pos)
        elif msg is None:
            self.fp.write(f"{str(self).rstrip()}\n")
            self.fp.flush()


class Progress:
    """Counts `total` steps of one kind, as a context manager or until `close`; where the work itself tells done and
    total, without one. `pace`: knows how long the rest takes, from what its results told.
    """

    def __init__(
        self,
        label: str,
        total: int | None = None,
        stream: TextIO | None = None,
        pace: Pace | None = None,
        unit: str = "",
    ) -> None:
        self._stream = stream if stream is not None else sys.stderr
        self._live = self._stream.isatty()
        self._label, self._unit, self._pace = printable(label), unit, pace
        self._failed = 0
        self._closed = threading.Event()
        self._bar: _Bar | None = self._drawn(total) if total else None
        self._ended = 0  # the total that was reached
        if self._live and self._pace is not None and self._bar is not None:  # minutes may pass between two steps
            threading.Thread(target=self._tick, args=(self._bar,), daemon=True).start()

    def _tick(self, bar: _Bar) -> None:
        """Let the clock go on while nothing is finished."""
        while not self._closed.wait(_TICK_SECONDS):
            bar.refresh()

    def _drawn(self, total: int) -> _Bar:
        return _Bar(
            pace=self._pace,
            desc=self._label,
            total=total,
            unit=self._unit,
            unit_scale=self._unit == "B",
            file=beneath(self._stream),
            bar_format=_ON_TERMINAL if self._live else _IN_LOG,
            dynamic_ncols=self._live,
            mininterval=_TERMINAL_SECONDS if self._live else _LOG_SECONDS,
            miniters=0,
            delay=0.0 if self._live else 1e-9,
        )

    def step(self, note: str = "", failed: bool = False) -> None:
        """Count one more finished step, of `note`; failures are counted beside it."""
        if self._bar is not None:
            self._failed += failed
            told = [f"{self._failed} failed" if self._failed else "", printable(note)[:_NOTE_LENGTH]]
            self._bar.set_postfix_str(", ".join(filter(None, told)), refresh=False)
            self._bar.update()
            self._close_if_done(self._bar)

    def at(self, done: int, total: int) -> None:
        """Show that `done` of `total` steps are finished."""
        if done >= total == self._ended > 0:
            return
        if self._bar is None:
            self._bar = self._drawn(total)
        self._bar.total = total
        self._bar.update(max(0, done - self._bar.n))
        self._close_if_done(self._bar)

    def _close_if_done(self, bar: _Bar) -> None:
        if bar.total and bar.n >= bar.total:
            self._ended = bar.total
            self.close()

    def say(self, text: str) -> None:
        """Print a line of its own."""
        if self._bar is not None and self._live:
            self._bar.write(printable(text), file=beneath(self._stream))
            return
        self._stream.write(f"{text}\n")
        self._stream.flush()

    def close(self) -> None:
        """Leave the line as it is now, and the terminal in order."""
        self._closed.set()
        if self._bar is not None:
            if not self._live and self._bar.n > self._bar.last_print_n:
                self._bar.refresh()
            self._bar.leave = self._live
            self._bar.close()
            self._bar = None

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
