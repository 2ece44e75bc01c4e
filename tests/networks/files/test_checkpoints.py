"""Official files: strict, inert, verified, kept as safetensors; every bad file is one sentence."""

from __future__ import annotations

import argparse
import hashlib
import os
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from torch import nn

from cmet.seeded_checkpoints import FILES, official_layout, write_seeded_checkpoints
from harness import weights
from harness.digest import cache_dir, digest
from harness.errors import MissingError, UsageError
from networks.edtalk.audio2lip import Audio2Lip
from networks.edtalk.files import AUDIO2LIP, expression_codes
from networks.emotion2vec.encoder import Emotion2Vec
from networks.files import strict_loading
from networks.files.plausibility import ImplausibleError
from networks.files.torch_file import TorchFile
from tests.places import GOLDEN

torch.set_num_threads(1)


class Foreign:
    """Runs a command when it is unpickled by the rules of pickle."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, (self.command,)


@pytest.fixture(scope="module")
def official(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An `Audio2Lip.pt` as the authors' code writes it."""
    return write_seeded_checkpoints(tmp_path_factory.mktemp("official"), ("audio2lip",))["audio2lip"]


def altered(official: Path, target: Path, **changes: Any) -> Path:
    """A copy of the checkpoint whose top level is changed."""
    with torch.serialization.safe_globals([argparse.Namespace]):
        content = torch.load(official, weights_only=True)
    torch.save({**content, **changes}, target)
    return target


@pytest.mark.full_size
@pytest.mark.parametrize("name", ["edtalk", "edtalk-lip-pose", "cmet-connector", "audio2lip"])
def test_each_official_file_loads_by_one_call(name: Any, tmp_path: Path) -> None:
    module = FILES[name].build(None)
    path = tmp_path / "name with space ü.pt"
    torch.save({**official_layout(name, module), "d_optim": {"state": torch.ones(7)}}, path)
    loaded = FILES[name].load(path)
    assert type(loaded) is type(module)
    assert not loaded.training
    expected = module.state_dict()
    assert loaded.state_dict().keys() == expected.keys()
    assert all(torch.equal(tensor, expected[key]) for key, tensor in loaded.state_dict().items())


