"""EAT's audio transformer: official names, the recorded coefficients of the released one, laws at small widths."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from harness.seeded import seeded_array
from networks.eat.audio_encoder import AudioEncoder, EncodingBlock
from networks.eat.audio_to_keypoints import AudioToKeypoints, Widths
from networks.eat.mapping import MappingNetwork
from networks.eat.pitch import PitchNetwork
from networks.eat.places import Places
from networks.eat.pose_network import BINS, HeadPose
from networks.eat.pose_numbers import pose_numbers
from networks.eat.seeded_weights import filled
from networks.eat.transformer import PromptedTransformer
from tests.networks.eat.portrait import seen_face
from tests.places import names_and_shapes

torch.set_num_threads(1)
PREFIX = "audio2kptransformer."
SMALL = Widths(
    face_map=6, face_channels=8, bands=32, sound=(16, 16, 16, 16), pitch=(4, 4, 4, 16), pitch_hidden=3,
    letters=(4, 4, 4, 4), pictures=(4, 4, 8), face=(8, 8, 16), layers=3, heads=2, feed_forward=16, phonemes=(2, 2),
)  # fmt: skip
FRAMES = 3


def formula(name: str, *shape: int) -> Tensor:
    return torch.from_numpy(seeded_array(name, shape))


def poses(frames: int) -> HeadPose:
    yaw, pitch, roll = (3 * formula(name, frames, BINS) * BINS**0.5 for name in ("yaw", "pitch", "roll"))
    return HeadPose(yaw, pitch, roll, formula("t", frames, 3), torch.full((frames, 45), torch.nan))


def some(poses: HeadPose, frames: slice | Tensor) -> HeadPose:
    return HeadPose(*(getattr(poses, name)[frames] for name in ("yaw", "pitch", "roll", "t", "exp")))


@pytest.fixture(scope="module")
def small() -> AudioToKeypoints:
    return filled(AudioToKeypoints(SMALL), PREFIX)


@pytest.fixture
def given(small: AudioToKeypoints) -> dict[str, Any]:
    """Three frames of everything that the small network reads."""
    prompts = formula("prompts", 1, 1 + SMALL.layers, SMALL.token)
    return {
        "mel": formula("mel", FRAMES, 32, 11) * 18, "letters": formula("letters", FRAMES, 11, 16, 29) * 60,
        "pictures": (formula("pictures", FRAMES, 11, 1, 16, 16) > 0).float(), "pose": poses(FRAMES),
        "face": small.modulated(formula("map", 1, 2, 3, 16, 16), prompts[:, 0]), "prompts": prompts,
    }  # fmt: skip


def test_names_and_shapes_are_the_official_ones() -> None:
    official = {
        name[len(PREFIX) :]: shape for name, shape in names_and_shapes("eat").items() if name.startswith(PREFIX)
    }
    with torch.device("meta"):
        network = AudioToKeypoints()
    assert {name: tuple(value.shape) for name, value in network.state_dict().items()} == official


@pytest.mark.full_size
def test_coefficients_of_the_released_network(recorded: Callable[[str], Any]) -> None:
    golden, networks = recorded("expression"), recorded("networks")
    prompts = filled(MappingNetwork(), "emotionprompt.")(networks.tensor("z"), int(networks["emotion_index"]))
    shape = tuple(golden["pictures_shape"])
    pictures = np.unpackbits(golden["pictures"])[: np.prod(shape)].reshape(shape).astype(np.float32)
    angles = [networks.tensor(f"driving_{name}")[0, golden["frames"]] for name in ("yaw", "pitch", "roll", "t")]
    network = filled(AudioToKeypoints(), PREFIX)
    face = network.modulated(seen_face().map, prompts[:, 0])
    found = network(
        golden.tensor("mel"), golden.tensor("letters"), torch.from_numpy(pictures),
        HeadPose(*angles, torch.zeros(len(shape), 45)), face, prompts,
    )  # fmt: skip
    golden.check("pca", found)


# Laws.


def test_each_frame_is_computed_by_itself(small: AudioToKeypoints, given: dict[str, Any]) -> None:
    together = small(**given)
    assert tuple(together.shape) == (FRAMES, 32)
    for index in range(FRAMES):
        at = slice(index, index + 1)
        alone = {name: given[name][at] for name in ("mel", "letters", "pictures")}
        found = small(**{**given, **alone, "pose": some(given["pose"], at)})
        torch.testing.assert_close(found, together[at], atol=1e-5, rtol=1e-5)
    assert float((together[0] - together[1]).abs().max()) > 1e-3  # and they differ from each other


def test_frames_may_each_have_a_face_and_prompts_of_their_own(small: AudioToKeypoints, given: dict[str, Any]) -> None:
    """As in training, where people and emotions are mixed."""
    prompts = formula("all prompts", FRAMES, 1 + SMALL.layers, SMALL.token)
    face = small.modulated(formula("maps", FRAMES, 2, 3, 16, 16), prompts[:, 0])
    together = small(**{**given, "face": face, "prompts": prompts})
    for index in range(FRAMES):
        at = slice(index, index + 1)
        alone = {name: given[name][at] for name in ("mel", "letters", "pictures")}
        own = {"pose": some(given["pose"], at), "face": face[at], "prompts": prompts[at]}
        torch.testing.assert_close(small(**alone, **own), together[at], atol=1e-5, rtol=1e-5)


def test_everything_that_is_given_reaches_the_coefficients(small: AudioToKeypoints, given: dict[str, Any]) -> None:
    before = small(**given)
    for name in ("mel", "letters", "pictures", "face", "prompts"):
        assert not torch.equal(small(**{**given, name: given[name] + 1}), before), name
    for name in ("yaw", "pitch", "roll", "t"):
        turned = replace(given["pose"], **{name: getattr(given["pose"], name).flip(-1)})
        assert not torch.equal(small(**{**given, "pose": turned}), before), name
    for index in range(1 + SMALL.layers):
        prompts = given["prompts"].clone()
        prompts[:, index] += 1
        assert not torch.equal(small(**{**given, "prompts": prompts}), before), f"prompt {index}"


def test_head_pose_numbers_of_known_angles() -> None:
    certain = 1e4 * torch.nn.functional.one_hot(torch.tensor([0, 30, 60]), BINS).float()
    yaw, pitch, roll = certain[[0, 1]], certain[[0, 0]], certain[[0, 2]]
    still, turned = pose_numbers(HeadPose(yaw, pitch, roll, formula("t", 2, 3), torch.empty(2, 0)))
    torch.testing.assert_close(still[6:42], torch.eye(3).flatten().repeat(4))
    torch.testing.assert_close(still[42:], formula("t", 2, 3)[0])
    torch.testing.assert_close(turned[:6], torch.tensor([30, 0, 60, 30 / 180 * 3.14, 0, 60 / 180 * 3.14]))
    about_y, about_x, about_z, whole = turned[6:42].unflatten(0, (4, 3, 3))
    torch.testing.assert_close(about_y[1], torch.tensor([0.0, 1, 0]))
    torch.testing.assert_close(about_x, torch.eye(3))
    assert float(about_y[0, 2]) == pytest.approx(0.5, abs=1e-3) == float(about_z[0, 0])
    torch.testing.assert_close(whole, about_x @ about_y @ about_z)


def test_encoding_blocks_normalise_eight_groups_of_channels() -> None:
    block, x = filled(EncodingBlock(16, 16, halves=False), "block."), 1 + 25 * formula("x", 1, 16, 8, 5)
    with_pairs = (x.unflatten(1, (8, 2)) * torch.linspace(1, 3, 8)[:, None, None, None]).flatten(1, 2)
    inside = [block.norm1(given) for given in (x, with_pairs)]
    torch.testing.assert_close(*inside, atol=1e-4, rtol=1e-4)  # a group's scale is lost
    one_channel = x * torch.where(torch.arange(16) == 3, 2.0, 1.0)[:, None, None]
    assert float((block.norm1(one_channel) - inside[0]).abs().max()) > 0.1  # a channel's among its group's is not


def test_audio_encoder_keeps_bands_and_columns_and_hears_pitch_and_prompt() -> None:
    network = filled(AudioEncoder((8, 16, 16, 24), 16, 6), "audioencoder.")
    mel, pitch, prompt = formula("mel", 2, 1, 16, 7), formula("pitch", 2, 16, 2, 7), formula("prompt", 1, 6)
    found = network(mel, pitch, prompt)
    assert tuple(found.shape) == (2, 8, 16, 7)
    assert not torch.equal(network(mel, pitch + 1, prompt), found)
    assert not torch.equal(network(mel, pitch, prompt + 1), found)
    with pytest.raises(RuntimeError):
        network(formula("mel", 2, 1, 24, 7), pitch, prompt)  # three times eight bands beside two rows of pitch


def test_the_pitch_networks_unused_layers_are_not_used() -> None:
    network = filled(PitchNetwork((4, 4, 4, 8), 32, 2), "f0_model.")
    mel = formula("mel", 2, 1, 32, 5)
    before = network(mel)
    assert tuple(before.shape) == (2, 8, 4, 5)
    for unused in (network.detector_conv, network.bilstm_classifier, network.bilstm_detector, network.detector):
        for parameter in unused.parameters():
            parameter.fill_(torch.nan)
    assert torch.equal(network(mel), before)


def test_only_places_tell_the_order_of_tokens() -> None:
    network, places = filled(PromptedTransformer(8, 2, 2, 16), "transformer."), Places(8)
    seen, asked, prompts = formula("seen", 2, 5, 8), formula("asked", 2, 4, 8), formula("prompts", 1, 2, 8)
    ordered = network(seen, asked, prompts, places)
    assert tuple(ordered.shape) == (2, 4, 8)
    assert float((network(seen.flip(1), asked, prompts, places) - ordered).abs().max()) > 1e-3
    places.pos_table.zero_()
    answers = network(seen, asked, prompts, places)
    torch.testing.assert_close(network(seen.flip(1), asked, prompts, places), answers)
    torch.testing.assert_close(network(seen, asked.flip(1), prompts, places), answers.flip(1))


def test_prompts_of_each_layer_are_those_of_a_layer_by_layer_computation() -> None:
    network, places = filled(PromptedTransformer(8, 2, 2, 16), "transformer."), Places(8)
    seen, asked, prompts = formula("seen", 1, 5, 8), formula("asked", 1, 4, 8), formula("prompts", 1, 2, 8)

    def through(layers: nn.ModuleList, tokens: Tensor, *memory: Tensor) -> Tensor:
        x = layers[0](torch.cat((tokens, prompts[:, :1]), 1) + places.pos_table[:, : tokens.shape[1] + 1], *memory)
        answers: Tensor = layers[1](torch.cat((x[:, :-1], prompts[:, 1:]), 1), *memory)
        return answers

    memory = through(network.encoder.layers, seen)
    wanted = network.decoder.norm(through(network.decoder.layers, asked, memory)[:, :-1])
    torch.testing.assert_close(network(seen, asked, prompts, places), wanted)
