"""The Ray executor on a real local Ray, where one is installed (it is not in requirements.lock)."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from harness.errors import MissingError
from harness.executors import EXECUTORS
from harness.worker import Item
from tests.fakes import FakeDataset
from tests.harness.test_runner import plan_for


@pytest.mark.parametrize("trouble", ["", "die", "full"])
def test_a_cluster_gives_what_one_process_gives(tmp_path: Path, trouble: str) -> None:
    pytest.importorskip("ray", reason="ray is not installed: --executor ray is an option, not a dependency")
    (tmp_path / "data").mkdir()
    plan = plan_for(tmp_path / "run", trouble)
    items = [Item("painter", sample) for sample in FakeDataset(root=tmp_path / "data").samples()]
    if trouble == "full":
        with pytest.raises(MissingError, match="disk is full"):
            list(EXECUTORS["ray"](2).run(plan, items))
        return
    there = {result.item.sample.id: (type(result.clip), result.rows) for result in EXECUTORS["ray"](2).run(plan, items)}
    here = EXECUTORS["local"](2).run(plan, items)
    assert there == {result.item.sample.id: (type(result.clip), result.rows) for result in here}


def test_without_ray_the_cure_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)  # as if it were not installed
    with pytest.raises(MissingError, match="pip install ray"):
        next(EXECUTORS["ray"](1).run(plan_for(Path("nowhere")), []))
