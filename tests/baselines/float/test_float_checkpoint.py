"""FLOAT's files: every way they are published in loads, strictly; a wrong one is one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from baselines.float import checkpoint
from baselines.float.seeded_checkpoint import released_layout, write
from harness import weights
from harness.errors import BenchError, MissingError, UsageError
from networks.float.networks import FloatNetworks, Widths

AUDIO, EMOTION = checkpoint.PARTS


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CMET_BENCH_CACHE", str(tmp_path / "cache"))


def _equal(loaded: FloatNetworks, small: FloatNetworks) -> bool:
    ours, wanted = loaded.state_dict(), small.state_dict()
    return ours.keys() == wanted.keys() and all(torch.equal(ours[name], wanted[name]) for name in wanted)


def _part(small: FloatNetworks, part: checkpoint.FilePart) -> dict[str, Tensor]:
    """The part's tensors as its own page publishes them, under the old spelling."""
    whole = released_layout(small)
    chosen = {name.removeprefix(part.prefix): value for name, value in whole.items() if name.startswith(part.prefix)}
    return {part.own_prefix + name: value.contiguous() for name, value in chosen.items()}


def test_the_whole_file_loads(small: FloatNetworks, small_widths: Widths, tmp_path: Path) -> None:
    path = write(tmp_path, small)
    loaded = checkpoint.load(path, small_widths)
    assert _equal(loaded, small)
    assert not loaded.training
    assert not any(parameter.requires_grad or parameter.is_meta for parameter in loaded.parameters())
    assert checkpoint.files(path) == {"float": path}


@pytest.mark.parametrize("wrapped", [False, True])
def test_both_spellings_of_the_weight_norm_load(
    small: FloatNetworks, small_widths: Widths, tmp_path: Path, wrapped: bool
) -> None:
    state = {f"module.{name}": value for name, value in small.state_dict().items()}
    assert any("parametrizations.weight.original0" in name for name in state)
    torch.save({"state_dict": state, "step": 3} if wrapped else state, tmp_path / "new.pth")
    assert _equal(checkpoint.load(tmp_path / "new.pth", small_widths), small)
    assert any(name.endswith("weight_g") for name in released_layout(small))


@pytest.mark.slow
def test_constants_of_a_file_are_not_looked_at(small: FloatNetworks, small_widths: Widths, tmp_path: Path) -> None:
    state = released_layout(small)
    fixed = checkpoint.constants(small_widths)
    torch.save({name: value for name, value in state.items() if name not in fixed}, tmp_path / "without.pth")
    torch.save({name: value * 0 if name in fixed else value for name, value in state.items()}, tmp_path / "wrong.pth")
    for name in ("without.pth", "wrong.pth"):
        assert _equal(checkpoint.load(tmp_path / name, small_widths), small)


def test_what_only_training_uses_is_left_alone(small: FloatNetworks, small_widths: Widths, tmp_path: Path) -> None:
    extra = {
        AUDIO.prefix + "masked_spec_embed": torch.zeros(16),
        EMOTION.prefix + "wav2vec2.masked_spec_embed": torch.zeros(16),
    }
    torch.save({**released_layout(small), **extra}, tmp_path / "float.pth")
    assert _equal(checkpoint.load(tmp_path / "float.pth", small_widths), small)


@pytest.mark.parametrize("audio", ["pytorch_model.bin", "model.safetensors"])
@pytest.mark.parametrize("emotion", ["pytorch_model.bin", "model.safetensors"])
def test_wav2vec2_beside_the_file_in_the_official_folders(
    small: FloatNetworks, small_widths: Widths, tmp_path: Path, audio: str, emotion: str
) -> None:
    path = tmp_path / "float.pth"
    torch.save(released_layout(small, wav2vec2=False), path)
    for part, name in ((AUDIO, audio), (EMOTION, emotion)):
        state = {**_part(small, part), "lm_head.weight": torch.zeros(3, 16)}
        (tmp_path / part.folder).mkdir()
        if name.endswith(".bin"):
            torch.save(state, tmp_path / part.folder / name)
        else:
            save_file(state, tmp_path / part.folder / name)
    assert _equal(checkpoint.load(path, small_widths), small)
    assert checkpoint.files(path) == {
        "float": path,
        AUDIO.entry: tmp_path / AUDIO.folder / audio,
        EMOTION.entry: tmp_path / EMOTION.folder / emotion,
    }


