"""A small EAT in the form in which one ships: its file, and its networks at work at sizes that are not the released."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from networks.eat.eat import Eat
from networks.eat.files import SHIPPED_EAT, config_of, widths_of
from networks.eat.networks import Widths
from networks.eat.speaker import Speaker
from networks.edtalk.frames import resized
from networks.files import shipped
from networks.files.plausibility import ImplausibleError
from tests.media_samples import voice
from tests.small_eat import DEMO, GRAPH_WIDTH, SMALL, demo_eat, write_demo

torch.set_num_threads(1)
FRAMES = 3


@pytest.fixture(scope="module")
def eat() -> Eat:
    return demo_eat()


@pytest.mark.parametrize("widths", [DEMO, SMALL, Widths()], ids=["demo", "small", "released"])
def test_widths_come_back_from_json(widths: Widths) -> None:
    stored = json.loads(json.dumps(config_of(widths, 5)))
    assert stored["deepspeech"] == 5
    assert widths_of(stored["widths"]) == widths


def test_a_file_holds_everything_and_the_basis_exactly(eat: Eat, tmp_path: Path) -> None:
    """Statistics of norms and their counters, too, which are no parameters."""
    network = eat.networks.generator.first.norm
    network.running_var.copy_(torch.linspace(0.1, 3, len(network.running_var)))
    network.num_batches_tracked.fill_(70_001)
    shipped.store(tmp_path / "eat.safetensors", eat, config_of(DEMO, GRAPH_WIDTH), {"seed": 1})
    found = SHIPPED_EAT.load(tmp_path / "eat.safetensors")
    wanted, ours = eat.state_dict(), found.state_dict()
    assert ours.keys() == wanted.keys()
    assert int(ours["networks.generator.first.norm.num_batches_tracked"]) == 70_001
    assert torch.equal(ours["basis"], wanted["basis"])
    assert not torch.equal(wanted["basis"], wanted["basis"].half().float())
    for name, tensor in wanted.items():
        assert ours[name].dtype == tensor.dtype, name
        assert torch.allclose(ours[name].double(), tensor.double(), rtol=1e-3, atol=1e-6), name
    assert (found.padding, found.training, found.deepspeech.width) == (None, False, GRAPH_WIDTH)
    assert (found.networks.size, found.networks.bands) == (128, 48)


def test_a_file_of_other_widths_is_refused(tmp_path: Path) -> None:
    tensors = demo_eat()
    for name, config in {
        "widths": config_of(SMALL, GRAPH_WIDTH),
        "deepspeech": config_of(DEMO, GRAPH_WIDTH + 1),
        "unknown": {"widths": {"colour": 3}, "deepspeech": GRAPH_WIDTH},
    }.items():
        shipped.store(tmp_path / f"{name}.safetensors", tensors, config, {})
        with pytest.raises(ImplausibleError, match="of another network"):
            SHIPPED_EAT.load(tmp_path / f"{name}.safetensors")


def test_an_absent_file_is_what_a_method_lacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipped, "FOLDER", tmp_path)
    (lack,) = SHIPPED_EAT.missing()
    assert lack.what == f"the demo weights {tmp_path / 'eat.safetensors'}"
    assert "git checkout" in lack.cure
    write_demo(tmp_path)
    assert SHIPPED_EAT.missing() == []


def test_a_small_eat_speaks_at_its_own_size(eat: Eat) -> None:
    """It hears as many bands, sees pictures and clips scaled to its size, and its frames may be enlarged."""
    rng, wave = np.random.default_rng(0), voice(FRAMES / 25)
    picture, clip = (rng.integers(0, 255, (*shape, 256, 256, 3), dtype=np.uint8) for shape in ((), (FRAMES,)))

    def spoken(scale: int, least: int) -> np.ndarray:
        speaker = Speaker(eat, least=least)
        heads = speaker.heads([np.stack([resized(frame, scale) for frame in clip])])
        tracks = speaker.tracks(wave, heads)
        assert tracks.mel.shape[1] == 48
        return np.stack(list(speaker.frames(resized(picture, scale), tracks, heads, "happy", speaker.noise(1), FRAMES)))

    own = spoken(scale=128, least=1)
    assert own.shape == (FRAMES, 128, 128, 3)
    assert np.array_equal(own, spoken(scale=256, least=1))
    large = spoken(scale=256, least=256)
    assert large.shape == (FRAMES, 256, 256, 3)
    shrunk = torch.nn.functional.avg_pool2d(torch.from_numpy(large).permute(0, 3, 1, 2).float(), 2)
    assert float((shrunk.permute(0, 2, 3, 1) - torch.from_numpy(own).float()).abs().mean()) < 3
