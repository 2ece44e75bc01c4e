"""On a GPU the numbers stay near those of the CPU: a method's clips and every judge's rows, within the stated bound."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import bench
from harness.devices import RUN_TOLERANCE, RUN_TOLERANCE_POINTS
from harness.store import RunStore, StoredRow

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here"),
]


def rows(device: str, folder: Path) -> dict[tuple[str, str, str], StoredRow]:
    arguments = ["run", "--method", "cmet", "--method", "ground_truth", "--no-anchors", "--limit", "4", "--jobs", "1"]
    assert bench.main([*arguments, "--device", device, "--out", str(folder)]) == 0
    with RunStore(folder, create=False) as store:
        return {(row.method, row.sample, row.metric): row for row in store.rows(statistics=False)}


def test_rows_of_a_gpu_are_those_of_a_cpu_within_the_stated_bound(tmp_path: Path) -> None:
    here, there = rows("cpu", tmp_path / "cpu"), rows("cuda", tmp_path / "cuda")
    assert here.keys() == there.keys()
    far = []
    for key, row in here.items():
        other = there[key]
        assert (row.reason, row.value is None) == (other.reason, other.value is None), key
        if row.value is not None and other.value is not None:
            allowed = max(RUN_TOLERANCE * abs(row.value), RUN_TOLERANCE_POINTS / 100)
            far += [(key, row.value, other.value)] if abs(row.value - other.value) > allowed else []
    assert not far
