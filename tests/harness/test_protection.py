"""A contestant's own process, one job or many: whatever it does there costs its own sample, and nothing outlives it."""

from __future__ import annotations

import asyncio
import ctypes
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.executors import Local
from harness.method import Output
from harness.records import Clip, Failed, Request
from harness.store import RunStore
from harness.worker import Item
from tests.fakes import FakeDataset, Painter
from tests.harness.test_runner import go, plan_for, rows

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name != "posix", reason="processes as POSIX has them")]


class Wordless(RuntimeError):
    def __str__(self) -> str:
        raise ValueError("no words")


class Sticky(Failed):
    """Cannot be pickled."""

    def __reduce__(self) -> Any:
        raise TypeError("not to be moved")


def throw(error: BaseException) -> Any:
    raise error


def leave_children(here: Path) -> Any:
    """One child in the group, one in a session of its own, one that comes back as if it were the worker."""
    sleeper = subprocess.Popen(["sleep", "600"])
    escaped = subprocess.Popen(["sleep", "600"], start_new_session=True)
    copy = os.fork()
    if copy:
        (here / "children").write_text(f"{sleeper.pid} {escaped.pid} {copy}", encoding="utf-8")
    return Failed("bad-input", "three children")


#: trouble → what it does, and the kind and words of the row.
WILD: dict[str, tuple[Callable[[Path], Any], str, str]] = {
    "wordless": (lambda here: throw(Wordless()), "crashed", "Wordless: (its text cannot be shown: ValueError)"),
    "cancelled": (lambda here: throw(asyncio.CancelledError()), "crashed", "CancelledError"),
    "ctrl-c": (lambda here: throw(KeyboardInterrupt()), "crashed", "KeyboardInterrupt"),
    "generator": (lambda here: throw(GeneratorExit()), "crashed", "GeneratorExit"),
    "number": (lambda here: Failed("bad-input", 7, cure=None), "bad-input", "7"),  # type: ignore[arg-type]
    "kind": (lambda here: Failed([], "odd"), "crashed", "odd"),  # type: ignore[arg-type]
    "sticky": (lambda here: Sticky("bad-input", "moved all the same"), "bad-input", "moved all the same"),
    "children": (leave_children, "bad-input", "three children"),
    "exit": (lambda here: os._exit(3), "crashed", "the worker process died (exit code 3)"),
    "segv": (lambda here: ctypes.string_at(0), "crashed", "the worker process died (SIGSEGV)"),
    "hang": (lambda here: time.sleep(600), "timeout", "painter gave no sign of life for 3 s and was ended"),
}
NAMES = ("fine", *WILD, "last")


class Wild(Painter):
    """Paints the first sample and the last; in between it does what no contestant should."""

    def __init__(self, options: Any, device: str) -> None:
        super().__init__({}, device)
        self._here = Path(options["here"])

    def generate(self, request: Request, out: Output) -> Clip | Failed:
        name = NAMES[int(request.id[1:])]
        if name not in WILD:
            return super().generate(request, out)
        made: Clip | Failed = WILD[name][0](self._here)
        return made


def ends(folder: Path, method: str = "painter") -> dict[str, Clip | Failed]:
    with RunStore(folder, create=False) as store:
        return {sample: end for (_, name, sample), (end, _) in store.clips().items() if name == method}


def is_running(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except OSError:
        return False


def test_whatever_a_contestant_does_is_a_row_of_its_sample(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    plan = replace(
        plan_for(folder, count=len(NAMES)),
        methods={"painter": f"{__name__}:Wild"},
        method_options={"painter": {"here": str(tmp_path)}},
        timeouts={"painter": 3.0},
    )
    outcome = go(folder, plan, executor="local")
    assert (outcome.made, outcome.failed) == (2, len(WILD))
    found = ends(folder)
    for k, name in enumerate(NAMES):
        end = found[f"s{k}"]
        if name in WILD:
            assert isinstance(end, Failed), name
            assert (end.kind, WILD[name][2] in end.reason) == (WILD[name][1], True), (name, end)
    assert {row[1] for row in rows(folder) if row[4] is None} == {"s0", f"s{len(NAMES) - 1}"}
    assert {path.stem for path in (folder / "clips").rglob("*")} == {"painter", "s0", f"s{len(NAMES) - 1}"}
    if sys.platform == "linux":
        assert not [pid for pid in map(int, (tmp_path / "children").read_text().split()) if is_running(pid)]


class Slow(Painter):
    """Takes longer than its timeout in all, and says in between that it is alive."""

    def generate(self, request: Request, out: Output) -> Clip | Failed:
        for _ in range(16 if request.id == "s0" else 0):
            out.alive()
            time.sleep(0.25)
        return super().generate(request, out)


class Greedy(Painter):
    """Finds enough memory in every second process only."""

    def generate(self, request: Request, out: Output) -> Clip | Failed:
        mark = Path(out._target).with_suffix(".tried")  # type: ignore[attr-defined]
        if request.id == "s1" and not mark.exists():
            mark.write_text(str(os.getpid()))
            raise MemoryError
        if request.id == "s1" and mark.read_text() == str(os.getpid()):
            return Failed("crashed", "the same process")
        return super().generate(request, out)


def test_who_is_alive_is_not_ended_and_who_lacked_memory_is_asked_in_a_fresh_process(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    methods = {name: f"{__name__}:{name.title()}" for name in ("slow", "greedy")}
    plan = replace(plan_for(folder, count=2), methods=methods, method_options={}, timeouts=dict.fromkeys(methods, 3.0))
    outcome = go(folder, plan, executor="local")
    assert (outcome.made, outcome.failed) == (4, 0)


class Moody(Painter):
    """Dies of the first two samples unless told to behave."""

    def generate(self, request: Request, out: Output) -> Clip | Failed:
        if request.id in ("s0", "s1"):
            os._exit(1)
        return super().generate(request, out)


def test_a_resumed_run_begins_with_what_was_never_tried(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    plan = replace(plan_for(folder), methods={"painter": f"{__name__}:Moody"}, method_options={})
    assert go(folder, plan, executor="local").made == 0
    assert go(folder, plan, resume=True, executor="local").made == 2


def test_closing_ends_a_contestant_in_the_middle_of_its_work(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    plan = replace(plan_for(tmp_path / "run"), methods={"painter": f"{__name__}:Half"}, method_options={})
    results = Local(1).run(plan, [Item("painter", sample) for sample in FakeDataset(tmp_path / "data").samples()])
    first = next(results)
    began = time.monotonic()
    results.close()
    assert isinstance(first.clip, Clip)
    assert time.monotonic() - began < 30


class Half(Painter):
    """Paints one sample and hangs in the next."""

    def generate(self, request: Request, out: Output) -> Clip | Failed:
        if request.id != "s0":
            time.sleep(600)
        return super().generate(request, out)
