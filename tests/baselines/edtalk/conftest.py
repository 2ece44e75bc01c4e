"""A request for the contestants on EDTalk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness.media import write_wav
from harness.records import Emotion, Lane, Request, strip_to_lane
from tests.media_samples import voice
from tests.small_edtalk import FRAMES, film


@pytest.fixture
def asked(tmp_path: Path) -> Callable[..., Request]:
    """Makes a request: a picture, a voice, a pose clip, a source clip and an emotional face in two forms."""
    rng = np.random.default_rng(0)
    for name in ("face", "smile"):
        Image.fromarray(rng.integers(0, 255, (32, 32, 3), dtype=np.uint8)).save(tmp_path / f"{name}.png")

    def request(lane: Lane = "as-published", frames: int = FRAMES, pose: int = FRAMES, fps: int = 25) -> Request:
        write_wav(tmp_path / "sound.wav", voice(frames / 25))
        clips = [
            film(tmp_path / f"{name}.mp4", count, seed, fps if name == "pose" else 25)
            for seed, (name, count) in enumerate((("pose", pose), ("source", frames + 3), ("emotion", 4)))
        ]
        emotion = Emotion(
            "happy", "happy", speech=(tmp_path / "sound.wav",), image=tmp_path / "smile.png", clip=clips[2]
        )
        return Request(
            "s", "who", strip_to_lane(emotion, lane), tmp_path / "face.png", tmp_path / "sound.wav", frames, 25, 0,
            lane, clips[1], clips[0],
        )  # fmt: skip

    return request
