"""FLOAT's networks: recorded outputs of the released ones, transformers' wav2vec2, laws of guidance and time."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from harness.seeded import fill, seeded_array
from networks.float.autoencoder import MotionAutoencoder
from networks.float.conditions import EMOTIONS, frames_of, normalised, one_hot, whole_frames
from networks.float.networks import FloatNetworks, Widths, constants, unfilled
from networks.float.sampler import Guidance, Speech, noise_for, tracks, velocity
from networks.float.transformer import Conditions, FlowTransformer
from networks.float.wav2vec2 import Shape, Wav2Vec2
from tests.places import names_and_shapes

torch.set_num_threads(1)
NEW_SPELLING = {".parametrizations.weight.original0": ".weight_g", ".parametrizations.weight.original1": ".weight_v"}


@pytest.fixture(autouse=True)
def no_gradients():
    with torch.no_grad():
        yield


def test_names_and_shapes_are_the_official_ones() -> None:
    official = names_and_shapes("float")
    ours = {}
    for name, value in unfilled().state_dict().items():
        for new, old in NEW_SPELLING.items():
            name = name.replace(new, old)
        ours[name] = tuple(value.shape)
    training_only = {name: shape for name, shape in official.items() if name.endswith("masked_spec_embed")}
    assert ours | training_only == official
    assert len(training_only) == 2


@pytest.mark.slow
def test_constants_do_not_depend_on_the_widths(small: FloatNetworks, small_widths: Widths) -> None:
    own = dict(small.named_buffers())
    taken = constants(small_widths)
    assert taken.keys() == own.keys()
    assert all(torch.equal(taken[name], own[name]) for name in own)
    official = {name: value.shape for name, value in unfilled().named_buffers()}
    assert {name: value.shape for name, value in constants().items()} == official


@pytest.mark.full_size
def test_autoencoder_on_a_picture_made_by_a_formula(
    recorded: Callable[[str], Any],
    filled: Callable[..., Any],
    synthetic_picture: np.ndarray,
    check_autoencoder: Callable[..., None],
) -> None:
    assert hashlib.sha256(synthetic_picture.tobytes()).hexdigest().startswith("8fea0bd8")
    network = filled(MotionAutoencoder(), "motion_autoencoder.")
    check_autoencoder(recorded("autoencoder_synthetic"), network, synthetic_picture, precise=False)


@pytest.mark.slow
@pytest.mark.parametrize("stable", [False, True], ids=["base", "large"])
@pytest.mark.parametrize("samples", [400, 16_000, 12 * 16_000 + 37])
def test_wav2vec2_gives_what_transformers_gives(stable: bool, samples: int) -> None:
    from transformers import Wav2Vec2Config, Wav2Vec2Model

    ours = Wav2Vec2(Shape(64, 4, 3, 96, stable, conv_width=32)).eval()
    config = Wav2Vec2Config(
        hidden_size=64, num_hidden_layers=3, num_attention_heads=4, intermediate_size=96, conv_dim=(32,) * 7,
        feat_extract_norm="layer" if stable else "group", conv_bias=stable, do_stable_layer_norm=stable,
    )  # fmt: skip
    theirs = Wav2Vec2Model(config).eval()
    fill(ours)
    fill(theirs)
    wave = torch.from_numpy(seeded_array("wave", (samples,))) + 0.3
    layers = list(ours.hidden(ours.features(wave)))
    wanted = theirs(wave[None], output_hidden_states=True)
    torch.testing.assert_close(layers[-1], wanted.last_hidden_state, atol=2e-5, rtol=0)
    for own, other in zip(layers[:-1], wanted.hidden_states[1:-1], strict=True):
        torch.testing.assert_close(own, other, atol=2e-5, rtol=0)


def test_sound_is_normalised_and_extended_to_whole_frames() -> None:
    wave = torch.from_numpy(seeded_array("wave", (1000,))) * 3 + 1
    normal = normalised(wave)
    assert abs(float(normal.mean())) < 1e-5
    assert abs(float(normal.var(unbiased=False)) - 1) < 1e-5
    assert float(normalised(torch.zeros(1000)).abs().max()) == 0
    assert [frames_of(count) for count in (1, 640, 641, 38_400)] == [1, 1, 2, 60]
    extended = whole_frames(wave, 2)
    assert torch.equal(extended[:1000], wave)
    assert bool((extended[1000:] == wave[-1]).all())
    assert len(extended) == 1280
    assert torch.equal(whole_frames(extended, 2), extended)


def test_labels_are_one_hot_in_the_released_order() -> None:
    assert EMOTIONS == ("angry", "disgusted", "fear", "happy", "neutral", "sad", "surprised")
    assert one_hot("happy").tolist() == [[0, 0, 0, 1, 0, 0, 0]]
    with pytest.raises(ValueError, match="not in tuple"):
        one_hot("contempt")


@pytest.fixture(scope="module")
def flow(filled: Callable[..., Any]) -> FlowTransformer:
    made: FlowTransformer = filled(FlowTransformer(16, 7, 32, 2, 2, frames=8, previous=3, reach=1), "fmt.")
    return made


def _formula(name: str, *shape: int) -> Tensor:
    return torch.from_numpy(seeded_array(name, shape))


def _speech(frames: int = 13) -> Speech:
    return Speech(
        3 * _formula("audio", 1, frames, 16), _formula("portrait", 1, 16), _formula("emotion", 1, 7).softmax(-1)
    )


def _given() -> Conditions:
    speech = _speech(8)
    return Conditions(speech.audio, _formula("audio_before", 1, 3, 16), speech.portrait, speech.emotion)


def _velocity(flow: FlowTransformer, guidance: Guidance, track: Tensor | None = None) -> Tensor:
    track = _formula("track", 1, 8, 16) if track is None else track
    return velocity(flow, torch.tensor([0.4]), track, _formula("before", 1, 3, 16), _given(), guidance)


def test_small_transformer_and_sampler_give_what_was_recorded(
    flow: FlowTransformer, recorded: Callable[[str], Any]
) -> None:
    """Recorded from this port when it met every golden at full size, for checkouts that lack those."""
    golden = recorded("small_flow")
    for audio, emotion in ((1, 1), (2, 1), (2, 5)):
        golden.check(f"velocity_a{audio}_e{emotion}", _velocity(flow, Guidance(audio, emotion)))
    made = torch.cat(list(tracks(flow, _speech(), noise_for(flow, 13, 7), Guidance(2, 1, 4))))
    golden.check("track", made)


def test_guidance_is_a_sum_of_three_answers(flow: FlowTransformer) -> None:
    plain = _velocity(flow, Guidance(1, 1))
    silent, audio_only = _velocity(flow, Guidance(0, 0)), _velocity(flow, Guidance(1, 0))
    torch.testing.assert_close(
        _velocity(flow, Guidance(2, 5)), silent + 2 * (audio_only - silent) + 5 * (plain - audio_only)
    )
    one = flow(torch.tensor([0.4]), _formula("track", 1, 8, 16), _formula("before", 1, 3, 16), _given())
    torch.testing.assert_close(plain, one)


def test_a_frame_is_seen_by_its_neighbours_only(flow: FlowTransformer) -> None:
    track = _formula("track", 1, 8, 16)
    touched = track.clone()
    touched[:, 7] += 1
    moved = (_velocity(flow, Guidance(), touched) - _velocity(flow, Guidance())).abs().amax((0, 2)) > 1e-7
    reach = 1 * 2  # a neighbour on either side, in each of two blocks
    assert moved.tolist() == [False] * (11 - 1 - reach) + [True] * (1 + reach)


def test_stretches_are_as_long_as_the_sound_and_follow_each_other(flow: FlowTransformer) -> None:
    guidance, speech = Guidance(2, 1, 3), _speech()
    parts = list(tracks(flow, speech, noise_for(flow, 13, 1), guidance))
    assert [len(part) for part in parts] == [8, 5]
    changed = Speech(speech.audio.clone(), speech.portrait, speech.emotion)
    changed.audio[:, 0] += 5  # heard in the first stretch alone, and there too far from its end
    again = list(tracks(flow, changed, noise_for(flow, 13, 1), guidance))
    assert not torch.equal(again[0], parts[0])
    changed.audio[:, 7] += 5  # what the second stretch sees of the first one
    assert not torch.equal(list(tracks(flow, changed, noise_for(flow, 13, 1), guidance))[1], parts[1])
    single = list(
        tracks(flow, Speech(speech.audio[:, :1], speech.portrait, speech.emotion), noise_for(flow, 1, 1), guidance)
    )
    assert [tuple(part.shape) for part in single] == [(1, 16)]


def test_noise_follows_the_seed_and_is_new_for_every_stretch(flow: FlowTransformer) -> None:
    noise = noise_for(flow, 17, seed=3)
    assert tuple(noise.shape) == (3, 1, 8, 16)
    assert torch.equal(noise, noise_for(flow, 17, seed=3))
    assert not torch.equal(noise, noise_for(flow, 17, seed=4))
    assert not torch.equal(noise[0], noise[1])
    repeated = noise_for(flow, 17, seed=3, repeated=True)
    assert torch.equal(repeated[0], repeated[2])
    assert torch.equal(repeated[0], noise[0])
    assert torch.equal(noise_for(flow, 9, seed=3), noise[:2])  # a longer clip begins as a shorter one
