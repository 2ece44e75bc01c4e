"""Training runs: killed and continued, same losses; checkpoints in the released layout, pruned; the command itself."""

from __future__ import annotations

import json
import os
import resource
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cmet.connector import Connector
from cmet.connector_files import CONNECTOR
from cmet.training.checkpoint_files import checkpoints, load_encoders
from cmet.training.packed import FEATURES
from cmet.training.record import differences
from cmet.training.verb import command, split
from harness.errors import BenchError, UsageError
from tests.training_samples import WIDTHS, forks, losses, packed_corpus, run_and_die, trainer

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return packed_corpus(tmp_path_factory.mktemp("corpus"))


@forks
@pytest.mark.parametrize(
    "changes",
    [
        {},  # everything random at once: bmse, EMA, dropped references, scheduled sampling, dropout
        {"precision": "bf16"},
        {"balance": "focal_mse", "ema": 0.0, "reference_dropout": 0.0, "scheduled_sampling": 0.0},  # as released
    ],
)
def test_killed_and_continued(tmp_path: Path, packed: Path, changes: dict[str, Any]) -> None:
    whole = trainer(tmp_path / "whole", packed, **changes)
    whole.run()
    run_and_die(tmp_path / "killed", packed, 7, **changes)
    second = trainer(tmp_path / "killed", packed, resume=True, **changes)
    assert second.step == 6
    second.run()
    assert losses(tmp_path / "killed") == losses(tmp_path / "whole")
    assert [line["step"] for line in losses(tmp_path / "whole")] == list(range(9))
    for one, other in zip(whole.module.parameters(), second.module.parameters(), strict=True):
        assert torch.equal(one, other)
    assert whole.evaluate() == second.evaluate()


def test_checkpoints_have_the_released_layout_and_are_pruned(tmp_path: Path, packed: Path) -> None:
    run = trainer(tmp_path, packed, keep=2, keep_every=4, ema=0.0, balance="focal_mse")
    run.run()
    names = [path.name for path in checkpoints(tmp_path)]
    assert [int(name[-13:-4]) for name in names] == [0, 4, 8, 9]
    assert names[-1] == "_epoch_4_checkpoint_step000000009.pth"  # two steps an epoch
    content = torch.load(tmp_path / names[-1], weights_only=True)
    assert {"state_dict", "optimizer", "global_step", "global_epoch"} <= set(content)
    assert list(content["state_dict"]) == list(run.connector.state_dict())
    loaded = CONNECTOR.load(tmp_path / names[-1])
    assert not loaded.training
    assert torch.equal(loaded.Norm.weight, run.connector.Norm.weight)
    assert not list(tmp_path.glob(".partial-*"))


def test_average_is_what_others_load(tmp_path: Path, packed: Path) -> None:
    run = trainer(tmp_path, packed, steps=3)
    run.run()
    loaded = CONNECTOR.load(checkpoints(tmp_path)[-1])
    assert run.averaged is not None
    assert torch.equal(loaded.Norm.weight, run.averaged.Norm.weight)
    assert not torch.equal(loaded.Norm.weight, run.connector.Norm.weight)


def test_a_run_is_not_overwritten_nor_changed(tmp_path: Path, packed: Path) -> None:
    trainer(tmp_path, packed, steps=1).run()
    with pytest.raises(UsageError, match="holds a run already"):
        trainer(tmp_path, packed)
    with pytest.raises(UsageError, match="other settings: learning_rate"):
        trainer(tmp_path, packed, resume=True, learning_rate=1.0)


def test_a_damaged_checkpoint_is_one_sentence(tmp_path: Path, packed: Path) -> None:
    trainer(tmp_path, packed, steps=1).run()
    last = checkpoints(tmp_path)[-1]
    last.write_bytes(last.read_bytes()[:2000])
    with pytest.raises(UsageError, match="no readable checkpoint"):
        trainer(tmp_path, packed, resume=True)


