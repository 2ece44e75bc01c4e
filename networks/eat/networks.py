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


@dataclass(frozen=True)
class Widths:
    """How large the networks are, as their own widths or keywords of their classes; the defaults are the released
    sizes. Small ones run in a fraction of a second.

    size: the edge of the pictures in px; divided by the detector's `shrink`, and by 2 for each map of the generator's
    stem but the first, it is the edge of the maps that the sound network and the decoder see.
    """

    size: int = 256
    generator: GeneratorWidths | None = None
    audio: AudioWidths | None = None
    detector: Mapping[str, Any] = field(default_factory=dict)
    pose: Mapping[str, Any] = field(default_factory=dict)
    mapping: Mapping[str, Any] = field(default_factory=dict)
    side: Mapping[str, Any] = field(default_factory=dict)


class EatNetworks(nn.Module):
    """The generator, the keypoint detector, the sound network, the side branch, the mapping and the pose network.

    `size` is the edge of their pictures in px, `bands` the number of mel bands that they hear.
    """

    def __init__(self, widths: Widths | None = None) -> None:
        super().__init__()
        w = widths or Widths()
        audio = w.audio or AudioWidths()
        self.size, self.bands = w.size, audio.bands
        self.generator = Generator(w.generator)
        self.kp_detector = KeypointDetector(**w.detector)
        self.audio2kptransformer = AudioToKeypoints(audio)
        self.sidetuning = SideBranch(**w.side)
        self.emotionprompt = MappingNetwork(**w.mapping)
        self.he_estimator = PoseNetwork(**w.pose)


def unfilled(widths: Widths | None = None) -> EatNetworks:
    """Returns the networks without memory for their parameters, which loading brings along."""
    with torch.device("meta"):
        return EatNetworks(widths)
