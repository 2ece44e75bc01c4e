"""The store of shipped networks: what is stored is read back, and each file of the repository is what it stores."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from cmet.connector_files import SHIPPED_CONNECTOR
from evaluators.emotion import files as emotion
from evaluators.identity import files as identity
from evaluators.sync import files as sync
from harness.errors import MissingError
from networks.eat.files import SHIPPED_EAT
from networks.edtalk.files import SHIPPED_AUDIO2LIP, SHIPPED_GENERATOR, shipped_expression_codes
from networks.emotion2vec.files import SHIPPED_SPEECH
from networks.files import shipped
from networks.files.official import Official
from networks.files.plausibility import ImplausibleError
from networks.files.shipped import Shipped, ShippedFile
from networks.float.files import SHIPPED_FLOAT

FILES: tuple[ShippedFile[Any], ...] = (
    SHIPPED_GENERATOR,
    SHIPPED_AUDIO2LIP,
    SHIPPED_SPEECH,
    SHIPPED_CONNECTOR,
    SHIPPED_FLOAT,
    SHIPPED_EAT,
    emotion.SHIPPED,
    identity.SHIPPED,
    sync.SHIPPED,
)


def test_every_file_of_the_folder_belongs_to_one_network() -> None:
    assert sorted(file.name for file in FILES) == sorted(path.stem for path in shipped.FOLDER.glob("*.safetensors"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_shipped_network_stored_again_is_the_same_tensors(file: ShippedFile[Any], tmp_path: Path) -> None:
    place = shipped.place(file.name)
    network, (_, config) = file.load(), shipped.read(place)
    assert not network.training
    codes = {name: torch.from_numpy(code) for name, code in shipped_expression_codes().items()}
    again = tmp_path / place.name
    shipped.store(again, network, config, {"seed": 1}, codes if file is SHIPPED_GENERATOR else None)
    first, second = load_file(place), load_file(again)
    assert first.keys() == second.keys()
    for name, tensor in first.items():
        if bool(tensor.isinf().any()):  # a channel that float16 once switched off
            assert torch.equal(tensor.float(), second[name])
        else:
            assert torch.equal(tensor, second[name])
            assert tensor.dtype == second[name].dtype
    with safe_open(str(again), framework="pt") as opened:
        assert set(opened.metadata()) == {"config", "recipe"}
    assert file.load(again).state_dict().keys() == network.state_dict().keys()


def test_what_float16_cannot_hold_and_what_must_be_exact_stay_float32(tmp_path: Path) -> None:
    layer = torch.nn.Linear(2, 2, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[1e6, 1.0], [2.0, 3.0]]))
    code = torch.tensor([[0.1234567]])
    shipped.store(tmp_path / "x.safetensors", layer, {}, {}, {"happy": code})
    tensors, config = shipped.read(tmp_path / "x.safetensors")
    assert torch.equal(tensors["weight"], layer.weight)
    assert torch.equal(tensors["codes.happy"], code)
    assert config == {}


def test_a_file_of_another_network_or_with_broken_values_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImplausibleError, match="damaged or of another network"):
        SHIPPED_GENERATOR.load(shipped.place("speech"))
    layer = torch.nn.Linear(2, 2)
    torch.nn.init.constant_(layer.weight, float("nan"))
    shipped.store(tmp_path / "x.safetensors", layer, {}, {})
    with pytest.raises(ImplausibleError, match=r"not finite \(weight\)"):
        shipped.read(tmp_path / "x.safetensors")
    with pytest.raises(MissingError, match=r"git checkout -- .*y\.safetensors"):
        shipped.read(tmp_path / "y.safetensors")


def test_shipped_and_official_weights_answer_the_same_questions(tmp_path: Path) -> None:
    here, absent = sync.SHIPPED.weights(), Official("syncnet", tmp_path / "none")
    assert here.missing() == [] == Shipped("sync", shipped.place("sync")).missing()
    assert here.fields() == (("w", here.short()),)
    assert not here.must_pass_gate
    own = Shipped("sync", tmp_path / "own.safetensors")
    assert own.must_pass_gate
    assert not Shipped("sync", own.own, gated=False).must_pass_gate
    assert absent.fields() == (("w", "absent"),)
    assert absent.long() == ()
    assert absent.missing()[0].what.startswith("The weights 'syncnet'")
    assert Official("emotion-fan-eat").must_pass_gate
    assert not absent.must_pass_gate
    assert Official("syncnet", any_hash=True, gated=False).fields()[:2] == (("hash", "any"), ("gate", "off"))
