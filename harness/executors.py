"""Where items are worked off: in this process, in several processes, or on a Ray cluster. One interface."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Protocol

from harness import interrupt
from harness.threads import one_thread
from harness.worker import DIED, Item, Plan, Result, Worker


class Executor(Protocol):
    """Works off items in any order; every item comes back exactly once."""

    def run(self, plan: Plan, items: Iterable[Item]) -> Iterator[Result]: ...


def leave_with_parent() -> None:
    """End this worker process when its parent is gone, however it died: nobody waits for the results any more.

    A killed parent closes its end of the sentinel; without this, workers would wait for work for ever.
    """
    parent = multiprocessing.parent_process()

    def watch() -> None:
        assert parent is not None
        parent.join()
        os._exit(1)

    if parent is not None:
        threading.Thread(target=watch, daemon=True).start()


class InProcess:
    """One item after the other, here."""

    def run(self, plan: Plan, items: Iterable[Item]) -> Iterator[Result]:
        """Yield one result per item, in order."""
        one_thread()
        worker = Worker(plan)
        for item in items:
            yield worker.work(item)


_WORKER: Worker | None = None


def _start(plan: Plan) -> None:
    global _WORKER  # one per worker process, set once by the pool's initializer
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what Ctrl-C means
    leave_with_parent()
    one_thread()
    _WORKER = Worker(plan)


def _work(item: Item) -> Result:
    assert _WORKER is not None
    return _WORKER.work(item)


class Processes:
    """`jobs` worker processes. If one dies, the items in flight are tried alone, so that only the guilty one fails."""

    def __init__(self, jobs: int) -> None:
        self._jobs = jobs

    def run(self, plan: Plan, items: Iterable[Item]) -> Iterator[Result]:
        """Yield results as they come; keeps at most two items per worker in flight (bounded memory)."""
        waiting = iter(items)
        while True:
            flight: dict[Future[Result], Item] = {}
            try:
                with self._pool(plan, self._jobs) as pool:
                    yield from self._drain(pool, waiting, flight)
                    return
            except BrokenProcessPool:
                yield from self._alone(plan, list(flight.values()))

    def _pool(self, plan: Plan, jobs: int) -> ProcessPoolExecutor:
        context = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(jobs, mp_context=context, initializer=_start, initargs=(plan,))

    def _drain(
        self, pool: ProcessPoolExecutor, waiting: Iterator[Item], flight: dict[Future[Result], Item]
    ) -> Iterator[Result]:
        try:
            while True:
                while len(flight) < 2 * self._jobs and (item := next(waiting, None)) is not None:
                    with interrupt.shielded():
                        flight[pool.submit(_work, item)] = item
                if not flight:
                    return
                done, _ = wait(flight, return_when=FIRST_COMPLETED)
                for future in sorted(done, key=lambda one: one.exception() is not None):  # what is finished is kept
                    result = future.result()
                    del flight[future]
                    yield result
        except (KeyboardInterrupt, GeneratorExit):
            interrupt.end(pool)
            raise

    def _alone(self, plan: Plan, items: list[Item]) -> Iterator[Result]:
        for item in items:
            try:
                with self._pool(plan, 1) as pool:
                    with interrupt.shielded():
                        future = pool.submit(_work, item)
                    result = future.result()
            except BrokenProcessPool:
                result = Result(item, DIED, ())
            yield result


def _on_ray(jobs: int) -> Executor:
    from harness.ray_executor import Ray

    return Ray(jobs)


EXECUTORS: dict[str, Callable[[int], Executor]] = {
    "local": lambda jobs: InProcess() if jobs == 1 else Processes(jobs),
    "ray": _on_ray,
}
