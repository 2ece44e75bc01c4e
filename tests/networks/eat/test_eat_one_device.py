"""EAT's networks on a GPU make nothing on the CPU: shown without a GPU by tensors without values."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from baselines.eat.seeded_checkpoint import stand_in
from networks.eat import deepspeech, keypoint_motion
from networks.eat.deepspeech import DeepSpeech
from networks.eat.mel import normalised_mel
from networks.eat.networks import EatNetworks
from networks.eat.pose_network import HeadPose
from networks.eat.windows import Padding, Tracks, windows
from tests.media_samples import voice
from tests.networks import test_one_device as devices
from tests.networks.test_one_device import GPU, blank
from tests.small_eat import SMALL

FRAMES = 2
FACE, PROMPTS, POINTS = (1, 32, 64, 64), (1, 7, 128), (FRAMES, 15, 3)


def _poses() -> HeadPose:
    return HeadPose(*(blank(FRAMES, 66) for _ in range(3)), blank(FRAMES, 3), blank(FRAMES, 45))


def _parts(found: Any) -> list[Tensor]:
    return [getattr(found, field.name) for field in dataclasses.fields(found)]


def _coefficients(networks: EatNetworks) -> Tensor:
    """Of windows whose stored speech and pose pictures lie on the CPU, as they do at work."""
    tracks = Tracks(blank(4, 80), blank(3, 16, 29), torch.zeros(3, 1, 64, 64))
    cut = windows(tracks, Padding(torch.zeros(80), torch.zeros(16, 29)), 0, FRAMES)
    assert cut.mel.device.type == cut.deep.device.type == GPU
    seen = (part.to(GPU) for part in (cut.mel, cut.deep, cut.pictures))
    made: Tensor = networks.audio2kptransformer(*seen, _poses(), blank(*FACE), blank(*PROMPTS))
    return made


def _moved(_: EatNetworks) -> Tensor:
    offsets = keypoint_motion.deformation(blank(FRAMES, 32), blank(45, 45), blank(45), blank(1, 45), 1.0)
    driving = keypoint_motion.placed(blank(1, 15, 3), _poses(), offsets)
    return keypoint_motion.recentred(driving, blank(1, 15, 3))


def _frames(networks: EatNetworks) -> Tensor:
    held = networks.generator.portrait(blank(1, 3, 256, 256), blank(1, 15, 3), blank(1, 128))
    return networks.generator.frames(held, blank(*POINTS))


WORK: dict[str, Callable[[EatNetworks], Any]] = {
    "keypoints": lambda networks: _parts(networks.kp_detector(blank(1, 3, 256, 256))),
    "head pose": lambda networks: _parts(networks.he_estimator(blank(FRAMES, 3, 256, 256))),
    "prompts": lambda networks: networks.emotionprompt(blank(1, 16), 4),
    "face": lambda networks: networks.audio2kptransformer.modulated(blank(1, 15, 16, 64, 64), blank(1, 128)),
    "emotion": lambda networks: networks.sidetuning(blank(*FACE), blank(*PROMPTS)),
    "sound": _coefficients,
    "motion": _moved,
    "frames": _frames,
}


@pytest.mark.slow
@pytest.mark.parametrize("part", WORK)
def test_a_part_stays_on_its_device(part: str) -> None:
    devices.test_a_network_stays_on_its_device(lambda: stand_in(SMALL), WORK[part])


@pytest.mark.slow
def test_sound_stays_on_its_device() -> None:
    def heard(network: nn.Module) -> list[Tensor]:
        assert isinstance(network, DeepSpeech)
        wave = (voice(0.2) * 32767).astype("int16")
        return [deepspeech.windows(network, wave), normalised_mel(blank(3200))]

    devices.test_a_network_stays_on_its_device(lambda: DeepSpeech(8), heard)
