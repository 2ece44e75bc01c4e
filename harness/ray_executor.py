"""Items run on a Ray cluster with one actor per job, one item per actor at a time. Ray is the user's to install.

The checkout and the run folder must be at the same path on every node (a shared file system): clips are written where
they belong, and only records travel.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable, Iterator
from typing import Any

from harness.errors import MissingError
from harness.provenance import ROOT
from harness.threads import VARIABLES
from harness.worker import DIED, Item, Result, RunPlan, Worker

#: A cluster that is started here, for want of RAY_ADDRESS, is nobody else's: it listens to this machine alone.
_ALONE: dict[str, Any] = {"include_dashboard": False, "_node_ip_address": "127.0.0.1"}


class Ray:
    """Works with at most `jobs` actors, no more than the cluster has CPUs (or GPUs with --device cuda)."""

    def __init__(self, jobs: int) -> None:
        self._jobs = jobs

    def run(self, plan: RunPlan, items: Iterable[Item]) -> Generator[Result, None, None]:
        """Yields results as they come. Starts Ray here unless RAY_ADDRESS names a cluster, and ends the Ray that it
        started.
        """
        ray = _ray()
        ours = not ray.is_initialized()
        if ours:
            variables = dict.fromkeys(VARIABLES, "1") | {"PYTHONPATH": _python_path()}
            address = os.environ.get("RAY_ADDRESS")
            alone = {} if address else _ALONE
            environment = {"env_vars": variables}
            ray.init(address, runtime_env=environment, log_to_driver=False, logging_level="error", **alone)
        try:
            yield from _Work(ray, plan, self._jobs).results(iter(items))
        finally:
            if ours:
                ray.shutdown()


def _ray() -> Any:
    try:
        import ray
    except ImportError as error:
        raise MissingError("--executor ray needs the package 'ray'.", "pip install ray, or --executor local") from error
    return ray


def _python_path() -> str:
    """This checkout first, then the caller's own paths."""
    return os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))


class _Work:
    """Tracks one run on one cluster: which actor is busy with which item."""

    def __init__(self, ray: Any, plan: RunPlan, jobs: int) -> None:
        self._ray, self._plan = ray, plan
        kind = "GPU" if plan.device.startswith("cuda") else "CPU"
        self._jobs = max(1, min(jobs, int(ray.cluster_resources().get(kind, 1))))
        self._actor = ray.remote(num_cpus=1, num_gpus=int(kind == "GPU"))(Worker)
        self._busy: dict[Any, tuple[Any, Item]] = {}  # future → actor, item

    def results(self, waiting: Iterator[Item]) -> Iterator[Result]:
        """Yields one result per item; an actor that dies costs the item it worked on, and is replaced."""
        try:
            while True:
                for _ in range(self._jobs - len(self._busy)):
                    self._give(None, waiting)
                if not self._busy:
                    return
                (ready, *_), _ = self._ray.wait(list(self._busy), num_returns=1)
                actor, item = self._busy.pop(ready)
                result = self._fetch(ready, item)
                self._give(actor if result.clip is not DIED else None, waiting)
                yield result
        finally:
            for actor, _ in self._busy.values():
                self._ray.kill(actor)

    def _give(self, actor: Any, waiting: Iterator[Item]) -> None:
        item = next(waiting, None)
        if item is not None:
            actor = self._actor.remote(self._plan) if actor is None else actor
            self._busy[actor.work.remote(item)] = actor, item

    def _fetch(self, ready: Any, item: Item) -> Result:
        try:
            result: Result = self._ray.get(ready)
        except self._ray.exceptions.RayTaskError as error:
            raise error.cause from error  # the worker's own error: a missing prerequisite, a full disk
        except (self._ray.exceptions.RayActorError, self._ray.exceptions.OutOfMemoryError):  # the second: Ray killed it
            return Result(item, DIED, ())
        return result
