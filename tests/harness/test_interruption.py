"""Ctrl-C, SIGTERM and kill -9 in the middle of a run: one sentence, no worker left, --resume ends at the same rows."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.harness.test_runner import go, plan_for, rows
from tests.places import ROOT

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name != "posix", reason="signals and process groups as POSIX has them"),
]
_PATIENCE_SECONDS = 60.0


def _heard() -> None:
    """Undo what a shell's background (Ctrl-C) or nohup (hangup) has shut out of the tests' own process."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def started(folder: Path) -> subprocess.Popen[str]:
    """A run in a process group of its own, as a terminal starts it; returned once it has stored rows."""
    program = subprocess.Popen(
        [sys.executable, "-m", "tests.interrupted_run", "run", str(folder)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "CASE": str(folder)},
        start_new_session=True,
        preexec_fn=_heard,
    )
    until = time.monotonic() + _PATIENCE_SECONDS
    while stored(folder) < 2 and program.poll() is None and time.monotonic() < until:
        time.sleep(0.02)
    return program


def stored(folder: Path) -> int:
    """How many rows another process has committed."""
    if not (folder / "run.sqlite").is_file():
        return 0
    store = sqlite3.connect(folder / "run.sqlite")
    try:
        return int(store.execute("SELECT count(*) FROM rows").fetchone()[0])
    except sqlite3.OperationalError:  # the table is not there yet
        return 0
    finally:
        store.close()


def all_are_gone(folder: Path, leader: int) -> bool:
    """Whether no process of the run is left, after a moment for them to go; workers lead sessions of their own."""
    until = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < until:
        try:
            os.killpg(leader, 0)
        except ProcessLookupError:
            if not _bearing(str(folder)):
                return True
        time.sleep(0.05)
    return False


def _bearing(value: str) -> list[str]:
    """The processes whose environment holds `value`; [] where the system does not show it."""
    found = []
    for place in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"CASE={value}\0".encode() in place.read_bytes():
                found.append(place.parent.name)
        except OSError:  # gone, or another user's
            continue
    return found


@pytest.mark.parametrize("how", ["ctrl-c", "ctrl-c twice", "term", "hangup", "kill"])
def test_an_interrupted_run_goes_on_where_it_was(tmp_path: Path, how: str) -> None:
    folder = tmp_path / how / "run"
    folder.parent.mkdir()
    program = started(folder)
    if how.startswith("ctrl-c"):
        os.killpg(program.pid, signal.SIGINT)  # a terminal signals the workers too
        if how.endswith("twice"):
            time.sleep(0.05)
            os.killpg(program.pid, signal.SIGINT)
    else:
        program.send_signal({"term": signal.SIGTERM, "hangup": signal.SIGHUP, "kill": signal.SIGKILL}[how])
    _, err = program.communicate(timeout=_PATIENCE_SECONDS)
    assert all_are_gone(folder, program.pid)
    assert "Traceback" not in err
    if how != "kill":
        assert program.returncode == 130
        assert "--resume" in err
        assert not list(folder.rglob(".partial*"))
    kept = rows(folder)
    assert 2 <= len(kept) < 20
    plan = plan_for(folder, "slow", count=20)
    assert go(folder, plan, resume=True).reused == len(kept)
    plain = tmp_path / "plain" / "run"
    plain.parent.mkdir()
    go(plain, plan_for(plain, count=20))
    assert sorted(rows(folder)) == sorted(rows(plain))
