"""EAT at small widths for tests."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from datasets.puppets.dataset import Puppets
from harness.records import Sample
from harness.seeded import seeded_array
from networks.eat.audio_to_keypoints import Widths as AudioWidths
from networks.eat.eat import Eat
from networks.eat.files import SHIPPED_EAT, config_of
from networks.eat.generator import Widths as GeneratorWidths
from networks.eat.networks import Widths
from networks.eat.seeded_weights import filled
from networks.files import shipped


def brief_puppets(frames: int) -> type[Puppets]:
    """The puppets, whose samples are cut to so many frames."""

    class Brief(Puppets):
        def samples(self) -> tuple[Sample, ...]:
            return tuple(replace(sample, frames=frames) for sample in super().samples())

    return Brief


#: Networks of the released kinds that run in a fraction of a second, with pictures of 256 px.
SMALL = Widths(
    generator=GeneratorWidths(
        stem=(4, 4, 8), volume=4, depth=2, residuals=1, hourglass=(8, 8), last=4, compressed=1, middle=1, shared=4,
        picture=4,
    ),
    detector={"widths": (8, 8, 8), "last": 4},
    pose={"stem": 8, "widths": (8, 8, 16, 16), "blocks": (1, 1, 1, 1)},
    mapping={"hidden": 16},
    side={"layers": 1, "feed_forward": 16},
    audio=AudioWidths(
        sound=(64, 8, 8, 8), pitch=(8, 8, 8, 16), pitch_hidden=8, letters=(8, 8, 8, 8), pictures=(4, 4, 4, 4, 8),
        face=(4, 4, 4, 8, 128), layers=1, feed_forward=16,
    ),
)  # fmt: skip
GRAPH_WIDTH = 8

#: The sizes of the networks that ship (pictures of 128 px, 48 bands, three voxels deep, two layers), narrower.
DEMO = Widths(
    size=128,
    generator=GeneratorWidths(
        stem=(4, 4, 8), volume=4, depth=3, residuals=1, hourglass=(8, 8), last=4, compressed=1, middle=1, shared=4,
        picture=4, prompt=48,
    ),
    detector={"widths": (8, 8, 8), "depth": 3, "last": 4},
    pose={"stem": 8, "widths": (8, 8, 16, 16), "blocks": (1, 1, 1, 1)},
    mapping={"hidden": 16, "prompts": 3, "width": 48},
    side={"channels": 8, "widths": (4, 4, 8, 48), "layers": 2, "feed_forward": 16},
    audio=AudioWidths(
        face_map=45, face_channels=8, bands=48, sound=(32, 24, 24, 24), pitch=(8, 8, 8, 16), pitch_hidden=4,
        letters=(8, 8, 8, 8), pictures=(4, 4, 4, 4, 48), face=(4, 4, 8, 48), layers=2, feed_forward=16, phonemes=(1, 1),
    ),
)  # fmt: skip


def demo_eat() -> Eat:
    """A small EAT as the one that ships, with stand-in weights and a basis that float16 would round."""
    made: Eat = filled(SHIPPED_EAT.build(**config_of(DEMO, GRAPH_WIDTH)), "")
    made.basis.copy_(0.1 * torch.from_numpy(seeded_array("basis", (45, 45))))
    made.mean.copy_(0.01 * torch.from_numpy(seeded_array("mean", (45,))))
    return made


def write_demo(folder: Path) -> Path:
    """Store it where a folder of shipped files has it."""
    path = folder / shipped.place(SHIPPED_EAT.name).name
    shipped.store(path, demo_eat(), config_of(DEMO, GRAPH_WIDTH), {"seed": 1})
    return path
