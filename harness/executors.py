"""An executor works off items in child processes, on a Ray cluster, or right here, behind one interface."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from functools import partial
from typing import Protocol

from harness.devices import places
from harness.parallel import in_children
from harness.schedule import Schedule
from harness.worker import Item, Result, RunPlan, Worker, open_worker, work


class Executor(Protocol):
    """Works off items in any order; every item comes back exactly once. Closing the generator ends the work."""

    def run(self, plan: RunPlan, items: Sequence[Item]) -> Generator[Result, None, None]: ...


class Local:
    """Works in `jobs` child processes, also if that is one: a method that dies, hangs or forks costs its own sample,
    and Ctrl-C is always the run's.
    """

    def __init__(self, jobs: int) -> None:
        self._jobs = jobs

    def run(self, plan: RunPlan, items: Sequence[Item]) -> Generator[Result, None, None]:
        """Yield results as they come."""
        opened = partial(open_worker, plan)
        yield from in_children(work, Schedule(plan, items), self._jobs, opened, places(plan.device))


class Here:
    """Works in this process, for a debugger and for tests of what needs no protection: a method that dies takes the
    run with it, and one that hangs is not ended.
    """

    def __init__(self, jobs: int) -> None:
        del jobs

    def run(self, plan: RunPlan, items: Sequence[Item]) -> Generator[Result, None, None]:
        """Yield results in order."""
        with closing(Worker(plan)) as worker:
            yield from map(worker.work, items)


def _on_ray(jobs: int) -> Executor:
    from harness.ray_executor import Ray

    return Ray(jobs)


EXECUTORS: dict[str, Callable[[int], Executor]] = {
    "local": Local,
    "ray": _on_ray,
    "here": Here,
}
