"""Says how large the demo EAT is: pictures of 128 px, a face map of 32 px, volumes three voxels deep."""

from __future__ import annotations

from networks.eat.audio_to_keypoints import Widths as AudioWidths
from networks.eat.generator import Widths as GeneratorWidths
from networks.eat.networks import Widths

SIZE, DEPTH, TOKEN = 128, 3, 48
_LAYERS = 2
_FACE_CHANNELS = 4
_FACE = (16, 24, 32, TOKEN)

GENERATOR = GeneratorWidths(
    stem=(16, 24, 48), volume=16, depth=DEPTH, residuals=1, hourglass=(16, 32, 32), last=4, compressed=1, middle=0,
    shared=16, picture=16, prompt=TOKEN,
)  # fmt: skip
AUDIO = AudioWidths(
    face_map=15 * DEPTH, face_channels=_FACE_CHANNELS, bands=48, sound=(32, 24, 24, 16), pitch=(8, 16, 16, 16),
    pitch_hidden=8, letters=(16, 16, 32, 32), pictures=(4, 8, 16, 24, 32), face=_FACE, layers=_LAYERS, heads=4,
    feed_forward=80, phonemes=(41, 1),
)  # fmt: skip
WIDTHS = Widths(
    generator=GENERATOR,
    audio=AUDIO,
    size=SIZE,
    detector={"widths": (16, 24, 32, 48), "depth": DEPTH, "last": 8},
    pose={"stem": 16, "widths": (32, 48, 64, 96), "blocks": (1, 1, 1, 1)},
    mapping={"hidden": 24, "prompts": 1 + _LAYERS, "width": TOKEN},
    side={"channels": _FACE_CHANNELS, "widths": _FACE, "layers": _LAYERS, "heads": 4, "feed_forward": 80},
)
