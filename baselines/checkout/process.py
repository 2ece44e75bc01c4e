"""A checkout's process: started in a group of its own, asked through files, watched, and ended with what it started."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from baselines.checkout import facts
from harness import liveness, offspring
from harness.atomic import sweep_abandoned, writer

_PREFIX = "cmet-bench-checkout-"
_LOOK_SECONDS = 0.02
_LEAVE_SECONDS = 2.0
_LOG_BYTES = 64_000  # of what it prints the end is kept; it may print gigabytes
_LINE_BYTES = 1_000_000  # an answer is a short line


@dataclass(frozen=True)
class Ended:
    """Says how a process ended instead of answering: it was `silent` too long, or died."""

    reason: str
    silent: bool
    log: str  # the end of what it printed


class CheckoutProcess:
    """Runs `command job.json` in a checkout. `folder` is its work folder, whose path has neither space nor quote."""

    def __init__(self, command: Sequence[str], job: Mapping[str, Any], checkout: Path, device: str) -> None:
        place = _plain_folder()
        sweep_abandoned(place, _PREFIX, deep=False)  # of workers that were killed
        self.folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{writer()}.", dir=place))
        self._requests, self._results = self.folder / "requests", self.folder / "results"
        self._requests.touch()
        self._results.touch()
        told = {**job, "requests": str(self._requests), "results": str(self._results), "parent": os.getpid()}
        (self.folder / "job.json").write_text(json.dumps(told), encoding="utf-8")
        self._mark = secrets.token_hex(8)
        self._read = 0
        self._log: deque[bytes] = deque()
        self._process = subprocess.Popen(
            [*command, str(self.folder / "job.json")],
            cwd=checkout,
            env=self._environment(device),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        threading.Thread(target=self._drain, daemon=True).start()

    def _environment(self, device: str) -> dict[str, str]:
        with offspring.marked(self._mark):
            ours = facts.environment()
        return {**ours, "CUDA_VISIBLE_DEVICES": _devices(device, os.environ.get("CUDA_VISIBLE_DEVICES"))}

    def _drain(self) -> None:
        """Keep the end of what the process prints: it never waits for a reader, nor fills a disk."""
        assert self._process.stdout is not None
        with suppress(ValueError):  # closed while it was read
            while block := os.read(self._process.stdout.fileno(), 4096):
                self._log.append(block)
                while len(self._log) * 4096 > _LOG_BYTES:
                    self._log.popleft()

    def log(self) -> str:
        """Returns the end of what the process printed, at most 4 kB."""
        return b"".join(tuple(self._log))[-4000:].decode("utf-8", "replace")

    def send(self, line: Mapping[str, Any]) -> None:
        """Hand in one request."""
        with self._requests.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def answer(self, growing: Path | None, timeout_seconds: float) -> dict[str, Any] | Ended:
        """Returns the next line that is no sign of life, or how the process ended: silence ends it.

        growing: a file whose growth is a sign of life, too.
        """
        seen, heard = (-1, -1), time.monotonic()
        while True:
            dead = self._process.poll() is not None  # before the last look at what it said
            now = (_size(self._results), _size(growing))
            if now != seen:
                seen, heard = now, time.monotonic()
                liveness.alive()
                line = self._line()
                if line is not None and line.get("status") != "alive":
                    return line
                if line is not None:
                    seen = (-1, -1)  # there may be more
                    continue
            if dead:
                return self._ended(f"its process ended ({_how(self._process.returncode)})")
            if time.monotonic() - heard > timeout_seconds:
                return self._ended(f"it gave no sign of life for {timeout_seconds:g} s and was ended", silent=True)
            time.sleep(_LOOK_SECONDS)

    def _line(self) -> dict[str, Any] | None:
        """The next whole line of the answers. What is no JSON object is an answer without any field."""
        with self._results.open("rb") as file:
            file.seek(self._read)
            line = file.readline(_LINE_BYTES)
        if not line.endswith(b"\n") and len(line) < _LINE_BYTES:
            return None
        self._read += len(line)
        try:
            told = json.loads(line)
        except (ValueError, RecursionError):
            return {}
        return told if isinstance(told, dict) else {}

    def _ended(self, reason: str, silent: bool = False) -> Ended:
        self.end()
        time.sleep(_LOOK_SECONDS)  # the drain may hold its last words
        return Ended(reason, silent, self.log())

    def leave(self) -> None:
        """Ask the process to leave, and end it if it does not."""
        self.send({"end": True})
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_LEAVE_SECONDS)
        self.end()

    def end(self) -> None:
        """End the process, its group, and all that it started; its work folder goes with it."""
        offspring.end(self._process.pid, self._mark)
        self._process.kill()
        self._process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def _plain_folder() -> Path:
    """A folder for work folders: foreign scripts hand paths to shells, unquoted."""
    usual = tempfile.gettempdir()
    return Path(usual if re.fullmatch(r"[\w./-]+", usual, re.ASCII) else "/tmp")


def _devices(device: str, visible: str | None) -> str:
    """Which GPUs the process may see: the one of `device`, which it then calls cuda:0; none with cpu."""
    if not device.startswith("cuda"):
        return ""
    index = int(device.partition(":")[2] or 0)
    mine = visible.split(",") if visible else []
    return mine[index].strip() if index < len(mine) else str(index)


def _size(path: Path | None) -> int:
    try:
        return -1 if path is None else path.stat().st_size
    except OSError:
        return -1


def _how(code: int) -> str:
    if code < 0:
        with suppress(ValueError):
            return signal.Signals(-code).name
    return f"exit code {code}"
