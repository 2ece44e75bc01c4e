"""Laws that EAT's picture and emotion networks keep, shown at small widths."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from harness.seeded import seeded_array
from networks.eat.dense_motion import DenseMotionNetwork
from networks.eat.enlarged import convolved
from networks.eat.generator import Generator, Widths
from networks.eat.grids import coordinates
from networks.eat.mapping import MappingNetwork
from networks.eat.pose_network import PoseNetwork
from networks.eat.seeded_weights import filled
from networks.eat.side_branch import SideBranch
from networks.eat.spade import SpadeDecoder, SpectralConvolution
from networks.eat.volume_convolution import VolumeConvolution

torch.set_num_threads(1)
SMALL = Widths(
    stem=(4, 6, 8), volume=4, depth=4, residuals=1, hourglass=(6, 8), last=4, compressed=2, middle=1, shared=4,
    picture=4, prompt=8,
)  # fmt: skip
POINTS = 3


def formula(name: str, *shape: int) -> Tensor:
    return torch.from_numpy(seeded_array(name, shape))


@pytest.fixture(scope="module")
def small() -> Generator:
    return filled(Generator(SMALL, POINTS), "generator.")


def test_frames_of_a_batch_are_those_painted_one_by_one(small: Generator) -> None:
    portrait = small.portrait(
        formula("picture", 1, 3, 32, 32).sigmoid(), formula("at", 1, POINTS, 3), formula("p", 1, 8)
    )
    driving = 0.5 * formula("to", 5, POINTS, 3)
    together = small.frames(portrait, driving)
    assert tuple(together.shape) == (5, 3, 32, 32)
    for index, frame in enumerate(together):
        torch.testing.assert_close(frame, small.frames(portrait, driving[index : index + 1])[0], atol=1e-5, rtol=0)
    assert float((together[0] - together[1]).abs().max()) > 1e-3  # and they differ from each other


def test_the_prompt_reaches_the_volume(small: Generator) -> None:
    given = formula("picture", 1, 3, 32, 32).sigmoid(), formula("at", 1, POINTS, 3)
    first, second = (small.portrait(*given, formula(name, 1, 8)) for name in ("p", "q"))
    assert not torch.equal(first.volume, second.volume)


def test_portraits_together_are_each_moved_as_alone(small: Generator) -> None:
    """Training paints several people at once: each frame then has a portrait of its own."""
    given = formula("picture", 3, 3, 32, 32).sigmoid(), formula("at", 3, POINTS, 3), formula("p", 3, 8)
    driving = 0.5 * formula("to", 3, POINTS, 3)
    together = small.frames(small.portrait(*given), driving)
    for row in range(3):
        portrait = small.portrait(*(part[row : row + 1] for part in given))
        torch.testing.assert_close(together[row : row + 1], small.frames(portrait, driving[row : row + 1]))


@pytest.mark.parametrize("kernel", [3, 7])
@pytest.mark.parametrize("depth", [1, 2, 3, 4, 8])
def test_a_shallow_volume_is_convolved_as_a_deep_one(kernel: int, depth: int) -> None:
    convolution = VolumeConvolution(3, 5, kernel)
    volume = formula("volume", 2, 3, depth, 6, 9)
    whole = nn.functional.conv3d(volume, convolution.weight, convolution.bias, padding=kernel // 2)
    torch.testing.assert_close(convolution(volume), whole, atol=1e-5, rtol=0)
    assert [*convolution.state_dict()] == ["weight", "bias"]


def test_keypoints_that_stay_move_nothing(small: Generator) -> None:
    network: DenseMotionNetwork = small.dense_motion_network
    volume, at = formula("volume", 1, 4, 4, 8, 8), formula("at", 1, POINTS, 3)
    motion = network(network.compressed(volume), at, at.expand(2, -1, -1))
    torch.testing.assert_close(motion.deformation, coordinates(volume).expand(2, -1, -1, -1, -1))
    shift = torch.tensor([0.1, -0.2, 0.3])
    moved = network(network.compressed(volume), at, at - shift).deformation - coordinates(volume)
    share = moved / shift  # every proposal but the first is the same shift
    torch.testing.assert_close(share[..., 0], share[..., 1], atol=1e-5, rtol=0)
    torch.testing.assert_close(share[..., 0], share[..., 2], atol=1e-5, rtol=0)
    assert 0 < float(share.min()) < float(share.max()) < 1


@pytest.mark.parametrize("factor", [1, 2, 3, 4])
def test_convolution_of_an_enlarged_map(factor: int) -> None:
    x, weight, bias = formula("x", 2, 3, 4, 5), formula("w", 6, 3, 3, 3), formula("b", 6)
    large = x.repeat_interleave(factor, dim=2).repeat_interleave(factor, dim=3)
    wanted = nn.functional.conv2d(large, weight, bias, padding=1)
    torch.testing.assert_close(convolved(x, weight, bias, factor), wanted, atol=2e-6, rtol=0)


def plain_block(layers: Any, x: Tensor, guide: Tensor) -> Tensor:
    """A residual block as SPADE's paper writes it: the guide enlarged first, every convolution by itself."""

    def spade(norm: Any, x: Tensor) -> Tensor:
        seen = norm.mlp_shared(nn.functional.interpolate(guide, x.shape[-2:]))
        return nn.functional.instance_norm(x) * (1 + norm.mlp_gamma(seen)) + norm.mlp_beta(seen)

    y = layers.conv_0(nn.functional.leaky_relu(spade(layers.norm_0, x), 0.2))
    y = layers.conv_1(nn.functional.leaky_relu(spade(layers.norm_1, y), 0.2))
    return y + (layers.conv_s(spade(layers.norm_s, x)) if hasattr(layers, "conv_s") else x)


