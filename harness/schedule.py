"""The schedule of a run hands out its items, and decides what an answer, a death or a hang means for the rest."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable

from harness.child import TIMEOUT
from harness.guard import Crash
from harness.parallel import Settled
from harness.records import Failed
from harness.worker import Item, Result, RunPlan

#: A method that ends its process so often, and answered nothing yet, is not asked for more: each hang costs minutes.
MOST_DEATHS = 2


class Schedule:
    """Implements the order of work (harness.parallel.Order) of a run. Every item comes back exactly once."""

    def __init__(self, plan: RunPlan, items: Iterable[Item]) -> None:
        self._plan = plan
        self._waiting = deque(items)
        self._tried_again: set[tuple[str, str]] = set()
        self._answered: set[str] = set()
        self._deaths: Counter[str] = Counter()

    def take(self) -> Item | None:
        """Returns the next item; None where there is none for now."""
        return self._waiting.popleft() if self._waiting else None

    def settle(self, item: Item, answer: Result | Crash) -> Settled[Result]:
        """Returns the results that an answer leads to; what lacked memory gets one more try, in a fresh process."""
        scarce = answer.out_of_memory if isinstance(answer, Crash) else _lacked_memory(answer)
        if scarce and (item.method, item.sample.id) not in self._tried_again:
            self._tried_again.add((item.method, item.sample.id))
            self.put_back(item)
            return Settled((), fresh=True)
        if isinstance(answer, Crash):
            return Settled(self._lost(item, answer))
        if not (isinstance(answer.clip, Failed) and answer.clip.kind == "unsupported"):
            self._answered.add(item.method)
        return Settled([answer], fresh=scarce)

    def put_back(self, item: Item) -> None:
        """Let an item be taken once more, after the others: fewer processes share the memory then."""
        self._waiting.append(item)

    def __len__(self) -> int:
        """Returns how many items wait."""
        return len(self._waiting)

    def _lost(self, item: Item, crash: Crash) -> list[Result]:
        if item.clip is not None:  # it is there, and stays: a judge ended the process
            return [Result(item, item.clip, (), Failed("crashed", crash.reason, crash.cure, crash.detail, "crashed"))]
        self._plan.clip_path(item).unlink(missing_ok=True)  # of an earlier run: the store names no file there
        failed = Failed("timeout" if crash.code == TIMEOUT else "crashed", crash.reason, crash.cure, crash.detail)
        results = [Result(item, failed, ())]
        self._deaths[item.method] += 1
        if self._deaths[item.method] < MOST_DEATHS or item.method in self._answered:
            return results
        return results + [Result(one, _given_up(item.method, crash), ()) for one in self._withdrawn(item.method)]

    def _withdrawn(self, method: str) -> list[Item]:
        """The waiting items that a method would have to make, taken out."""
        ours = [item.method == method and item.clip is None for item in self._waiting]
        given_up = [item for item, its in zip(self._waiting, ours, strict=True) if its]
        self._waiting = deque(item for item, its in zip(self._waiting, ours, strict=True) if not its)
        return given_up


def _given_up(method: str, crash: Crash) -> Failed:
    reason = f"{method} ended its process {MOST_DEATHS} times before its first answer, so it was not asked for the rest"
    return Failed("unavailable", f"{reason}; last: {crash.reason}", f"Mend it; --resume tries {method} again.")


def _lacked_memory(result: Result) -> bool:
    return isinstance(result.clip, Failed) and result.clip.kind == "out-of-memory"