@pytest.mark.slow
def test_a_safetensors_copy_serves_the_next_start(official: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = AUDIO2LIP.load(official)
    copy = cache_dir() / "converted" / f"audio2lip-{digest(official)}.safetensors"
    with safe_open(copy, framework="pt") as file:
        assert file.metadata() == {"name": "audio2lip", "source_sha256": digest(official)}
    assert {path.suffix for path in copy.parent.iterdir()} == {".safetensors", ".json"}  # nothing half-written stays

    def refuse(*_: object) -> None:
        raise AssertionError("the pickle was opened again")

    monkeypatch.setattr(strict_loading, "TorchFile", refuse)
    again = AUDIO2LIP.load(official)
    x = torch.rand(2, 1, 80, 16)
    assert torch.equal(first(x), again(x))


@pytest.mark.parametrize("damage", ["cut", "altered"])
def test_a_damaged_copy_is_made_again(official: Path, damage: str) -> None:
    state = AUDIO2LIP.load(official).state_dict()
    copy = cache_dir() / "converted" / f"audio2lip-{digest(official)}.safetensors"
    raw = bytearray(copy.read_bytes())
    raw[-100] ^= 64  # a safetensors file has no checksum of its own
    copy.write_bytes(raw if damage == "altered" else raw[:1000])
    again = AUDIO2LIP.load(official).state_dict()
    assert all(torch.equal(again[name], value) for name, value in state.items())
    assert copy.stat().st_size == len(raw)


def test_a_cut_safetensors_file_of_the_user_is_one_sentence(official: Path, tmp_path: Path) -> None:
    AUDIO2LIP.load(official)
    copy = cache_dir() / "converted" / f"audio2lip-{digest(official)}.safetensors"
    (tmp_path / "mine.safetensors").write_bytes(copy.read_bytes()[:1000])
    with pytest.raises(UsageError, match="no complete safetensors file"):
        AUDIO2LIP.load(tmp_path / "mine.safetensors")


def test_a_truncated_file_is_one_sentence_with_both_hashes(official: Path, tmp_path: Path) -> None:
    path = tmp_path / "cut.pt"
    path.write_bytes(official.read_bytes()[: -(1 << 16)])
    with pytest.raises(
        UsageError, match=rf"no complete PyTorch checkpoint.*SHA-256 published: none, found: {digest(path)}"
    ):
        AUDIO2LIP.load(path)
    path.write_bytes(b"")
    with pytest.raises(UsageError, match="0 bytes"):
        AUDIO2LIP.load(path)


def test_a_flipped_byte_is_noticed(official: Path, tmp_path: Path) -> None:
    raw = bytearray(official.read_bytes())
    raw[len(raw) // 2] ^= 1
    path = tmp_path / "flipped.pt"
    path.write_bytes(raw)
    with pytest.raises(UsageError, match="Bad CRC-32"):
        AUDIO2LIP.load(path)


def test_integers_are_not_taken_for_real_numbers(official: Path, tmp_path: Path) -> None:
    state = Audio2Lip().state_dict()
    name = next(iter(state))
    rounded = {**state, name: state[name].mul(100).to(torch.int8)}
    with pytest.raises(UsageError, match=rf"torch\.int8 in {name}, which takes real numbers"):
        AUDIO2LIP.load(altered(official, tmp_path / "rounded.pt", audio2lip=rounded))


@pytest.mark.slow
def test_a_wrong_file_names_what_differs(official: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=rf"under 'gen'\. SHA-256 published: 138b4980\w+, found: {digest(official)}"):
        FILES["edtalk"].load(official)
    state = Audio2Lip().state_dict()
    name = next(iter(state))
    renamed = OrderedDict(("other" if key == name else key, value) for key, value in state.items())
    with pytest.raises(UsageError, match=rf"1 tensors are missing \({name}\), 1 are unexpected \(other\)"):
        AUDIO2LIP.load(altered(official, tmp_path / "renamed.pt", audio2lip=renamed))
    reshaped = {**state, name: state[name][:1].clone()}
    with pytest.raises(UsageError, match=rf"{name} must be \(32, 1, 3, 3\), found \(1, 1, 3, 3\)"):
        AUDIO2LIP.load(altered(official, tmp_path / "reshaped.pt", audio2lip=reshaped))
    with pytest.raises(UsageError, match="holds no state dict under 'audio2lip'"):
        AUDIO2LIP.load(altered(official, tmp_path / "empty.pt", audio2lip=None))
    broken = {**state, name: torch.full_like(state[name], torch.nan)}
    with pytest.raises(UsageError, match="not finite"):
        AUDIO2LIP.load(altered(official, tmp_path / "nan.pt", audio2lip=broken))


def test_what_is_not_needed_is_never_run(official: Path, tmp_path: Path) -> None:
    marker = tmp_path / "was run"
    path = altered(official, tmp_path / "foreign.pt", args=Foreign(f"touch '{marker}'"), extra={1: {Foreign("true")}})
    assert isinstance(AUDIO2LIP.load(path), Audio2Lip)
    assert not marker.exists()


def test_files_from_before_torch_1_6_are_read_as_inertly(official: Path, tmp_path: Path) -> None:
    marker, legacy = tmp_path / "was run", tmp_path / "legacy.pt"
    foreign = {"args": Foreign(f"touch '{marker}'"), "loss": nn.Linear(2, 2), "name": argparse.Namespace(lr=1)}
    state = AUDIO2LIP.load(official).state_dict()
    shared = torch.arange(12.0).reshape(3, 4)
    mixed = {"doubles": torch.ones(3, dtype=torch.float64), "views": [shared[1], shared.T]}
    torch.save({**foreign, **mixed, "audio2lip": state}, legacy, _use_new_zipfile_serialization=False)
    loaded = AUDIO2LIP.load(legacy).state_dict()
    assert all(torch.equal(loaded[name], value) for name, value in state.items())
    assert not marker.exists()
    file = TorchFile(legacy)
    assert torch.equal(file.tensor(file.content["views"][0]), shared[1])
    assert torch.equal(file.tensor(file.content["views"][1]), shared.T)
    cut = tmp_path / "cut.pt"
    for size in (legacy.stat().st_size - 4, 5000, 40):
        cut.write_bytes(legacy.read_bytes()[:size])
        with pytest.raises(UsageError, match="no complete PyTorch checkpoint"):
            AUDIO2LIP.load(cut)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "it is empty"),
        (b"<!doctype html><title>404</title>", "it is a web page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "it is a git-lfs pointer"),
        (b"hello", "it is text or something else"),
        (b"PK\3\4 and nothing more", "its archive has no end"),
        (b"\x80\x04}.", "no complete PyTorch checkpoint"),
    ],
)
def test_what_is_no_checkpoint_is_called_by_its_name(tmp_path: Path, content: bytes, why: str) -> None:
    path = tmp_path / "Audio2Lip.pt"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=why) as error:
        AUDIO2LIP.load(path)
    assert "weights_only" not in error.value.what  # PyTorch's own sentence advises to switch the refusal off
    assert hashlib.sha256(content).hexdigest() in error.value.what


