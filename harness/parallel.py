"""Independent pieces of work run in processes of one thread each: a worker that dies costs one item, and only it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

from harness import interrupt
from harness.guard import Crash
from harness.threads import one_thread

Item = TypeVar("Item")
Result = TypeVar("Result")
_PER_WORKER = 2  # items in flight per worker: none waits, memory is bounded, and Ctrl-C has little to forget

#: The result of an item whose worker process ended without a word.
DIED = Crash("the worker process died (killed, or out of memory)", "", "Try --jobs 1.")


@dataclass(frozen=True)
class Done(Generic[Item, Result]):
    """Pairs an item with its result."""

    item: Item
    result: Result | Crash


def each(
    work: Callable[[Item], Result],
    items: Sequence[Item],
    jobs: int,
    prepare: Callable[[], None] | None = None,
) -> Iterator[Done[Item, Result]]:
    """Apply a picklable `work` to every item, each exactly once; `prepare` runs once per process. Any order of results.

    `work` must not raise for a bad item (see harness.guard): an error ends everything. jobs 1 works in this
    process. If a worker dies, the items in flight are tried one by one, so that only the guilty one gets `DIED`.
    """
    if jobs <= 1 or len(items) <= 1:
        one_thread()
        if prepare is not None and items:
            prepare()
        for item in items:
            yield Done(item, work(item))
        return
    waiting = deque(items)
    while waiting:
        flight: dict[Future[Result], Item] = {}
        try:
            with _pool(jobs, prepare) as pool:
                yield from _drain(pool, work, waiting, flight, jobs)
        except BrokenProcessPool:
            yield from _alone(work, deque(flight.values()), prepare)


def _drain(
    pool: ProcessPoolExecutor,
    work: Callable[[Item], Result],
    waiting: deque[Item],
    flight: dict[Future[Result], Item],
    jobs: int,
) -> Iterator[Done[Item, Result]]:
    """Work off `waiting`; an item leaves it only when it is in `flight`: a pool that broke takes no more."""
    while waiting or flight:
        while waiting and len(flight) < _PER_WORKER * jobs:
            future = _submit(pool, work, waiting[0])
            flight[future] = waiting.popleft()
        finished = wait(flight, return_when=FIRST_COMPLETED).done
        for future in sorted(finished, key=lambda one: one.exception() is not None):  # finished results are kept
            result = future.result()
            yield Done(flight.pop(future), result)


def _alone(
    work: Callable[[Item], Result], waiting: deque[Item], prepare: Callable[[], None] | None
) -> Iterator[Done[Item, Result]]:
    """One item at a time; a new process only after one died."""
    while waiting:
        try:
            with _pool(1, prepare) as pool:
                while waiting:
                    result = _submit(pool, work, waiting[0]).result()
                    yield Done(waiting.popleft(), result)
        except BrokenProcessPool:
            yield Done(waiting.popleft(), DIED)


def _submit(pool: ProcessPoolExecutor, work: Callable[[Item], Result], item: Item) -> Future[Result]:
    with interrupt.shielded():
        return pool.submit(work, item)


@contextmanager
def _pool(jobs: int, prepare: Callable[[], None] | None) -> Iterator[ProcessPoolExecutor]:
    """Fresh processes, ended at once, whatever they do, when nobody wants their results any more."""
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(jobs, mp_context=context, initializer=_start, initargs=(prepare,))
    try:
        yield pool
    except (KeyboardInterrupt, GeneratorExit):
        interrupt.end(pool)
        raise
    finally:
        pool.shutdown(cancel_futures=True)  # after an error, waiting work need not begin


def _start(prepare: Callable[[], None] | None) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent alone handles Ctrl-C
    _leave_with_parent()
    one_thread()
    if prepare is not None:
        prepare()


def _leave_with_parent() -> None:
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
