"""Many small independent pieces of work in processes of one thread each: a worker that dies costs one item."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Generic, TypeVar

from harness import interrupt, worker
from harness.executors import leave_with_parent
from harness.guard import Crash
from harness.threads import one_thread

Item = TypeVar("Item")
Result = TypeVar("Result")
_PER_WORKER = 3  # items in flight per worker: none waits, and Ctrl-C has little to forget

DIED = Crash(worker.DIED.reason, "", worker.DIED.cure)


@dataclass(frozen=True)
class Done(Generic[Item, Result]):
    """An item and what came of it."""

    item: Item
    result: Result | Crash


def _start(prepare: Callable[[], None] | None) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what Ctrl-C means
    leave_with_parent()
    one_thread()
    if prepare is not None:
        prepare()


def each(
    work: Callable[[Item], Result],
    items: Sequence[Item],
    jobs: int,
    prepare: Callable[[], None] | None = None,
) -> Iterator[Done[Item, Result]]:
    """Apply a picklable `work` to every item; `prepare` runs once per process. Order of results is free.

    `work` must not raise for a bad item (see harness.guard). jobs 1 works in this process.
    """
    if jobs <= 1 or len(items) <= 1:
        one_thread()
        if prepare is not None and items:
            prepare()
        for item in items:
            yield Done(item, work(item))
        return
    waiting = iter(items)
    while True:
        flight: dict[Future[Result], Item] = {}
        try:
            with _pool(jobs, prepare) as pool:
                yield from _drain(pool, work, waiting, flight, jobs)
                return
        except BrokenProcessPool:
            yield from _alone(work, list(flight.values()), prepare)


def _pool(jobs: int, prepare: Callable[[], None] | None) -> ProcessPoolExecutor:
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(jobs, mp_context=context, initializer=_start, initargs=(prepare,))


def _drain(
    pool: ProcessPoolExecutor,
    work: Callable[[Item], Result],
    waiting: Iterator[Item],
    flight: dict[Future[Result], Item],
    jobs: int,
) -> Iterator[Done[Item, Result]]:
    end = object()
    try:
        while True:
            while len(flight) < _PER_WORKER * jobs and (item := next(waiting, end)) is not end:
                with interrupt.shielded():
                    flight[pool.submit(work, item)] = item  # type: ignore[arg-type,assignment]
            if not flight:
                return
            for future in wait(flight, return_when=FIRST_COMPLETED).done:
                result = future.result()
                yield Done(flight.pop(future), result)
    except (KeyboardInterrupt, GeneratorExit):
        interrupt.end(pool)
        raise


def _alone(
    work: Callable[[Item], Result], items: Sequence[Item], prepare: Callable[[], None] | None
) -> Iterator[Done[Item, Result]]:
    """After a worker died: the items in flight one by one, so that only the guilty one fails."""
    waiting = list(items)
    while waiting:
        try:
            with _pool(1, prepare) as pool:
                while waiting:
                    with interrupt.shielded():
                        future = pool.submit(work, waiting[0])
                    result = future.result()
                    yield Done(waiting.pop(0), result)
        except BrokenProcessPool:
            yield Done(waiting.pop(0), DIED)
