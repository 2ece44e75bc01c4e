"""EAT's picture and emotion networks: official names, recorded outputs of the released ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from networks.eat.emotion_modulation import EmotionModulation
from networks.eat.generator import Generator
from networks.eat.keypoint_motion import hull_volume, placed, recentred
from networks.eat.keypoints import Face, KeypointDetector
from networks.eat.mapping import EMOTIONS, MappingNetwork
from networks.eat.pose_network import HeadPose, PoseNetwork
from networks.eat.seeded_weights import filled
from networks.eat.side_branch import SideBranch
from tests.networks.eat.portrait import formula_picture, seen_face
from tests.places import names_and_shapes

torch.set_num_threads(1)
NETWORKS = {
    "generator.": Generator, "kp_detector.": KeypointDetector, "he_estimator.": PoseNetwork, "sidetuning.": SideBranch,
    "emotionprompt.": MappingNetwork, "audio2kptransformer.fea.": EmotionModulation,
}  # fmt: skip


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
