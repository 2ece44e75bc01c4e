"""A judge's file is read for its tensors alone, by names and shapes; what else it holds is never built or run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import torch

from evaluators.emotion.files import EMOTION_FAN
from evaluators.weights.judge_weights import in_use, loaded
from harness.errors import UsageError
from networks.files import shipped
from networks.files.layout import Layout
from networks.files.plausibility import ImplausibleError
from networks.files.shipped import Shipped


class Foreign:
    """Runs a command when it is unpickled by the rules of pickle."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, (self.command,)


def normalised() -> torch.nn.Module:
    return torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "before-1.6"])
def test_a_file_with_foreign_objects_is_read_and_nothing_of_it_runs(legacy: bool, tmp_path: Path) -> None:
    marker, file, source = tmp_path / "was run", tmp_path / "judge.pth", normalised()
    state = {f"module.{name}": tensor for name, tensor in source.state_dict().items()}
    content = {
        "epoch": 3,
        "best": Foreign(f"touch '{marker}'"),
        "state_dict": {**state, "module.fc.bias": torch.ones(2)},
    }
    torch.save(content, file, _use_new_zipfile_serialization=not legacy)
    weights = in_use(EMOTION_FAN, {"weights": str(file), "hash": "any"})
    network = loaded(normalised, weights, Layout(spare=("fc.",)))
    assert not marker.exists()
    assert not network.training
    assert all(torch.equal(tensor, source.state_dict()[name]) for name, tensor in network.state_dict().items())
    with pytest.raises(ImplausibleError, match=r"0 tensors are missing, 1 are unexpected \(fc\.bias\)"):
        loaded(normalised, weights)


def test_only_the_counters_of_normalisation_layers_may_be_absent(tmp_path: Path) -> None:
    state = {k: v for k, v in normalised().state_dict().items() if not k.endswith("num_batches_tracked")}
    torch.save(state, tmp_path / "old.pth")
    loaded(normalised, in_use(EMOTION_FAN, {"weights": str(tmp_path / "old.pth"), "hash": "any"}))
    torch.save({k: v for k, v in state.items() if k != "1.running_var"}, tmp_path / "cut.pth")
    with pytest.raises(ImplausibleError, match=r"1 tensors are missing \(1\.running_var\)"):
        loaded(normalised, in_use(EMOTION_FAN, {"weights": str(tmp_path / "cut.pth"), "hash": "any"}))


def test_a_stored_file_that_describes_another_network_is_refused(tmp_path: Path) -> None:
    shipped.store(tmp_path / "x.safetensors", torch.nn.Linear(3, 4), {"in_features": 3, "depth": 9}, {})
    with pytest.raises(ImplausibleError, match=r"describes another network: .*depth"):
        loaded(torch.nn.Linear, in_use(Shipped("x"), {"weights": str(tmp_path / "x.safetensors")}))


def test_settings_choose_the_file_and_the_gate(tmp_path: Path) -> None:
    own = in_use(EMOTION_FAN, {"weights": str(tmp_path / "own.pth"), "hash": "any", "gate": "off"})
    assert own.own == tmp_path / "own.pth"
    assert not own.must_pass_gate
    assert own.fields() == (("hash", "any"), ("gate", "off"), ("w", "absent"))
    assert in_use(Shipped("sync"), {}) == Shipped("sync")
    for wrong in ({"hash": "none"}, {"gate": "open"}):
        with pytest.raises(UsageError, match=f"'{next(iter(wrong.values()))}'"):
            in_use(EMOTION_FAN, wrong)
