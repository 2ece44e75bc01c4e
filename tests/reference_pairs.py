"""A clip and its ground truth on disk, and a judge fed from them as the harness feeds it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from evaluators.judge import rows_of
from harness.evaluator import Chunk, ClipContext
from harness.media import VideoReader
from harness.records import Emotion, Row, Sample
from tests.media_samples import film, write_film

Frames = npt.NDArray[np.uint8]


def context(
    folder: Path, clip: Frames, reference: Frames | None, aligned: bool = True, name: str = "clip"
) -> ClipContext:
    """A context whose clip and reference are films of these frames."""
    path = write_film(folder / f"{name}.mp4", clip)
    truth = None if reference is None else write_film(folder / f"{name}_truth.mp4", reference)
    sample = Sample(
        "s1",
        "test",
        "who",
        Emotion("happy"),
        folder / "none.png",
        folder / "none.wav",
        len(clip),
        reference_video=truth,
        reference_aligned=aligned,
    )
    return ClipContext(sample, path, None)


def judged(judge: Any, given: ClipContext, chunk: int = 5) -> Sequence[Row]:
    """The rows of a clip that is decoded in chunks."""
    return rows_of(judge, given, _chunks(given.path, chunk))


def _chunks(path: Path, size: int) -> Iterator[Chunk]:
    first = 0
    for frames in VideoReader(path, chunk=size):
        yield Chunk(first, frames)
        first += len(frames)


def noisy(frames: Frames, strength: float, seed: int = 0) -> Frames:
    """The frames with Gaussian noise of that many levels."""
    noise = np.random.default_rng(seed).standard_normal(frames.shape) * strength
    return np.clip(frames + noise, 0, 255).astype(np.uint8)


__all__ = ["context", "film", "judged", "noisy"]
