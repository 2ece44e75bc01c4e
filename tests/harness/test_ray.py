"""The Ray executor on real local clusters, where Ray is installed: .ci/run does so, requirements.lock does not."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.errors import MissingError
from harness.executors import EXECUTORS
from harness.method import Output
from harness.records import Clip, Failed, Request
from harness.worker import Item, Result, RunPlan
from tests.fakes import FakeDataset, Painter
from tests.harness.test_runner import plan_for
from tests.places import ROOT

pytestmark = pytest.mark.slow


@pytest.fixture
def ray() -> Any:
    return pytest.importorskip("ray", reason="ray is not installed: --executor ray is an option, not a dependency")


def items_of(plan: RunPlan) -> list[Item]:
    Path(plan.dataset_options["root"]).mkdir(exist_ok=True)
    samples = FakeDataset(**plan.dataset_options).samples()
    return [Item(name, sample) for name in plan.methods for sample in samples]


def ends(results: Iterator[Result]) -> dict[tuple[str, str], Any]:
    """(method, sample) → how it ended, and its rows; each exactly once."""
    found: dict[tuple[str, str], Any] = {}
    for result in results:
        key = (result.item.method, result.item.sample.id)
        assert key not in found
        failed = isinstance(result.clip, Failed)
        found[key] = (result.clip if failed else Clip, result.rows)
    return found


class Deadly(Painter):
    """Kills the actor that asked for it, as the lack of memory on a node would."""

    def generate(self, request: Request, out: Output) -> Clip | Failed:
        if request.id == "s1":
            os.kill(os.getppid(), signal.SIGKILL)
            time.sleep(60)
        return super().generate(request, out)


def test_a_cluster_gives_what_processes_here_give(tmp_path: Path, ray: Any) -> None:
    """One fine method, one that dies of a sample, one that hangs, and one that takes its actors with it: given up."""
    troubles = {"fine": "", "dying": "die", "hanging": "hang"}
    plan = replace(
        plan_for(tmp_path / "run", methods=tuple(troubles), count=3),
        method_options={name: {"trouble": trouble} for name, trouble in troubles.items()},
        timeouts={"hanging": 2.0},
    )
    more = replace(plan, methods={**plan.methods, "deadly": f"{__name__}:Deadly"})
    there = ends(EXECUTORS["ray"](2).run(more, items_of(more)))
    end, _ = there.pop(("deadly", "s1"))
    assert "was lost 3 times" in end.reason
    assert {there.pop(("deadly", sample))[0] for sample in ("s0", "s2")} == {Clip}
    assert {key for key, (end, _) in there.items() if end is not Clip} == {("dying", "s1"), ("hanging", "s1")}
    assert there == ends(EXECUTORS["local"](2).run(plan, items_of(plan)))


class Slow(Painter):
    """Takes a second a sample, so that a node can be killed in between."""

    def generate(self, request: Request, out: Output) -> Clip | Failed:
        time.sleep(1.0)
        return super().generate(request, out)


def test_the_items_of_a_killed_node_are_done_by_another(
    tmp_path: Path, ray: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    plan = replace(plan_for(tmp_path / "run", count=6), methods={"painter": f"{__name__}:Slow"})
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        doomed = cluster.add_node(num_cpus=1)
        cluster.wait_for_nodes()
        monkeypatch.setenv("RAY_ADDRESS", cluster.address)
        results = EXECUTORS["ray"](2).run(plan, items_of(plan))
        first = [next(results), next(results)]
        cluster.remove_node(doomed, allow_graceful=False)
        there = ends(iter([*first, *results]))
    finally:
        cluster.shutdown()
    assert there == ends(EXECUTORS["local"](1).run(plan, items_of(plan)))
    assert {end for end, _ in there.values()} == {Clip}


@pytest.mark.parametrize("address", ["127.0.0.1:1", "no such address"])
def test_a_cluster_that_cannot_be_joined_is_one_sentence_with_its_cure(
    ray: Any, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", address)
    with pytest.raises(MissingError, match=f"RAY_ADDRESS={address} cannot be joined: ") as caught:
        next(EXECUTORS["ray"](1).run(plan_for(Path("nowhere")), []))
    assert "Mend or unset RAY_ADDRESS. Use --executor local." in caught.value.cure


def test_a_ray_that_does_not_start_here_is_one_sentence_with_its_cure(
    ray: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setenv("RAY_TMPDIR", "/dev/null/no-folder")
    with pytest.raises(MissingError, match=r"Ray does not start here: .*Not a directory") as caught:
        next(EXECUTORS["ray"](1).run(plan_for(Path("nowhere")), []))
    assert (caught.value.cure, caught.value.exit_code) == ("Use --executor local.", 5)


def test_without_ray_the_cure_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)  # as if it were not installed
    with pytest.raises(MissingError, match="pip install ray"):
        next(EXECUTORS["ray"](1).run(plan_for(Path("nowhere")), []))
