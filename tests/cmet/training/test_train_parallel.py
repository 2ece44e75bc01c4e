"""Two processes train as one: same losses as a single process with the whole batch, and they go on after a stop."""

from __future__ import annotations

import os
import socket
import traceback
from pathlib import Path
from typing import Any

import pytest
import torch

from cmet.connector_files import CONNECTOR
from cmet.training.checkpoint_files import checkpoints
from cmet.training.plan import join_processes, leave_processes
from tests.training_samples import forks, losses, packed_corpus, trainer

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return packed_corpus(tmp_path_factory.mktemp("corpus"))


def together(folder: Path, packed: Path, **changes: Any) -> None:
    """Two processes as torchrun starts them, over gloo."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    children = []
    for rank in (0, 1):
        child = os.fork()
        if child == 0:
            here = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": 2, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
            os.environ.update({name: str(value) for name, value in here.items()})
            failed = True
            try:
                process = join_processes("cpu")
                trainer(folder, packed, process=process, **changes).run()
                leave_processes(process)
                failed = False
            finally:
                if failed:
                    traceback.print_exc()
                os._exit(failed)
        children.append(child)
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0, 0]


@forks
def test_two_processes_train_as_one(tmp_path: Path, packed: Path) -> None:
    together(tmp_path / "two", packed, dropout=0.0, batch=4, steps=5)
    trainer(tmp_path / "one", packed, dropout=0.0, batch=8, steps=5).run()
    for ours, alone in zip(losses(tmp_path / "two"), losses(tmp_path / "one"), strict=True):
        # AdamW makes steps of full length of rounding noise (biases in front of batch norm): later steps drift apart
        assert ours == pytest.approx(alone, rel=1e-5 if ours["step"] == 0 else 2e-3)
    one, two = (CONNECTOR.load(checkpoints(tmp_path / name)[-1]).state_dict() for name in ("one", "two"))
    for name in ("exp_encoder.3.conv_block.1.running_var", "projector.projector.2.weight", "Norm.weight"):
        torch.testing.assert_close(two[name], one[name], rtol=1e-3, atol=1e-4)


@forks
def test_two_processes_go_on_where_they_stopped(tmp_path: Path, packed: Path) -> None:
    together(tmp_path / "whole", packed, batch=4, steps=5)
    together(tmp_path / "stopped", packed, batch=4, steps=3)
    together(tmp_path / "stopped", packed, batch=4, steps=5, resume=True)
    assert losses(tmp_path / "stopped") == losses(tmp_path / "whole")
    assert len(losses(tmp_path / "whole")) == 5
