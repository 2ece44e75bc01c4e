"""Work in several processes: every item comes back exactly once, whoever dies and whenever that is noticed."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pytest

from harness.child import DIED
from harness.errors import MissingError
from harness.guard import Crash
from harness.parallel import each

DEADLY = 1


def squared(number: int) -> int:
    if number == DEADLY:
        time.sleep(0.2)
        os._exit(9)
    return number * number


def refused(number: int) -> int:
    if number == DEADLY:
        raise MissingError("The disk is full.")
    time.sleep(0.05)
    return number


@pytest.mark.slow
@pytest.mark.parametrize("patience_seconds", [0.0, 1.0])  # the second: the death is noticed when more is handed in
def test_a_death_costs_one_item_and_loses_none(patience_seconds: float) -> None:
    found: dict[int, int | Crash] = {}
    for done in each(squared, range(7), 2):
        assert done.item not in found
        found[done.item] = done.result
        time.sleep(0 if found.keys() - {0} else patience_seconds)
    died = found.pop(DEADLY)
    assert isinstance(died, Crash)
    assert (died.code, died.reason) == (DIED, "the worker process died (exit code 9)")
    assert found == {number: number * number for number in range(7) if number != DEADLY}


@pytest.mark.slow
def test_what_is_raised_ends_the_work_before_its_end() -> None:
    work = each(refused, range(100), 2)
    with pytest.raises(MissingError):
        deque(islice(work, 10), maxlen=0)


def test_one_job_works_here_in_order() -> None:
    begun: list[str] = []
    found = [done.result for done in each(lambda number: number + 1, range(3), 1, lambda: begun.append("once"))]
    assert (found, begun) == ([1, 2, 3], ["once"])


class Opened:
    """Leaves a file when its process has no more to do."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self) -> Callable[[], object]:
        return (self._folder / f"{os.getpid()}.closed").touch


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, 2])
def test_what_was_opened_in_a_process_is_closed_at_its_end(tmp_path: Path, jobs: int) -> None:
    assert len(list(each(squared, [2, 3, 4, 5], jobs, Opened(tmp_path)))) == 4
    assert len(list(tmp_path.iterdir())) == jobs