@pytest.mark.parametrize(("name", "edge"), [("G_middle_0", 5), ("up_0", 10), ("up_1", 20)])
def test_decoder_blocks_are_those_of_the_paper(name: str, edge: int) -> None:
    block: Any = filled(SpadeDecoder(6, 4, 1, 3), "decoder.").get_submodule(name)
    guide = formula("guide", 2, 6, 5, 5)
    x = formula("x", 2, 12 if name != "up_1" else 6, edge, edge)
    torch.testing.assert_close(block(x, guide), plain_block(block, x, guide), atol=1e-5, rtol=0)


@pytest.mark.parametrize("training", [False, True])
def test_spectral_convolution_is_that_of_torch(training: bool) -> None:
    ours = filled(SpectralConvolution(4, 6, 3), "").train(training)
    theirs = nn.utils.spectral_norm(nn.Conv2d(4, 6, 3, padding=1)).train(training)
    theirs.load_state_dict(ours.state_dict())
    x = formula("x", 2, 4, 5, 5)
    torch.testing.assert_close(ours(x), theirs(x))
    for name, value in theirs.state_dict().items():
        torch.testing.assert_close(ours.state_dict()[name], value)


def test_layers_of_the_pose_network_fill_the_other_angle() -> None:
    network = filled(PoseNetwork(2, stem=4, widths=(8, 8, 8, 8), blocks=(1, 1, 1, 1)), "he_estimator.")
    before = network(formula("picture", 1, 3, 32, 32))
    network.fc_roll.bias += 1
    after = network(formula("picture", 1, 3, 32, 32))
    torch.testing.assert_close(after.yaw, before.yaw + 1)
    assert torch.equal(after.roll, before.roll)
    assert tuple(after.exp.shape) == (1, 6)


def test_every_emotion_has_a_head_of_its_own() -> None:
    network = filled(MappingNetwork(4, 8, 2, 3, 3), "emotionprompt.")
    noise = formula("z", 2, 4)
    before = [network(noise, index) for index in range(3)]
    assert tuple(before[0].shape) == (2, 2, 3)
    network.mappingnet.unshared[1][6].bias += 1
    assert [torch.equal(network(noise, index), old) for index, old in enumerate(before)] == [True, False, True]


def test_side_branch_answers_each_row_by_itself_and_knows_the_places() -> None:
    network = filled(SideBranch(4, (4, 8), 2, 2, 16, 2), "sidetuning.")
    face, prompts = formula("face", 2, 4, 8, 8), formula("prompts", 2, 3, 8)
    both = network(face, prompts)
    assert tuple(both.shape) == (2, 6)
    torch.testing.assert_close(network(face[1:], prompts[1:]), both[1:])
    assert float((network(face, prompts.flip(1)) - both).abs().max()) > 1e-3
    with pytest.raises(RuntimeError):
        network(face, formula("many", 2, 20, 8))  # the face and twenty prompts: the table has twenty places
