"""An executor works off items in this process, in several, or on a Ray cluster, behind one interface."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from functools import partial
from typing import Protocol

from harness.guard import Crash
from harness.parallel import each
from harness.worker import DIED, Item, Result, RunPlan, Worker


class Executor(Protocol):
    """Works off items in any order; every item comes back exactly once. Closing the generator ends the work."""

    def run(self, plan: RunPlan, items: Sequence[Item]) -> Generator[Result, None, None]: ...


_WORKER: Worker | None = None


def _open(plan: RunPlan) -> None:
    global _WORKER  # one per process, set before its first item
    _WORKER = Worker(plan)


def _work(item: Item) -> Result:
    assert _WORKER is not None
    return _WORKER.work(item)


class Local:
    """Works in this process for one job, else in `jobs` processes. If one of them dies, only the item that killed it
    fails.
    """

    def __init__(self, jobs: int) -> None:
        self._jobs = jobs

    def run(self, plan: RunPlan, items: Sequence[Item]) -> Generator[Result, None, None]:
        """Yield results as they come."""
        for done in each(_work, items, self._jobs, partial(_open, plan)):
            yield Result(done.item, DIED, ()) if isinstance(done.result, Crash) else done.result


def _on_ray(jobs: int) -> Executor:
    from harness.ray_executor import Ray

    return Ray(jobs)


EXECUTORS: dict[str, Callable[[int], Executor]] = {
    "local": Local,
    "ray": _on_ray,
}
