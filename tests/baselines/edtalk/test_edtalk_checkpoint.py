"""Files that are not EDTalk's: another method's, a part of it, a cut one. Each is one sentence with its cure."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from torch import Tensor

from harness.errors import UsageError
from networks.edtalk.files import GENERATOR, LIP_POSE_GENERATOR
from networks.files.official import OfficialFile
from tests.places import names_and_shapes

pytestmark = pytest.mark.slow
WITHOUT_EXPRESSION = ("direction_exp.", "exp_fc.", "dec.fineadainresblock.")


def tensors(method: str, left_out: tuple[str, ...] = ()) -> dict[str, Tensor]:
    """The names of a published file, with a number each: names are looked at before shapes and values."""
    return {name: torch.zeros(1) for name in names_and_shapes(method) if not name.startswith(left_out or ("\0",))}


def refused(file: OfficialFile, path: Path, content: Mapping[str, object]) -> str:
    """The sentence with which a file of this content is refused."""
    torch.save(dict(content), path)
    with pytest.raises(UsageError) as caught:
        file.load(path)
    assert caught.value.what.count(str(path)) == 1
    assert "SHA-256 published: " in caught.value.what
    assert "\n" not in str(caught.value)
    assert f"export CMET_BENCH_WEIGHTS_{file.name.upper().replace('-', '_')}=FILE" in caught.value.cure
    return caught.value.what


def test_floats_file_is_not_edtalks(tmp_path: Path) -> None:
    said = refused(GENERATOR, tmp_path / "float.pth", tensors("float"))
    missing, unexpected = len(names_and_shapes("edtalk")), len(names_and_shapes("float"))
    assert f"holds another network: {missing} tensors are missing (" in said
    assert f"{unexpected} are unexpected (" in said


def test_the_model_of_lips_and_pose_is_not_the_whole_one(tmp_path: Path) -> None:
    part = {"gen": tensors("edtalk", WITHOUT_EXPRESSION), "args": 3}
    said = refused(GENERATOR, tmp_path / "EDTalk_lip_pose.pt", part)
    assert "103 tensors are missing (" in said
    assert "0 are unexpected" in said
    said = refused(LIP_POSE_GENERATOR, tmp_path / "EDTalk.pt", {"gen": tensors("edtalk")})
    assert "0 tensors are missing, 103 are unexpected (" in said
    assert "must be (" in refused(LIP_POSE_GENERATOR, tmp_path / "thin.pt", part)


def test_a_tensor_that_is_missing_is_named(tmp_path: Path) -> None:
    lacking = {"gen": tensors("edtalk", ("fc.2.bias",))}
    assert "1 tensors are missing (fc.2.bias), 0 are unexpected" in refused(GENERATOR, tmp_path / "EDTalk.pt", lacking)


def test_a_cut_file_is_no_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "EDTalk.pt"
    torch.save({"gen": tensors("edtalk")}, path)
    path.write_bytes(path.read_bytes()[:20_000])
    with pytest.raises(UsageError, match=r"\(20000 bytes\) is no complete PyTorch checkpoint: its archive has no end"):
        GENERATOR.load(path)
