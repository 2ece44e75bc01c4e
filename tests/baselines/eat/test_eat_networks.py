"""EAT's picture and emotion networks: official names, recorded outputs of the released ones, laws at small widths."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from baselines.eat.dense_motion import DenseMotionNetwork
from baselines.eat.emotion_modulation import EmotionModulation
from baselines.eat.enlarged import convolved
from baselines.eat.generator import Generator, Widths
from baselines.eat.grids import coordinates
from baselines.eat.keypoint_motion import hull_volume, placed, recentred
from baselines.eat.keypoints import Face, KeypointDetector
from baselines.eat.mapping import EMOTIONS, MappingNetwork
from baselines.eat.pose_network import HeadPose, PoseNetwork
from baselines.eat.seeded_weights import filled
from baselines.eat.side_branch import SideBranch
from baselines.eat.spade import SpectralConvolution
from harness.seeded import seeded_array
from tests.baselines.eat.portrait import formula_picture, seen_face
from tests.places import names_and_shapes

torch.set_num_threads(1)
NETWORKS = {
    "generator.": Generator, "kp_detector.": KeypointDetector, "he_estimator.": PoseNetwork, "sidetuning.": SideBranch,
    "emotionprompt.": MappingNetwork, "audio2kptransformer.fea.": EmotionModulation,
}  # fmt: skip
SMALL = Widths(
    stem=(4, 6, 8), volume=4, depth=4, residuals=1, hourglass=(6, 8), last=4, compressed=2, middle=1, shared=4,
    picture=4, prompt=8,
)  # fmt: skip
POINTS = 3


@pytest.fixture(autouse=True)
def no_gradients():
    with torch.no_grad():
        yield


def formula(name: str, *shape: int) -> Tensor:
    return torch.from_numpy(seeded_array(name, shape))


@pytest.mark.parametrize("prefix", NETWORKS)
def test_names_and_shapes_are_the_official_ones(prefix: str) -> None:
    official = {
        name[len(prefix) :]: shape for name, shape in names_and_shapes("eat").items() if name.startswith(prefix)
    }
    with torch.device("meta"):
        network = NETWORKS[prefix]()
    assert {name: tuple(value.shape) for name, value in network.state_dict().items()} == official


# Recorded outputs of the released networks.


@pytest.fixture(scope="module")
def picture() -> Tensor:
    return formula_picture()


@pytest.fixture(scope="module")
def found(picture: Tensor) -> tuple[Face, HeadPose]:
    """What the released networks see in that picture."""
    with torch.no_grad():
        return seen_face(), filled(PoseNetwork(), "he_estimator.")(picture)


@pytest.fixture(scope="module")
def prompts(recorded: Callable[[str], Any]) -> Tensor:
    """The seven prompts of emotion 4."""
    with torch.no_grad():
        return filled(MappingNetwork(), "emotionprompt.")(recorded("networks").tensor("z"), 4)


def statistics(values: Tensor) -> np.ndarray:
    """Mean, unbiased std, min and max."""
    flat = values.double().flatten()
    return np.array([flat.mean(), flat.std(), flat.min(), flat.max()])


def placed_keypoints(golden: Any, found: tuple[Face, HeadPose]) -> tuple[Tensor, Tensor]:
    """Keypoints of the portrait, and of five driving frames."""
    face, pose = found
    source = placed(face.keypoints, pose, pose.exp)
    angles = [golden.tensor(f"driving_{name}")[0] for name in ("yaw", "pitch", "roll", "t")]
    offsets = golden.tensor("exp")
    return source, recentred(placed(face.keypoints, HeadPose(*angles, offsets), offsets), source)


@pytest.mark.full_size
def test_keypoints_and_head_pose(recorded: Callable[[str], Any], found: tuple[Face, HeadPose]) -> None:
    golden, (face, pose) = recorded("networks"), found
    golden.check("kp_value", face.keypoints)
    golden.check("pred_map_probe", face.map[0, :, ::4, ::16, ::16])
    for name in ("yaw", "pitch", "roll", "t", "exp"):
        golden.check(f"he_{name}", getattr(pose, name))


def test_prompts_of_all_emotions(recorded: Callable[[str], Any]) -> None:
    golden, network = recorded("networks"), filled(MappingNetwork(), "emotionprompt.")
    for index in range(len(EMOTIONS)):
        golden.check(f"emo{index}", network(golden.tensor("z"), index)[:, :, ::8])


@pytest.mark.full_size
def test_emotional_deformation(recorded: Callable[[str], Any], found: tuple[Face, HeadPose], prompts: Tensor) -> None:
    golden = recorded("networks")
    assert int(golden["emotion_index"]) == 4
    narrowed = filled(nn.Linear(240, 32), "audio2kptransformer.face_shrink.")
    channels = narrowed(found[0].map.flatten(1, 2).movedim(1, -1)).movedim(-1, 1)
    face = filled(EmotionModulation(), "audio2kptransformer.fea.")(channels, prompts[:, 0])
    moved = filled(SideBranch(), "sidetuning.")(face, prompts)
    golden.check("exp_emo", moved.expand(5, -1))  # the same in all five frames


@pytest.mark.full_size
def test_keypoints_move(recorded: Callable[[str], Any], found: tuple[Face, HeadPose]) -> None:
    golden = recorded("networks")
    assert hull_volume(found[0].keypoints[0]) == pytest.approx(float(golden["hull_volume"]), rel=1e-5)
    source, driving = placed_keypoints(golden, found)
    golden.check("kp_source", source)
    golden.check("kp_driving", driving)


@pytest.mark.full_size
def test_a_frame(
    recorded: Callable[[str], Any], found: tuple[Face, HeadPose], prompts: Tensor, picture: Tensor
) -> None:
    golden = recorded("networks")
    network = filled(Generator(), "generator.")
    source, driving = placed_keypoints(golden, found)
    portrait = network.portrait(picture, source, prompts[:, 0])
    golden.check("frame3_feature3d_stats", statistics(portrait.volume))
    motion = network.dense_motion_network(portrait.compressed, source, driving[3:4])
    golden.check("frame3_deformation_probe", motion.deformation[0, ::4, ::8, ::8])
    golden.check("frame3_occlusion_probe", motion.occlusion[0, 0, ::4, ::4])
    frame = network.frames(portrait, driving[3:4])[0]
    golden.check("frame3_stride4", frame[:, ::8, ::8])
    golden.check("frame3_crop", frame[:, 100:132:2, 100:132:2])
    golden.check("frame3_stats", statistics(frame))


# Laws, at small widths.


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
