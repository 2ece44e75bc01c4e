"""EAT at small widths for tests."""

from __future__ import annotations

from networks.eat.audio_to_keypoints import Widths as AudioWidths
from networks.eat.generator import Widths as GeneratorWidths
from networks.eat.networks import Widths

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
