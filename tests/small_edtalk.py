"""EDTalk at small width for tests: a contestant with its networks in memory, clips of noise, and what it must paint."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from baselines.edtalk.method import EDTalk
from harness.media import VideoWriter, read_image
from harness.records import Clip, Failed, Request
from harness.seeded import fill
from networks.edtalk.generator import Audio2Lip, Codes
from networks.edtalk.talker import Networks, Talker
from tests.cmet_golden import tiny_generator
from tests.kept_frames import KeptFrames

FRAMES = 6
Pixels = npt.NDArray[np.uint8]


class Recogniser:
    """A speech network that hears one emotion."""

    def scores(self, waves: list[npt.NDArray[np.float32]]) -> tuple[tuple[str, ...], npt.NDArray[np.float32]]:
        return ("angry", "fearful"), np.tile(np.array([0.2, 0.8], np.float32), (len(waves), 1))


CODES = {name: np.full((1, 10), value, np.float32) for name, value in (("happy", 3.0), ("fear", -2.0))}


@lru_cache(maxsize=2)
def talker(expression: bool = True) -> Talker:
    """Small networks at work; those of lips and pose alone without `expression`."""
    audio2lip = Audio2Lip(width=4)
    fill(audio2lip)
    return Talker(Networks(tiny_generator(expression=expression), audio2lip.eval(), Recogniser(), None, CODES))


def made(kind: type[EDTalk] = EDTalk, **options: str) -> EDTalk:
    """A contestant with options and small networks in memory."""
    method = kind(options, "cpu")
    method.talker = talker(kind.with_expression)
    return method


def film(path: Path, frames: int, seed: int, fps: int = 25) -> Path:
    """A clip of slowly changing noise, stored without loss."""
    steps = np.random.default_rng(seed).integers(-30, 30, (frames, 32, 32, 3))
    with VideoWriter(path, 32, 32, fps=fps, lossless=True) as writer:
        for picture in (128 + np.cumsum(steps, axis=0)).clip(0, 255).astype(np.uint8):
            writer.write(picture)
    return path


def shown(method: EDTalk, request: Request) -> tuple[Pixels, KeptFrames]:
    """The frames of a clip."""
    out = KeptFrames()
    answer = method.generate(request, out)
    assert isinstance(answer, Clip), answer
    return np.stack(out.frames), out


def rendered(request: Request, lip: Tensor, pose: Tensor, exp: Tensor | None, **how: Any) -> Pixels:
    """What the small networks paint of given tracks."""
    small = talker(exp is not None)
    frames = small.frames(read_image(request.source_image), lip, pose, exp, how.pop("frames", request.frames), **how)
    return np.stack(list(frames))


def codes(clip: Path | None, fps: float | None = 25.0, expression: bool = True) -> Codes:
    """All codes of a clip."""
    assert clip is not None
    return talker(expression).clip_codes(clip, fps)


def lips(request: Request) -> Tensor:
    """Lip codes of the driving sound."""
    return talker().lips(request.driving_audio)


def refusal(method: EDTalk, request: Request) -> Failed:
    """How a method says no, before its first frame."""
    out = KeptFrames()
    answer = method.generate(request, out)
    assert isinstance(answer, Failed)
    assert not out.frames
    return answer