def test_wrappers_and_prefixes_of_emotion2vec() -> None:
    small: dict[str, Any] = {
        "width": 16, "heads": 2, "prenet_blocks": 1, "blocks": 1, "conv_width": 8,
        "position_depth": 1, "position_groups": 2, "extra_tokens": 2,
    }  # fmt: skip
    source = Emotion2Vec(**small)
    state = source.state_dict()
    scale = "d2v_model.modality_encoders.AUDIO.alibi_scale"
    old = {
        **state,
        scale: state[scale][0],
        "d2v_model.modality_encoders.AUDIO.decoder.x": torch.zeros(2),
        "_ema": torch.ones(1),
    }
    parallel = {f"module.{key}": value for key, value in old.items()}
    for given in (state, {"model": old}, {"state_dict": parallel}, {"model_state_dict": old, "cfg": object()}):
        target = Emotion2Vec(**small).load_official(given)
        assert all(torch.equal(value, state[key]) for key, value in target.state_dict().items())
    half = {key: value.half() for key, value in state.items()}
    assert Emotion2Vec(**small).load_official(half).proj.weight.dtype == torch.float32
    with pytest.raises(UsageError, match=r"1 are unexpected \(d2v_model.norm.weight\)"):
        Emotion2Vec(**small).load_official({**state, "d2v_model.norm.weight": torch.ones(16)})
    with pytest.raises(UsageError, match="must be"):
        Emotion2Vec(**{**small, "width": 32}).load_official(state)
    with pytest.raises(UsageError, match="There is no file"):
        Emotion2Vec(**small).load_official("nowhere.pt")


def test_a_file_in_the_cache_without_published_hash_must_look_trained(official: Path) -> None:
    entry = weights.table()["audio2lip"]
    assert not entry.sha256
    path = weights.cached_path(entry)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(official.read_bytes())
    assert isinstance(AUDIO2LIP.load(), Audio2Lip)
    path.unlink()
    (path.parents[1] / "recorded.json").unlink()
    fresh: nn.Module = Audio2Lip()
    torch.save(official_layout("audio2lip", fresh), path)
    with pytest.raises(ImplausibleError, match="was never trained"):
        AUDIO2LIP.load()
    path.unlink()
    with pytest.raises(MissingError, match="weights fetch audio2lip"):
        AUDIO2LIP.load()


def test_expression_codes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(MissingError):
        expression_codes()
    folder = GOLDEN / "edtalk_expression_codes"
    for entry in weights.select(["edtalk-codes"]):
        path = weights.cached_path(entry)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes((folder / entry.file).read_bytes())
    codes = expression_codes()
    assert sorted(codes) == sorted(path.stem for path in folder.iterdir())
    assert all(np.array_equal(code, np.load(folder / f"{name}.npy")) for name, code in codes.items())
    own = tmp_path / "own.npy"
    np.save(own, np.zeros((2, 10), np.float32))
    monkeypatch.setenv(weights.variable("edtalk-code-happy"), str(own))
    with pytest.raises(UsageError, match=r"\(2, 10\)"):
        expression_codes()
    own.write_bytes(own.read_bytes()[:50])
    with pytest.raises(UsageError, match=r"own\.npy is no readable numpy array"):
        expression_codes()
