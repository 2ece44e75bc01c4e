"""Items run on a Ray cluster: each of its actors has a child process, which works on one item at a time.

Ray is the user's to install. The checkout and the run folder must be at the same path on every node (a shared file
system): clips are written where they belong, and only records travel. A method that dies or hangs costs its own sample,
as in harness.executors.Local; an actor that is lost, with its node perhaps, costs none: its item goes to another one.
"""

from __future__ import annotations

import os
import socket
from collections import Counter
from collections.abc import Generator, Iterable, Iterator
from functools import partial
from typing import Any

from harness.child import DIED, Child
from harness.config import VARIABLE, config_file
from harness.errors import MissingError
from harness.guard import Crash, attempt
from harness.provenance import ROOT
from harness.schedule import Schedule
from harness.threads import VARIABLES
from harness.worker import Item, Result, RunPlan, open_worker, work

#: A cluster that is started here, for want of RAY_ADDRESS, is nobody else's: it listens to this machine alone.
_ALONE: dict[str, Any] = {"include_dashboard": False, "_node_ip_address": "127.0.0.1"}
#: An item whose actor is lost so often is taken to be the cause.
MOST_ACTORS = 3
#: How long a cluster without any living actor is waited for.
PATIENCE_SECONDS = 120.0
_REACH_SECONDS = 10.0


class Ray:
    """Works with at most `jobs` actors, no more than the cluster has CPUs (or GPUs with --device cuda)."""

    def __init__(self, jobs: int) -> None:
        self._jobs = jobs

    def run(self, plan: RunPlan, items: Iterable[Item]) -> Generator[Result, None, None]:
        """Yields results as they come. Starts Ray here unless RAY_ADDRESS names a cluster, and ends the Ray that it
        started. Raises MissingError where there is no Ray, or no cluster.
        """
        ray = _ray()
        ours = not ray.is_initialized()
        try:
            if ours:
                _start(ray)
            yield from _Work(ray, plan, self._jobs, Schedule(plan, items)).results()
        finally:
            if ours:
                ray.shutdown()


def _ray() -> Any:
    try:
        import ray
    except ImportError as error:
        raise MissingError("--executor ray needs the package 'ray'.", "pip install ray, or --executor local") from error
    return ray


def _start(ray: Any) -> None:
    """Start a Ray of this run's own, or join the cluster of RAY_ADDRESS. Raises MissingError."""
    variables = dict.fromkeys(VARIABLES, "1") | {"PYTHONPATH": _python_path()}
    if config_file().is_file():  # the workers live in another folder
        variables[VARIABLE] = str(config_file())
    address = os.environ.get("RAY_ADDRESS")
    settings = {} if address else _ALONE
    _reach(address)
    begin = partial(ray.init, address, runtime_env={"env_vars": variables}, log_to_driver=False, logging_level="error")
    made = attempt(lambda: begin(**settings))
    if isinstance(made, Crash):
        raise _no_cluster(address, made.reason)


def _reach(address: str | None) -> None:
    """Raise MissingError at once where nobody listens: Ray itself asks for minutes."""
    host, _, port = (address or "").rpartition("://")[2].rpartition(":")
    if host and port.isdigit():
        try:
            socket.create_connection((host, int(port)), _REACH_SECONDS).close()
        except (OSError, OverflowError) as error:
            raise _no_cluster(address, str(error)) from error


def _no_cluster(address: str | None, why: str) -> MissingError:
    here, cure = "Ray does not start here", "Use --executor local."
    if address:
        here, cure = f"the cluster at RAY_ADDRESS={address} cannot be joined", f"Mend or unset RAY_ADDRESS. {cure}"
    return MissingError(f"--executor ray: {here}: {_line(why)}.", cure)


def _line(text: str) -> str:
    return text.strip().partition("\n")[0].rstrip(".")


def _python_path() -> str:
    """This checkout first, then the caller's own paths."""
    return os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))


