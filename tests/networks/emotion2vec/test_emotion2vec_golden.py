"""emotion2vec+ large at full size against the official pipeline's outputs, loaded through an official-looking file.

Tolerances are those of the golden README (CPU float32, largest absolute difference). Building the stand-in weights
costs about 10 CPU seconds, once.
"""

from __future__ import annotations

import argparse
import json
import os
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from harness.media import read_audio
from harness.seeded import seeded_array
from networks.emotion2vec.encoder import LABELS, Emotion2Vec
from networks.emotion2vec.layers import DistanceBias

EMBEDDING, SCORES, BLOCK, FRONT = 6e-6, 1e-6, 1.5e-5, 3e-5
CASES = ("a_angry", "b_happy", "c_neutral")
torch.set_num_threads(1)


class Foreign:
    """An object whose unpickling would run a command."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, (self.command,)


@pytest.fixture(scope="session")
def model(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Emotion2Vec:
    """The official network, loaded from a file like the published one: optimiser, foreign objects, a decoder, EMA."""
    shapes = json.loads((shared / "specs" / "emotion2vec_state_dict.json").read_text(encoding="utf-8"))
    state = OrderedDict((key, torch.from_numpy(seeded_array(key, tuple(shape)))) for key, shape in shapes.items())
    state["d2v_model.modality_encoders.AUDIO.decoder.proj.weight"] = torch.zeros(3)
    state["_ema"] = torch.zeros(1)
    folder = tmp_path_factory.mktemp("official")
    path, marker = folder / "model.pt", folder / "was run"
    content = {
        "args": argparse.Namespace(lr=1e-4),
        "cfg": Foreign(f"touch '{marker}'"),
        "model": state,
        "last_optimizer_state": {"state": {0: {"exp_avg": torch.ones(5)}}},
    }
    torch.save(content, path)
    del state, content
    with torch.device("meta"):
        network = Emotion2Vec()
    network.load_official(path)
    path.unlink()
    assert not marker.exists()
    return network


def golden(shared: Path, name: str) -> Any:
    return np.load(shared / "golden" / "emotion2vec" / f"{name}.npz")


def wave_of(shared: Path, file: Any) -> np.ndarray:
    return read_audio(shared / "real" / "speech" / str(file)).samples


def error(ours: Any, wanted: np.ndarray) -> float:
    given = np.asarray(ours)
    assert given.shape == wanted.shape
    return float(np.abs(given.astype(np.float64) - wanted).max())


def test_size_names_and_labels(model: Emotion2Vec) -> None:
    assert sum(parameter.numel() for parameter in model.parameters()) == 162_140_185
    assert len(model.state_dict()) == 185
    assert model.labels == LABELS
    assert not model.training


@pytest.mark.parametrize("case", CASES)
def test_every_stage_equals_the_official_one(model: Emotion2Vec, shared: Path, case: str) -> None:
    want = golden(shared, f"case_{case}")
    wave = torch.from_numpy(wave_of(shared, want["wav_file"]))
    taps = _run_with_taps(model, wave)
    count = int(want["n_frames"])
    assert taps["frames"].shape == (count, 1024)
    for layer in range(6):
        assert error(taps[f"conv{layer}"][:12, ::16].T, want[f"conv{layer}_slice"]) <= FRONT, layer
    assert error(taps["conv6"][:count, ::16].T, want["conv6_ch0_16"]) <= FRONT
    assert error(taps["proj"][:count, ::32], want["proj_dim0_32"]) <= FRONT
    assert error(taps["pos"][:, ::32], want["pos_dim0_32"]) <= FRONT
    rows = want["token_index"]
    for stage in ("prenet_in", *(f"prenet{i}" for i in range(4)), *(f"block{i}" for i in range(8))):
        limit = FRONT if stage == "prenet_in" else BLOCK
        assert error(taps[stage][rows], want[f"{stage}_tokens"]) <= limit, stage
        assert error(taps[stage].mean(dim=0), want[f"{stage}_mean"]) <= limit, stage
    assert error(taps["frames"][:, ::32], want["frames_dim0_32"]) <= BLOCK
    assert error(taps["frames"][[0, count // 2, count - 1]], want["frames_first_mid_last"]) <= BLOCK
    embedding = taps["frames"].mean(dim=0)
    assert error(embedding, want["embedding"]) <= EMBEDDING
    with torch.inference_mode():
        assert error(model.classify(embedding), want["logits"]) <= EMBEDDING
    bias = DistanceBias(model._audio.alibi_scale.detach(), 10)
    assert error(bias.rows(10, 11, count + 10)[:, 0], want["bias_query10"]) <= 1e-6
    assert error(bias.whole(count + 10)[:, 8:13, 8:13], want["bias_corner"]) <= 1e-6


def _run_with_taps(model: Emotion2Vec, wave: torch.Tensor) -> dict[str, torch.Tensor]:
    audio = model._audio
    watched = {
        **{f"conv{i}": layer for i, layer in enumerate(audio.local_encoder.conv_layers)},
        "proj": audio.project_features["2"],
        "pos": audio.relative_positional_encoder,
        "prenet_in": audio.context_encoder.norm,
        **{f"prenet{i}": block for i, block in enumerate(audio.context_encoder.blocks)},
        **{f"block{i}": block for i, block in enumerate(model.d2v_model.blocks)},
    }
    taps: dict[str, torch.Tensor] = {}

    def hook(name: str) -> Any:
        return lambda _module, _inputs, output: taps.__setitem__(name, output)

    handles = [module.register_forward_hook(hook(name)) for name, module in watched.items()]
    with torch.inference_mode():
        taps["frames"] = model([wave]).frames
    for handle in handles:
        handle.remove()
    return taps


def test_a_batch_of_unequal_lengths_equals_single_runs(model: Emotion2Vec, shared: Path) -> None:
    wants = [golden(shared, f"case_{case}") for case in CASES]
    waves = [wave_of(shared, want["wav_file"]) for want in wants]
    order = [2, 0, 1]
    embeddings = model.embed([waves[index] for index in order])
    assert embeddings.shape == (3, 1024)
    assert embeddings.dtype == np.float32
    for row, index in enumerate(order):
        assert error(embeddings[row], wants[index]["embedding"]) <= EMBEDDING, CASES[index]


def test_edge_cases(model: Emotion2Vec, shared: Path) -> None:
    edge = golden(shared, "edge")
    for name in ("zeros_16000", "noise_400", "noise_719", "noise_720", "quiet_16000", "dc_16000"):
        wave = edge[f"{name}_wave"]
        assert model._audio.local_encoder.frames(len(wave)) == int(edge[f"{name}_n_frames"]), name
        assert error(model.embed([wave])[0], edge[f"{name}_embedding"]) <= EMBEDDING, name
    assert error(model.scores([edge["dc_16000_wave"]])[0], edge["dc_16000_scores"]) <= SCORES
    samples, frames = edge["length_table"]
    assert [model._audio.local_encoder.frames(int(n)) for n in samples] == frames.tolist()


@pytest.mark.parametrize("prefix", ["g24k", "m48k6"])
def test_other_rates_and_channels(model: Emotion2Vec, shared: Path, prefix: str) -> None:
    want = golden(shared, "resample")
    wave = wave_of(shared, want[f"{prefix}_wav_file"])
    assert len(wave) == int(want[f"{prefix}_resampled_len"])
    length = len(wave)
    for part, ours in (("head", wave[:2000]), ("mid", wave[length // 2 :][:2000]), ("tail", wave[-500:])):
        assert error(ours, want[f"{prefix}_resampled_{part}"]) <= 1e-6, part
    assert error(model.embed([wave])[0], want[f"{prefix}_embedding"]) <= EMBEDDING
