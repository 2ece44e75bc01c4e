"""The EDTalk backbone makes frames of one picture, a lip track, a pose track and an expression track.

Every native method and the editor drive it the same way. The source picture is encoded once, a clip once; frames are
rendered a few at a time, so memory does not grow with the length of the sound.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from harness import liveness
from harness.batches import batch
from harness.media import VideoReader, read_audio
from harness.records import FPS
from networks.edtalk import frames as pictures
from networks.edtalk.generator import Audio2Lip, Codes, Generator
from networks.edtalk.lips import lips_from_audio
from networks.edtalk.tracks import held_indices

#: Frames encoded or rendered at a time on a GPU (more gain little in float32 and take five times the memory); on a CPU
#: one at a time is fastest.
BATCH_FRAMES = 8
BATCH_BYTES = 1e8  # of a frame in a batch on a GPU, at full size (docs/speed.md, 'One H100')

Pixels = npt.NDArray[np.uint8]
T = TypeVar("T")


@dataclass(frozen=True)
class Networks:
    """Holds the loaded networks of one weight set; `speech` and `connector` only for methods that listen."""

    generator: Generator
    audio2lip: Audio2Lip
    speech: Any = None  # networks.emotion2vec.features.SpeechFeatures
    connector: Any = None  # cmet.connector.Connector
    codes: Mapping[str, npt.NDArray[np.float32]] | None = None  # stored expression codes (1, 10) by emotion


class Talker:
    """Makes codes of clips and pictures, and frames from codes, with one set of networks on one device."""

    def __init__(self, networks: Networks, device: str = "cpu") -> None:
        self.networks = networks
        self.device = device

    @property
    def size(self) -> int:
        """Returns the edge of the generator's pictures in px."""
        return self.networks.generator.size

    def clip_codes(self, path: Path, fps: float | None = float(FPS), limit: int | None = None) -> Codes:
        """Returns lip, pose and expression codes (n, ·) of a clip at `fps` (None: its coded frames), from one encoding.

        limit: encode the first `limit` frames only.
        """
        frames = _first(VideoReader(path, fps=fps, chunk=self._batch), limit)
        chunks = (pictures.clip_input(chunk, self.size).to(self.device) for chunk in _watched(frames))
        return self.networks.generator.codes(chunks, batch=self._batch)

    def picture_codes(self, picture: Pixels) -> Codes:
        """Returns codes (1, ·) of one RGB picture (h, w, 3)."""
        with torch.no_grad():
            return self.networks.generator.encode(self._input(picture))

    def lips(self, sound: Path) -> Tensor:
        """Returns smoothed lip codes (n, 20) at 25 fps of a sound file, n = samples at 16 kHz // 640."""
        return lips_from_audio(self.networks.audio2lip, read_audio(sound).samples)

    def render(
        self, picture: Pixels, lip: Tensor, pose: Tensor, expression: Tensor | None, count: int
    ) -> Iterator[Tensor]:
        """Returns `count` frames as chunks (k, 3, size, size), unbounded; tracks that end early hold their last row.

        expression: None for a model of lips and pose alone.
        """
        generator = self.networks.generator
        with torch.no_grad():
            source = generator.source(self._input(picture))
        tracks = (held(lip, count), held(pose, count), None if expression is None else held(expression, count))
        return _watched(generator.frames(source, *tracks, batch=self._batch))

    def frames(
        self,
        picture: Pixels,
        lip: Tensor,
        pose: Tensor,
        expression: Tensor | None,
        count: int,
        stretched: bool = False,
        least: int = 256,
    ) -> Iterator[Pixels]:
        """Returns `count` frames (h, w, 3) uint8 as they are made; smaller ones are enlarged to `least` px.

        stretched: the clip's own darkest and brightest value become 0 and 255, as in the released programs; without it
        [-1, 1] becomes 0..255.
        """

        def chunks() -> Iterator[Tensor]:
            return enlarged(self.render(picture, lip, pose, expression, count), least)

        parts = pictures.stretched_pixels(chunks) if stretched else map(pictures.fixed_pixels, chunks())
        return (frame for part in parts for frame in part)

    @property
    def _batch(self) -> int:
        return batch(self.device, BATCH_FRAMES, BATCH_BYTES)

    def _input(self, picture: Pixels) -> Tensor:
        return pictures.picture_input(picture, self.size).to(self.device)


def _watched(chunks: Iterable[T]) -> Iterator[T]:
    """The same chunks; each is a sign of life, since minutes may pass before a clip's first frame is written."""
    for chunk in chunks:
        liveness.alive()
        yield chunk


def _first(chunks: Iterable[Pixels], limit: int | None) -> Iterator[Pixels]:
    """The first `limit` frames of chunks (n, h, w, 3); all of them for None."""
    for chunk in chunks:
        yield chunk[:limit]
        if limit is not None:
            limit -= len(chunk)
            if limit <= 0:
                return


def held(track: Tensor, count: int) -> Tensor:
    """Returns (count, D) rows of a track (n, D) whose last row is held once it ends."""
    return track[torch.from_numpy(held_indices(len(track), count)).to(track.device)]


def enlarged(chunks: Iterable[Tensor], least: int = 256) -> Iterator[Tensor]:
    """Yields chunks (k, 3, size, size); those smaller than `least` px are enlarged by a bicubic filter."""
    for chunk in chunks:
        if chunk.shape[-1] < least:
            chunk = torch.nn.functional.interpolate(chunk, (least, least), mode="bicubic", align_corners=False)
        yield chunk