class Seat:
    """Holds a child process on a node of the cluster, a fresh one after a death or when asked."""

    def __init__(self, plan: RunPlan) -> None:
        self._plan = plan
        self._child: Child[Item, Result] | None = None

    def ready(self) -> None:
        """Answer once the seat has its place on a node."""

    def work(self, item: Item, fresh: bool) -> Result | Crash:
        """Returns what an item came to, or how its process ended. MissingError, as the worker raises it."""
        if self._child is not None and (fresh or self._child.gone):
            self._child.end()
            self._child = None
        if self._child is None:
            self._child = Child(work, partial(open_worker, self._plan))
        return self._child.ask(item)


class _Work:
    """Tracks one run on one cluster: which actor starts, is idle, or is busy with which item."""

    def __init__(self, ray: Any, plan: RunPlan, jobs: int, schedule: Schedule) -> None:
        self._ray, self._plan, self._schedule, self._jobs = ray, plan, schedule, jobs
        self._kind = "GPU" if plan.device.startswith("cuda") else "CPU"
        self._actor = ray.remote(num_cpus=1, num_gpus=int(self._kind == "GPU"))(Seat)
        self._starting: dict[Any, Any] = {}  # future → actor
        self._idle: list[tuple[Any, bool]] = []  # actor, whether its next item shall meet a fresh process
        self._busy: dict[Any, tuple[Any, Item]] = {}  # future → actor, item
        self._false_starts = 0
        self._losses: Counter[tuple[str, str]] = Counter()

    def results(self) -> Iterator[Result]:
        """Yields one result per item."""
        try:
            while self._schedule or self._busy:
                self._fill()
                futures = [*self._busy, *self._starting]
                ready, _ = self._ray.wait(futures, num_returns=1, timeout=None if self._busy else PATIENCE_SECONDS)
                if not ready or self._false_starts > MOST_ACTORS * self._jobs:
                    cure = "Start nodes and go on with --resume, or without --executor ray."
                    raise MissingError("--executor ray: no node of the cluster takes an actor any more.", cure)
                yield from self._heard(ready[0])
        finally:
            for actor in [
                *self._starting.values(),
                *(one for one, _ in self._idle),
                *(one for one, _ in self._busy.values()),
            ]:
                self._ray.kill(actor)

    def _fill(self) -> None:
        """Give idle actors items; start as many as the cluster has places for, and items wait for."""
        while self._idle and (item := self._schedule.take()) is not None:
            actor, fresh = self._idle.pop()
            self._busy[actor.work.remote(item, fresh)] = actor, item
        places = max(1, min(self._jobs, int(self._ray.cluster_resources().get(self._kind, 1))))
        lacking = min(len(self._schedule), places - len(self._busy) - len(self._idle)) - len(self._starting)
        for _ in range(lacking):
            actor = self._actor.remote(self._plan)
            self._starting[actor.ready.remote()] = actor

    def _heard(self, ready: Any) -> Iterator[Result]:
        """What a future's end leads to. The item of an actor that was lost goes to another one, but not for ever."""
        actor, item = (self._starting.pop(ready), None) if ready in self._starting else self._busy.pop(ready)
        try:
            answer = self._ray.get(ready)
        except self._ray.exceptions.RayTaskError as error:
            raise error.cause from error  # the worker's own error: a missing prerequisite, a full disk
        except (self._ray.exceptions.RayActorError, self._ray.exceptions.OutOfMemoryError):  # the second: Ray killed it
            self._false_starts += item is None
            yield from self._lost(item) if item is not None else ()
            return
        settled = self._schedule.settle(item, answer) if item is not None else None
        self._idle.append((actor, settled is not None and settled.fresh))
        yield from settled.out if settled is not None else ()

    def _lost(self, item: Item) -> Iterator[Result]:
        key = (item.method, item.sample.id)
        self._losses[key] += 1
        if self._losses[key] < MOST_ACTORS:
            self._schedule.put_back(item)
            return
        reason = f"the Ray actor that worked on it was lost {MOST_ACTORS} times (its node, or its memory)"
        yield from self._schedule.settle(item, Crash(reason, "", "Try --executor local.", code=DIED)).out