def test_wav2vec2_where_the_user_says(
    small: FloatNetworks, small_widths: Widths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.save(released_layout(small, wav2vec2=False), tmp_path / "float.pth")
    for part in checkpoint.PARTS:
        torch.save(_part(small, part), tmp_path / f"{part.entry}.bin")
        monkeypatch.setenv(weights.variable(part.entry), str(tmp_path / f"{part.entry}.bin"))
    monkeypatch.setenv(weights.variable("float"), str(tmp_path / "float.pth"))
    assert checkpoint.missing() == []
    assert _equal(checkpoint.load(widths=small_widths), small)


def test_nothing_here_says_what_to_get_and_where(tmp_path: Path) -> None:
    (lack,) = checkpoint.missing()
    assert lack.what == "the weights 'float' (float.pth)"
    assert "drive.google.com" in lack.cure
    with pytest.raises(MissingError, match=r"The weights 'float' \(float\.pth\) are not on this machine"):
        checkpoint.load()


def test_without_wav2vec2_and_none_beside(
    small: FloatNetworks, small_widths: Widths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.save(released_layout(small, wav2vec2=False), tmp_path / "float.pth")
    with pytest.raises(MissingError, match=r"no tensor of audio_encoder\.wav2vec2\. and 'float-wav2vec2'") as caught:
        checkpoint.load(tmp_path / "float.pth", small_widths)
    assert "weights fetch float-wav2vec2" in caught.value.cure
    monkeypatch.setenv(weights.variable("float"), str(tmp_path / "float.pth"))
    assert [lack.what.split(",")[0] for lack in checkpoint.missing()] == [
        "the weights 'float-wav2vec2'",
        "the weights 'float-speech-emotion'",
    ]


def test_a_file_of_another_method(small_widths: Widths, tmp_path: Path) -> None:
    edtalk = {"enc.net_app.convs.0.0.weight": torch.zeros(2), "dec.input.input": torch.zeros(2)}
    torch.save({"gen": edtalk, "args": 3}, tmp_path / "EDTalk.pt")
    torch.save(edtalk, tmp_path / "bare.pt")
    for name, found in (("EDTalk.pt", "no tensors at its top level"), ("bare.pt", "enc.net_app.convs.0.0.weight")):
        with pytest.raises(UsageError, match=rf"{name} is not FLOAT's checkpoint: .*{found}"):
            checkpoint.load(tmp_path / name, small_widths)


def test_a_truncated_file(
    small: FloatNetworks, small_widths: Widths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path, small)
    path.write_bytes(path.read_bytes()[:20_000])
    with pytest.raises(UsageError, match=r"20000 bytes\) is no complete PyTorch checkpoint"):
        checkpoint.load(path, small_widths)
    monkeypatch.setenv(weights.variable("float"), str(path))
    assert "a whole float.pth: " in checkpoint.missing()[0].what


@pytest.mark.slow
def test_missing_strange_and_misshapen_tensors(small: FloatNetworks, small_widths: Widths, tmp_path: Path) -> None:
    whole = released_layout(small)
    some = "fmt.blocks.1.mlp.fc1.weight"
    cases = {
        "lacking": ({name: value for name, value in whole.items() if name != some}, f"1 tensors are missing ({some})"),
        "strange": ({**whole, "fmt.extra": torch.zeros(1)}, "1 are unexpected (fmt.extra)"),
        "shape": ({**whole, some: torch.zeros(2, 2)}, f"{some} must be (128, 32), found (2, 2)"),
        "nan": ({**whole, some: whole[some] * float("nan")}, f"not finite, in {some}"),
        "new": ({**whole, "audio_encoder.audio_projection.1.bias": torch.zeros(16)}, "was never trained"),
    }
    for name, (state, sentence) in cases.items():
        torch.save(state, tmp_path / f"{name}.pth")
        with pytest.raises(BenchError) as caught:
            checkpoint.load(tmp_path / f"{name}.pth", small_widths)
        assert sentence in caught.value.what, name


def test_the_table_knows_what_can_be_fetched() -> None:
    group = {entry.name: entry for entry in weights.select(["float"])}
    assert list(group) == ["float", "float-wav2vec2", "float-speech-emotion"]
    assert not group["float"].url  # by hand: its page and its licence are named
    assert group["float-wav2vec2"].bytes == 377_607_901
