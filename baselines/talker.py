"""The EDTalk backbone as every native method here drives it: a picture, a sound, a pose clip, an expression track."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from cmet import frames as pictures
from cmet.edtalk import Codes, Generator
from cmet.lips import lips_from_audio
from cmet.rollout import held_indices
from harness.contract import Missing, Output
from harness.media import VideoReader, read_audio
from harness.records import FPS, Request

#: Frames rendered at a time: memory stays flat over a long sound.
BATCH_FRAMES = 16


@dataclass(frozen=True)
class Networks:
    """The loaded networks of one weight set; `speech` and `connector` only for methods that listen."""

    generator: Generator
    audio2lip: Any
    speech: Any = None
    connector: Any = None
    codes: Mapping[str, npt.NDArray[np.float32]] | None = None  # stored expression codes by emotion


def missing_weights(which: str, names: tuple[str, ...]) -> list[Missing]:
    """The official files of `names` that are not here; nothing is missing for the shipped demo weights."""
    if which == "demo":
        return []
    from harness import weights

    states = weights.verify(names)
    cure = "Type `python bench.py weights fetch cmet`, or use --dataset puppets."
    return [
        Missing(f"the weights '{s.entry.name}' ({s.entry.file})", cure)
        for s in states
        if s.status in ("absent", "wrong")
    ]


class Talker:
    """Renders requests with one set of networks. Encodes the source picture once, the pose clip once."""

    def __init__(self, networks: Networks, device: str) -> None:
        self.networks = networks
        self.device = device

    def clip_codes(self, path: Path) -> Codes:
        """Lip, pose and expression codes of every frame of a clip at 25 fps, from one encoding."""
        size = self.networks.generator.size
        chunks = (pictures.clip_input(chunk, size).to(self.device) for chunk in VideoReader(path, fps=float(FPS)))
        return self.networks.generator.codes(chunks)

    def picture_codes(self, picture: npt.NDArray[np.uint8]) -> Codes:
        """Codes of one RGB picture."""
        image = pictures.picture_input(picture, self.networks.generator.size).to(self.device)
        with torch.inference_mode():
            return self.networks.generator.encode(image)

    def speak(self, request: Request, out: Output, expression: Tensor, pose: Tensor) -> None:
        """Render the request's frames: `expression` (n or 1, exp) and `pose` (n, pose) are held once they end."""
        source = out.image(request.source_image, self.networks.generator.size)
        lips = lips_from_audio(self.networks.audio2lip, read_audio(request.driving_audio).samples)
        for frame in self._frames(source, _held(lips, request), _held(pose, request), _held(expression, request)):
            out.frame(frame)

    def _frames(
        self, source: npt.NDArray[np.uint8], lip: Tensor, pose: Tensor, exp: Tensor
    ) -> Iterator[npt.NDArray[np.uint8]]:
        generator = self.networks.generator
        image = pictures.picture_input(source, generator.size).to(self.device)
        with torch.inference_mode():
            ready = generator.source(image)
            for first in range(0, len(lip), BATCH_FRAMES):
                part = slice(first, first + BATCH_FRAMES)
                rendered = generator.render(ready, lip[part], pose[part], exp[part])
                yield from pictures.fixed_pixels(_shown(rendered))


def _held(track: Tensor, request: Request) -> Tensor:
    return track[torch.from_numpy(held_indices(len(track), request.frames)).to(track.device)]


def _shown(rendered: Tensor) -> Tensor:
    """Small demo pictures are enlarged to 256 px, so that every clip of a run has one size."""
    if rendered.shape[-1] >= 256:
        return rendered
    return torch.nn.functional.interpolate(rendered, (256, 256), mode="bicubic", align_corners=False)
