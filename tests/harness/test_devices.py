"""Where networks run: a GPU only where it computes as the CPU does, a process each, as many jobs as there is room."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import pytest
import torch

from harness import devices
from harness.batches import batch, fitting
from harness.errors import BenchError, MissingError, UsageError
from harness.parallel import Settled, in_children
from harness.room import GIB, Room, room


def rounded(numbers: torch.Tensor) -> torch.Tensor:
    """Numbers as TF32 has them: 10 bits of the mantissa."""
    return ((numbers.view(torch.int32) + (1 << 12)) & -(1 << 13)).view(torch.float32)


def test_the_probe_tells_float32_from_tf32_and_from_what_is_no_number() -> None:
    pictures, kernels, matrix = devices.probe_inputs()
    expected = devices.computed("cpu", (pictures, kernels, matrix))
    exact = devices.computed("cpu", (pictures.double(), kernels.double(), matrix.double()))
    tf32 = devices.computed("cpu", (rounded(pictures), rounded(kernels), rounded(matrix)))
    assert devices.deviation(exact, expected) < devices.PROBE_TOLERANCE / 10
    assert devices.deviation(expected, tf32) > devices.PROBE_TOLERANCE * 10
    assert devices.deviation(expected, expected * float("nan")) == float("inf")
    assert devices.probe("cpu") == ""


@pytest.mark.slow
@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_gpu_that_is_seen_and_does_not_compute_leaves_the_work_to_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    assert devices.chosen("auto") == devices.Choice("cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    choice = devices.chosen("auto")
    assert choice.device == "cpu"
    assert choice.why.startswith("cuda cannot compute: ")
    assert "\n" not in choice.why


def test_a_device_that_is_not_here_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    assert devices.chosen("cpu") == devices.Choice("cpu")
    with pytest.raises(UsageError, match="no device 'gpu'"):
        devices.chosen("gpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert devices.known("cuda:1") == "cuda:1"
    with pytest.raises(MissingError, match="no device 'cuda:2'"):
        devices.known("cuda:2")
    with pytest.raises(BenchError, match="There is no device 'mps:1'"):
        devices.known("mps:1")


def test_several_gpus_have_a_process_each_which_sees_it_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert devices.places("cpu") == devices.places("cuda:1") == [{}]
    assert devices.places("cuda") == [{"CUDA_VISIBLE_DEVICES": "0"}, {"CUDA_VISIBLE_DEVICES": "1"}]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,7")
    assert [place["CUDA_VISIBLE_DEVICES"] for place in devices.places("cuda")] == ["5", "7"]
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert devices.places("cuda") == [{}]


class Together:
    """Two items, handed out at once."""

    def __init__(self) -> None:
        self.waiting = ["PLACE", "PLACE"]

    def take(self) -> str | None:
        return self.waiting.pop() if self.waiting else None

    def settle(self, item: str, answer: object) -> Settled[object]:
        return Settled([answer])


@pytest.mark.slow
def test_processes_are_spread_over_places_and_the_parent_keeps_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLACE", "parent")
    found = in_children(os.getenv, Together(), 2, places=[{"PLACE": "first"}, {"PLACE": "second"}])
    assert sorted(map(str, found)) == ["first", "second"]
    assert os.environ["PLACE"] == "parent"


def test_batches_fit_into_half_of_what_is_free() -> None:
    fit = partial(fitting, most=8, bytes_each=1e8)
    assert [fit(free) for free in (100, int(5e8), int(1e9), int(80e9))] == [1, 2, 5, 8]
    assert batch("cpu", 8, 1e8) == batch("mps", 8, 1e8) == 1


def test_jobs_are_bounded_by_the_machine_and_by_every_group_around_the_process(tmp_path: Path) -> None:
    memory, own, groups = tmp_path / "meminfo", tmp_path / "own", tmp_path / "groups"
    memory.write_text("MemTotal: 99 kB\nMemAvailable:   16777216 kB\n")
    own.write_text("0::/job/step\n")
    free = room(memory, groups, own)
    assert free.free_bytes == 16 * GIB
    assert Room(64, free.free_bytes).jobs(3.5 * GIB) == 4
    assert Room(64, free.free_bytes).jobs(GIB / 4) == 8
    assert Room(64, GIB).jobs(3.5 * GIB) == 1
    assert Room(3, None).jobs(GIB) == 3
    (groups / "job" / "step").mkdir(parents=True)
    (groups / "job" / "memory.max").write_text(f"{4 * GIB}\n")
    (groups / "job" / "memory.current").write_text(f"{3 * GIB}\n")
    (groups / "job" / "memory.stat").write_text(f"anon 1\ninactive_file {GIB}\n")
    (groups / "job" / "step" / "memory.max").write_text("max\n")
    (groups / "job" / "cpu.max").write_text("100000 100000\n")
    assert room(memory, groups, own) == Room(1, 2 * GIB)
    assert "1 core, 2.0 GiB free, 1.0 GiB a job" in room(memory, groups, own).in_words(GIB)
