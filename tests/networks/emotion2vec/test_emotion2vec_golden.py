"""emotion2vec+ large at full size against stored answers, loaded through an official-looking file.

The answers to silence, noise and cut sounds are the official pipeline's. Those to a puppet's voice are ours: the
official ones, to people's voices, may not be published; `test_official_voices` holds ours
against them where they are.

Tolerances are those of the golden README (CPU float32, largest absolute difference). Building the stand-in weights
costs about 10 CPU seconds, once.
"""

from __future__ import annotations

import argparse
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
from tests.cmet_golden import Golden
from tests.places import GOLDEN, names_and_shapes

EMBEDDING, SCORES, BLOCK, FRONT = 6e-6, 1e-6, 1.5e-5, 3e-5
CASES = ("a_angry", "b_happy", "c_neutral")
torch.set_num_threads(1)
pytestmark = pytest.mark.full_size


class Foreign:
    """An object whose unpickling would run a command."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, (self.command,)


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Emotion2Vec:
    return official_model(tmp_path_factory.mktemp("official"))


def official_model(folder: Path) -> Emotion2Vec:
    """The official network, loaded from a file like the published one: optimiser, foreign objects, a decoder, EMA."""
    shapes = names_and_shapes("emotion2vec")
    state = OrderedDict((key, torch.from_numpy(seeded_array(key, tuple(shape)))) for key, shape in shapes.items())
    state["d2v_model.modality_encoders.AUDIO.decoder.proj.weight"] = torch.zeros(3)
    state["_ema"] = torch.zeros(1)
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


LIMITS = {
    **{f"conv{layer}_slice": FRONT for layer in range(6)},
    **dict.fromkeys(("conv6_ch0_16", "proj_dim0_32", "pos_dim0_32", "prenet_in_tokens", "prenet_in_mean"), FRONT),
    **{
        f"{name}{i}_{of}": BLOCK
        for name, n in (("prenet", 4), ("block", 8))
        for i in range(n)
        for of in ("tokens", "mean")
    },
    **dict.fromkeys(("frames_dim0_32", "frames_first_mid_last"), BLOCK),
    **dict.fromkeys(("embedding", "logits", "g24k_embedding", "m48k6_embedding"), EMBEDDING),
    **dict.fromkeys(("bias_query10", "bias_corner"), 1e-6),
    "scores": SCORES,
}


def golden(name: str, folder: Path = GOLDEN / "emotion2vec") -> Golden:
    """A golden file under the tolerances of its README."""
    opened = Golden(name, folder)
    opened.tolerance = LIMITS
    return opened


def error(ours: Any, wanted: np.ndarray) -> float:
    given = np.asarray(ours)
    assert given.shape == wanted.shape
    return float(np.abs(given.astype(np.float64) - wanted).max())


def test_size_names_and_labels(model: Emotion2Vec) -> None:
    assert sum(parameter.numel() for parameter in model.parameters()) == 162_140_185
    assert len(model.state_dict()) == 185
    assert model.labels == LABELS
    assert not model.training


def every_stage(want: Golden, model: Emotion2Vec, wave: np.ndarray) -> None:
    """The taps of one run: convolutions, projection, both stacks of blocks, frames, embedding, classes, biases."""
    taps = _run_with_taps(model, torch.from_numpy(wave))
    count = int(want.array("n_frames"))
    assert taps["frames"].shape == (count, 1024)
    for layer in range(6):
        want.check(f"conv{layer}_slice", taps[f"conv{layer}"][:12, ::16].T)
    want.check("conv6_ch0_16", taps["conv6"][:count, ::16].T)
    want.check("proj_dim0_32", taps["proj"][:count, ::32])
    want.check("pos_dim0_32", taps["pos"][:, ::32])
    rows = want.array("token_index")
    for stage in ("prenet_in", *(f"prenet{i}" for i in range(4)), *(f"block{i}" for i in range(8))):
        want.check(f"{stage}_tokens", taps[stage][rows])
        want.check(f"{stage}_mean", taps[stage].mean(dim=0))
    want.check("frames_dim0_32", taps["frames"][:, ::32])
    want.check("frames_first_mid_last", taps["frames"][[0, count // 2, count - 1]])
    embedding = taps["frames"].mean(dim=0)
    want.check("embedding", embedding)
    with torch.inference_mode():
        want.check("logits", model.classify(embedding))
    bias = DistanceBias(audio_of(model).alibi_scale.detach(), 10)
    want.check("bias_query10", bias.rows(10, 11, count + 10)[:, 0])
    want.check("bias_corner", bias.whole(count + 10)[:, 8:13, 8:13])


def test_every_stage_of_a_puppets_voice(model: Emotion2Vec) -> None:
    want = golden("puppet")
    every_stage(want, model, want.array("wav_i16").astype(np.float32) / 32768)


def audio_of(model: Emotion2Vec) -> Any:
    return model.d2v_model.modality_encoders["AUDIO"]


def _run_with_taps(model: Emotion2Vec, wave: torch.Tensor) -> dict[str, torch.Tensor]:
    audio = audio_of(model)
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


def batch(model: Emotion2Vec, waves: list[np.ndarray], wanted: list[np.ndarray]) -> None:
    order = [2, 0, 1]
    embeddings = model.embed([waves[index] for index in order])
    assert embeddings.shape == (3, 1024)
    assert embeddings.dtype == np.float32
    for row, index in enumerate(order):
        assert error(embeddings[row], wanted[index]) <= EMBEDDING, index


def test_a_batch_of_unequal_lengths_equals_single_runs(model: Emotion2Vec) -> None:
    wave, edge = golden("puppet").array("wav_i16").astype(np.float32) / 32768, golden("edge")
    waves = [wave, edge.array("noise_719_wave"), edge.array("dc_16000_wave")]
    wanted = [edge.array("noise_719_embedding"), edge.array("dc_16000_embedding")]
    batch(model, waves, [model.embed([wave])[0], *wanted])


def test_edge_cases(model: Emotion2Vec) -> None:
    edge, encoder = golden("edge"), audio_of(model).local_encoder
    for name in ("zeros_16000", "noise_400", "noise_719", "noise_720", "quiet_16000", "dc_16000"):
        wave = edge.array(f"{name}_wave")
        assert encoder.frames(len(wave)) == int(edge.array(f"{name}_n_frames")), name
        assert error(model.embed([wave])[0], edge.array(f"{name}_embedding")) <= EMBEDDING, name
    assert error(model.scores([edge.array("dc_16000_wave")])[0], edge.array("dc_16000_scores")) <= SCORES
    samples, frames = edge.array("length_table")
    assert [encoder.frames(int(n)) for n in samples] == frames.tolist()


def test_official_voices(shared: Path, model: Emotion2Vec) -> None:
    """Three people at 16 kHz, alone and in one batch; 24 kHz and 48 kHz with six channels through our resampler."""
    folder, speech = shared / "golden" / "emotion2vec", shared / "real" / "speech"
    wants = [golden(f"case_{case}", folder) for case in CASES]
    waves = [read_audio(speech / str(want.array("wav_file"))).samples for want in wants]
    for want, wave in zip(wants, waves, strict=True):
        every_stage(want, model, wave)
    batch(model, waves, [want.array("embedding") for want in wants])
    want = golden("resample", folder)
    for prefix in ("g24k", "m48k6"):
        wave = read_audio(speech / str(want.array(f"{prefix}_wav_file"))).samples
        assert len(wave) == int(want.array(f"{prefix}_resampled_len"))
        middle = len(wave) // 2
        for part, ours in (("head", wave[:2000]), ("mid", wave[middle:][:2000]), ("tail", wave[-500:])):
            assert error(ours, want.array(f"{prefix}_resampled_{part}")) <= 1e-6, part
        want.check(f"{prefix}_embedding", model.embed([wave])[0])
