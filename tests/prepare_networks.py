"""Small seeded networks, and a painted-face detector, for `prepare`: named by "module:function" like the real ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt


def codes() -> Any:
    """EDTalk's generator at 32 px and small width, seeded."""
    import torch

    from cmet.preparation import codes_with
    from harness.seeded import fill
    from networks.edtalk.generator import Generator

    torch.manual_seed(0)
    generator = Generator(size=32, style=40, channels={4: 8, 8: 8, 16: 8, 32: 8}, expression_hidden=8).eval()
    fill(generator)
    return codes_with(generator)


def speech() -> Any:
    """emotion2vec at small width, seeded; (1024,) by repetition, so that the tree has the official shape."""
    import torch

    from harness.seeded import fill
    from networks.emotion2vec.encoder import Emotion2Vec

    torch.manual_seed(0)
    network = Emotion2Vec(
        width=32, heads=2, prenet_blocks=1, blocks=1, conv_width=8, position_depth=1, position_groups=2, extra_tokens=2
    ).eval()
    fill(network)
    return lambda samples: np.tile(network.embed([samples])[0], 32)


@dataclass(frozen=True)
class Found:
    boxes: npt.NDArray[np.float64]


class Painted:
    """Finds the pure green rectangles that the tests paint, largest first."""

    def detect(self, frames: npt.NDArray[np.uint8]) -> list[Found]:
        return [Found(self._boxes(frame)) for frame in frames]

    @staticmethod
    def _boxes(frame: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
        green = (frame[..., 1] > 180) & (frame[..., 0] < 90) & (frame[..., 2] < 90)
        ys, xs = np.nonzero(green)
        if len(ys) == 0:
            return np.zeros((0, 4))
        return np.array([[xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]], dtype=np.float64)


def faces() -> Painted:
    return Painted()


def dies(which: str) -> Any:
    """A speech network that kills its process for sounds of one length, as a broken library would."""
    import os

    def encode(samples: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        if len(samples) == int(which):
            os._exit(9)
        return np.full(1024, len(samples), dtype=np.float32)

    return encode
