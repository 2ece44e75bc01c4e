"""Independent pieces of work run in processes of one thread each: a process that dies costs one item, and only it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import wait
from typing import Generic, Protocol, TypeVar

from harness.child import DIED, LEAVE_SECONDS, Child, Prepare
from harness.guard import Crash, attempt
from harness.threads import one_thread

Item = TypeVar("Item")
Result = TypeVar("Result")
Answer = TypeVar("Answer", contravariant=True)
Out = TypeVar("Out", covariant=True)


@dataclass(frozen=True)
class Done(Generic[Item, Result]):
    """Pairs an item with its result."""

    item: Item
    result: Result | Crash


class Order(Protocol[Item, Answer, Out]):
    """Decides which items are worked on, and what their answers mean."""

    def take(self) -> Item | None:
        """Returns the next item; None where there is none for now: an answer that is awaited may bring more."""

    def settle(self, item: Item, answer: Answer | Crash) -> Settled[Out]:
        """Returns what an answer leads to; called before the next item is taken."""


@dataclass(frozen=True)
class Settled(Generic[Out]):
    """Says what an answer led to. `fresh`: the next item shall meet another process."""

    out: Sequence[Out]
    fresh: bool = False


class _InTurn(Generic[Item, Result]):
    """Every item once, and its answer as it is; the item of a process that was killed, once more."""

    def __init__(self, items: Iterable[Item]) -> None:
        self._waiting = deque(items)
        self._tried_again: list[Item] = []

    def take(self) -> Item | None:
        return self._waiting.popleft() if self._waiting else None

    def settle(self, item: Item, answer: Result | Crash) -> Settled[Done[Item, Result]]:
        if isinstance(answer, Crash) and answer.code == DIED and answer.out_of_memory and item not in self._tried_again:
            self._tried_again.append(item)
            self._waiting.append(item)  # at the end, when fewer processes share the memory
            return Settled(())
        return Settled([Done(item, answer)])


def each(
    work: Callable[[Item], Result],
    items: Sequence[Item],
    jobs: int,
    prepare: Prepare | None = None,
    apart: bool = False,
) -> Iterator[Done[Item, Result]]:
    """Apply a picklable `work` to every item, each exactly once; `prepare` runs once per process. Any order of results.

    An error in `work` is its item's result, a Crash; a MissingError ends everything. jobs 1 works in this process,
    unless the work is to be `apart`. A process that dies costs the item that it worked on, and is replaced.
    """
    if items and (apart or (jobs > 1 and len(items) > 1)):
        yield from in_children(work, _InTurn[Item, Result](items), min(jobs, len(items)), prepare)
        return
    one_thread()
    end = prepare() if prepare is not None and items else None
    try:
        for item in items:
            yield Done(item, attempt(partial(work, item)))
    finally:
        if end is not None:
            end()


def in_children(
    work: Callable[[Item], Result],
    order: Order[Item, Result, Out],
    jobs: int,
    prepare: Prepare | None = None,
    places: Sequence[Mapping[str, str]] = ({},),
) -> Iterator[Out]:
    """Like `each`, always in processes of their own, as `order` says. Closing the generator ends them, whatever they
    do. places: environments, over which the processes are spread (a GPU each).
    """
    crew: list[Child[Item, Result]] = []

    def begin() -> Child[Item, Result]:
        taken = [child.environment for child in crew]
        return Child(work, prepare, min(places, key=lambda place: taken.count(dict(place))))

    with _ended(crew):
        while _hand_out(order, crew, jobs, begin):
            for child, answer in _heard(crew):
                item, child.item = child.item, None
                assert item is not None
                settled = order.settle(item, answer)
                if settled.fresh and not child.gone:
                    child.end()
                crew[:] = [one for one in crew if not one.gone]
                _hand_out(order, crew, jobs, begin)  # before the answer is looked at: nobody waits for that
                yield from settled.out


def _hand_out(
    order: Order[Item, Result, Out],
    crew: list[Child[Item, Result]],
    jobs: int,
    begin: Callable[[], Child[Item, Result]],
) -> bool:
    """Give every idle process an item, and start as many as are lacking; whether any is at work now."""
    while idle := next((child for child in crew if child.item is None), None) or len(crew) < jobs:
        item = order.take()
        if item is None:
            break
        if not isinstance(idle, Child):
            idle = begin()
            crew.append(idle)
        idle.give(item)
    return any(child.item is not None for child in crew)


def _heard(crew: list[Child[Item, Result]]) -> list[tuple[Child[Item, Result], Result | Crash]]:
    """The answers that are here, after waiting for a word of any process, or for one to be overdue."""
    busy = [child for child in crew if child.item is not None]
    wait([child.line for child in busy], min(child.patience_seconds() for child in busy))
    answers = [(child, child.answer()) for child in busy]
    return [(child, answer) for child, answer in answers if answer is not None]


@contextmanager
def _ended(crew: list[Child[Item, Result]]) -> Iterator[None]:
    """In the end the processes leave by themselves; when nobody wants their results, at once."""
    leave = False
    try:
        yield
        leave = True
    finally:
        for child in crew:
            child.let_go()
        for child in crew:
            child.end(LEAVE_SECONDS if leave else 0.0)
