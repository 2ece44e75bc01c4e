"""All of EAT's networks as one module, whose names are those of the released checkpoints: entry, point, name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from networks.eat.audio_to_keypoints import AudioToKeypoints
from networks.eat.audio_to_keypoints import Widths as AudioWidths
from networks.eat.generator import Generator
from networks.eat.generator import Widths as GeneratorWidths
from networks.eat.keypoints import KeypointDetector
from networks.eat.mapping import MappingNetwork
from networks.eat.pose_network import PoseNetwork
from networks.eat.side_branch import SideBranch

SIZE_PX = 256  # the edge of the pictures


@dataclass(frozen=True)
class Widths:
    """How large the networks are, as their own widths or keywords of their classes; the defaults are the released
    sizes. Small ones run in a fraction of a second.
    """

    generator: GeneratorWidths | None = None
    audio: AudioWidths | None = None
    detector: Mapping[str, Any] = field(default_factory=dict)
    pose: Mapping[str, Any] = field(default_factory=dict)
    mapping: Mapping[str, Any] = field(default_factory=dict)
    side: Mapping[str, Any] = field(default_factory=dict)


class EatNetworks(nn.Module):
    """The generator, the keypoint detector, the sound network, the side branch, the mapping and the pose network."""

    def __init__(self, widths: Widths | None = None) -> None:
        super().__init__()
        w = widths or Widths()
        self.generator = Generator(w.generator)
        self.kp_detector = KeypointDetector(**w.detector)
        self.audio2kptransformer = AudioToKeypoints(w.audio)
        self.sidetuning = SideBranch(**w.side)
        self.emotionprompt = MappingNetwork(**w.mapping)
        self.he_estimator = PoseNetwork(**w.pose)


def unfilled(widths: Widths | None = None) -> EatNetworks:
    """Returns the networks without memory for their parameters, which loading brings along."""
    with torch.device("meta"):
        return EatNetworks(widths)
