"""EAT's files: they load strictly, and a wrong, cut, lacking or absent one is one sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from baselines.eat import checkpoint
from baselines.eat.checkpoint import BASIS, GRAPH, LATENTS, MAIN, MEAN, PAD
from baselines.eat.seeded_checkpoint import released_layout
from harness import weights
from harness.errors import BenchError, MissingError, UsageError
from networks.eat.networks import EatNetworks, unfilled
from tests.places import names_and_shapes
from tests.small_eat import SMALL

Paths = dict[str, Path]


def test_names_and_shapes_are_the_official_ones() -> None:
    """Of all 1730 tensors."""
    ours = {name: tuple(value.shape) for name, value in unfilled().state_dict().items()}
    assert ours == names_and_shapes("eat")
    assert len(ours) == 1730


def test_all_files_load(files: Paths, small: EatNetworks) -> None:
    loaded = checkpoint.load(SMALL)
    ours, wanted = loaded.networks.state_dict(), small.state_dict()
    assert ours.keys() == wanted.keys()
    assert all(torch.equal(ours[name], wanted[name]) for name in wanted)
    assert not loaded.networks.training
    assert not any(parameter.requires_grad or parameter.is_meta for parameter in loaded.networks.parameters())
    assert loaded.basis.shape == (45, 45)
    assert loaded.mean.shape == (45,)
    assert checkpoint.files() == files
    assert checkpoint.missing() == []


def test_wrappings_and_counters_do_not_matter(files: Paths, small: EatNetworks) -> None:
    """Names from DataParallel, and files from before normalisation layers counted."""
    whole = released_layout(small, MAIN)
    changed = {
        entry: {f"module.{name}": value for name, value in state.items() if not name.endswith("num_batches_tracked")}
        for entry, state in whole.items()
    }
    torch.save({**changed, "optimizer": {"lr": 1e-4}, "args": object}, files[MAIN])
    loaded = checkpoint.load(SMALL).networks
    assert torch.equal(loaded.generator.fourth.weight, small.generator.fourth.weight)
    assert not any(tensor.is_meta for tensor in loaded.state_dict().values())


def test_nothing_here_says_what_to_get_and_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CMET_BENCH_CACHE", str(tmp_path))
    found = checkpoint.missing()
    assert [lack.what for lack in found] == [
        f"the weights '{name}' ({weights.table()[name].file})" for name in checkpoint.FILES
    ]
    assert "drive.google.com" in found[0].cure
    assert "weights fetch eat-deepspeech" in found[2].cure
    with pytest.raises(MissingError, match=r"The weights 'eat' \(deepprompt_eam3d_all_final_313\.pth\.tar\)"):
        checkpoint.load()


def test_a_file_of_another_method(files: Paths, small: EatNetworks) -> None:
    """EDTalk's checkpoint, a bare state dict, and EAT's own two exchanged."""
    edtalk = {"enc.net_app.convs.0.0.weight": torch.zeros(2), "dec.input.input": torch.zeros(2)}
    for content, held in (({"gen": edtalk}, "'gen'"), (edtalk, "'enc.net_app.convs.0.0.weight'"), ([1], "no entries")):
        torch.save(content, files[MAIN])
        with pytest.raises(UsageError) as caught:
            checkpoint.load(SMALL)
        assert f"is not EAT's {files[MAIN].name}: it has no networks under 'generator', but" in caught.value.what
        assert held in caught.value.what
        (lack,) = checkpoint.missing()
        assert f"a whole {files[MAIN].name}" in lack.what
    torch.save(released_layout(small, LATENTS), files[MAIN])
    with pytest.raises(UsageError, match="no networks under 'generator', but 'he_estimator', 'kp_detector'"):
        checkpoint.load(SMALL)


@pytest.mark.parametrize("name", [MAIN, LATENTS, GRAPH, PAD, BASIS, MEAN])
def test_a_truncated_file(files: Paths, name: str) -> None:
    path = files[name]
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    with pytest.raises(BenchError) as caught:
        checkpoint.load(SMALL)
    assert str(path) in caught.value.what
    assert "\n" not in caught.value.what


def test_missing_strange_and_misshapen_tensors(files: Paths, small: EatNetworks) -> None:
    whole = released_layout(small, MAIN)
    some = "fourth.weight"

    def with_generator(**changed: Any) -> dict[str, Any]:
        generator = {name: value for name, value in {**whole["generator"], **changed}.items() if value is not None}
        return {**whole, "generator": generator}

    touched = {name: value * 0 for name, value in whole["generator"].items() if name.endswith("running_mean")}
    cases = {
        "lacking": (with_generator(**{some: None}), f"1 tensors are missing (generator.{some})"),
        "strange": (with_generator(extra=torch.zeros(1)), "1 are unexpected (generator.extra)"),
        "shape": (with_generator(**{some: torch.zeros(2, 2)}), f"generator.{some} must be (8, 8, 1, 1), found (2, 2)"),
        "nan": (with_generator(**{some: whole["generator"][some] * float("nan")}), f"finite, in generator.{some}"),
        "new": (with_generator(**touched), "was never trained"),
    }
    for name, (state, sentence) in cases.items():
        torch.save(state, files[MAIN])
        with pytest.raises(BenchError) as caught:
            checkpoint.load(SMALL)
        assert sentence in caught.value.what, name


def test_small_files_of_other_shapes(files: Paths) -> None:
    for name, array, sentence in (
        (MEAN, np.zeros(44, np.float32), "finite numbers of shape (45,), and holds (44,)"),
        (BASIS, np.zeros((45, 32), np.float32), "finite numbers of shape (45, 45), and holds (45, 32)"),
    ):
        kept = files[name].read_bytes()
        np.save(files[name], array)
        with pytest.raises(UsageError) as caught:
            checkpoint.load(SMALL)
        assert sentence in caught.value.what
        files[name].write_bytes(kept)
    np.save(files[MEAN], np.zeros((1, 45), np.float64))
    assert checkpoint.load(SMALL).mean.dtype == torch.float32


def test_the_graph_of_the_cache_must_be_the_published_one(files: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    place = weights.cached_path(weights.table()[GRAPH])
    place.parent.mkdir(parents=True)
    place.write_bytes(files[GRAPH].read_bytes())
    monkeypatch.delenv(weights.variable(GRAPH))
    with pytest.raises(UsageError, match="expected SHA-1 b90017e8"):
        checkpoint.load(SMALL)


def test_the_table_knows_what_can_be_fetched() -> None:
    group = {entry.name: entry for entry in weights.select(["eat"])}
    assert list(group) == [*checkpoint.FILES, "eat-template"]
    assert [name for name, entry in group.items() if not entry.url] == [MAIN, LATENTS]
    assert group[GRAPH].member == "deepspeech-0_1_0-b90017e8.pb"
    sizes = {PAD: 46_776, BASIS: 8_228, MEAN: 308}
    assert {name: group[name].bytes for name in sizes} == sizes
    assert all("95beccb" in group[name].url for name in sizes)