@forks
def test_killed_while_a_checkpoint_is_written(tmp_path: Path, packed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save = torch.save

    def save_half(content: dict[str, Any], path: Path) -> None:
        save(content, path)
        if content["global_step"] == 4:
            os.truncate(path, path.stat().st_size // 2)
            os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr(torch, "save", save_half)
    run_and_die(tmp_path, packed, 99)
    monkeypatch.undo()
    assert list(tmp_path.glob(".partial-*"))
    again = trainer(tmp_path, packed, resume=True)
    assert again.step == 2
    assert not list(tmp_path.glob(".partial-*"))


@forks
def test_a_disk_that_takes_only_a_part(tmp_path: Path, packed: Path) -> None:
    run = trainer(tmp_path, packed, steps=1)
    child = os.fork()
    if child == 0:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        said = False
        try:
            run.save()
        except BenchError as error:
            said = "cannot be written: the disk took only a part" in str(error)
        finally:
            os._exit(0 if said else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert not checkpoints(tmp_path)
    assert not list(tmp_path.glob(".partial-*"))


def test_global_random_state_is_left_alone(tmp_path: Path, packed: Path) -> None:
    state = torch.get_rng_state()
    trainer(tmp_path, packed, steps=2).run()
    assert torch.equal(state, torch.get_rng_state())


def test_a_loss_that_is_no_number_stops_the_run(tmp_path: Path, packed: Path) -> None:
    run = trainer(tmp_path, packed, checkpoint_every=0)
    with torch.no_grad():
        run.connector.projector.projector[2].bias.fill_(float("nan"))
    with pytest.raises(BenchError, match="step 0 is nan"):
        run.run()


def test_weights_that_are_no_numbers_push_no_checkpoint_out(tmp_path: Path, packed: Path) -> None:
    trainer(tmp_path, packed, steps=1).run()
    before = checkpoints(tmp_path)
    run = trainer(tmp_path, packed, resume=True, steps=5, log_every=0, keep=1, keep_every=0)
    with torch.no_grad():
        run.connector.projector.projector[2].bias.fill_(float("inf"))
    with pytest.raises(BenchError, match="After 2 steps the weights are no numbers"):
        run.run()
    assert checkpoints(tmp_path) == before


def command_line(packed: Path, out: Path, *more: str) -> list[str]:
    widths = [f"--{name}={value}" for name, value in WIDTHS.items()]
    return ["--data", str(packed), "--out", str(out), "--steps=2", "--batch=4", "--device=cpu", *widths, *more]


def test_command(tmp_path: Path, packed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = command_line(packed, tmp_path / "run", "--no-tensorboard", "--balance=wmse", "--direction=raw")
    assert command.main(arguments, standalone_mode=False) == 0
    report = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert report["steps"] == 2
    assert 0 <= report["waited_seconds"] < 60
    assert report["validation"]["ec"] > 0
    assert report["run"].endswith("_sameID_bidir_4H1L_64_mean10_raw_None_siFalse_wmse")
    again = [*arguments, "--resume", "--steps=3"]
    assert command.main(again, standalone_mode=False) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["resumed_from"] == 2


def test_variants_of_the_released_command(tmp_path: Path, packed: Path) -> None:
    """Encoders to begin with, features of another speech network, its options in the released spelling."""
    tree = packed.parent / "tree"
    for folder in tree.glob(f"*/front/*/*/{FEATURES}"):
        other = folder.with_name("other_features")
        other.mkdir(exist_ok=True)
        np.save(other / "001.npy", np.ones(40, np.float32))
    start = Connector(hidden=64, speech=40, layers=1, feedforward=32)
    parts = {name: getattr(start, name).state_dict() for name in ("speaker_encoder", "exp_encoder")}
    torch.save(parts, tmp_path / "encoders.pth")
    more = ["--audio_encoder=other", "--except_emotions", "happy sad", "--train=unidir", "--lr=1e-12", "--mode=single"]
    line = command_line(tree, tmp_path / "run", "--no-tensorboard", "--preload", str(tmp_path / "encoders.pth"), *more)
    assert command.main(line, standalone_mode=False) == 0
    loaded = CONNECTOR.load(checkpoints(tmp_path / "run")[-1])
    torch.testing.assert_close(loaded.speaker_encoder.proj.weight, start.speaker_encoder.proj.weight)
    (tmp_path / "text.pth").write_text("x")
    with pytest.raises(UsageError, match=r"no encoders of this connector: .* it is text or something else"):
        load_encoders(start, tmp_path / "text.pth")
    with pytest.raises(UsageError, match="no encoders of this connector"):
        command.main([*line, "--audio_encoder=emotion2vec+large", f"--out={tmp_path / 'b'}"], standalone_mode=False)
    with pytest.raises(UsageError, match="PD-FGC codes have 30"):
        command.main([*line, "--feature_type=PD_FGC"], standalone_mode=False)


def test_a_run_from_before_an_option_existed_goes_on() -> None:
    assert differences("objective", {"balance": "mse"}, {"balance": "mse", "weighted_dir": False}) == []
    assert differences("objective", {"balance": "mse"}, {"balance": "bmse", "weighted_dir": True}) == [
        "balance",
        "weighted_dir",
    ]


def test_the_lists_of_the_tree_split_it(tmp_path: Path) -> None:
    (tmp_path / "FPS25").mkdir()
    everyone = ("M003", "W001", "W002", "W003")
    assert split(everyone, tmp_path, None, None) == (["W001", "W002", "W003"], ["M003"])
    (tmp_path / "test.txt").write_text("W003 4\n\nW077\n")
    assert split(everyone, tmp_path, None, None) == (["M003", "W001", "W002"], ["W003"])
    (tmp_path / "train.txt").write_text("W002\nW003\nM055 front\n")
    assert split(everyone, tmp_path / "FPS25", None, None) == (["W002"], ["W003"])
    (tmp_path / "mine.txt").write_text("W001\n")
    assert split(everyone, tmp_path, tmp_path / "mine.txt", None) == (["W001"], ["W003"])
    (tmp_path / "mine.txt").write_bytes(b"\xff\xfeW")
    with pytest.raises(UsageError, match="is no text in UTF-8"):
        split(everyone, tmp_path, tmp_path / "mine.txt", None)
    (tmp_path / "train.txt").write_text("W077\n")
    with pytest.raises(UsageError, match="No identity is left"):
        split(everyone, tmp_path, None, None)


def test_scalars_reach_tensorboard(tmp_path: Path, packed: Path) -> None:
    assert command.main(command_line(packed, tmp_path, "--log-every=1"), standalone_mode=False) == 0
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert [event.step for event in events.Scalars("train/total")] == [0, 1]
    assert "validation/first_window_ec" in events.Tags()["scalars"]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--data", "nowhere"], "There is no 'nowhere'"),
        (["--device=gpu"], "There is no device 'gpu'"),
        (["--device=cpu:7"], "There is no device 'cpu:7'"),
        (["--lr=nan"], "--lr nan is no number"),
        (["--hidden=66", "--heads=4"], "multiple of --heads"),
        (["--except-emotions=hapy"], "Did you mean 'happy'"),
        (["--reference-dropout=0.7", "--scheduled-sampling=0.7"], "at most 1"),
    ],
)
def test_wrong_options_are_one_sentence(tmp_path: Path, packed: Path, more: list[str], message: str) -> None:
    with pytest.raises(BenchError, match=message) as caught:
        command.main(command_line(packed, tmp_path / "run", "--no-tensorboard", *more), standalone_mode=False)
    assert message in str(caught.value)
