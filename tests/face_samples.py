"""Material of the face-judge tests: golden pictures, samples, and a small untrained EmotionFAN on disk."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from evaluators.judge import rows_of
from harness.evaluator import Chunk, ClipContext
from harness.records import Emotion, Sample


def rgb(path: Path) -> np.ndarray:
    """A picture file as uint8 RGB."""
    return np.ascontiguousarray(cv2.imread(str(path))[:, :, ::-1])


@lru_cache(maxsize=4)
def clip(path: Path, frames: int = 400) -> np.ndarray:
    """The first coded frames of a clip, uint8 RGB."""
    capture, pictures = cv2.VideoCapture(str(path)), []
    while len(pictures) < frames:
        there, frame = capture.read()
        if not there:
            break
        pictures.append(frame[:, :, ::-1])
    return np.ascontiguousarray(np.stack(pictures))


def golden(shared: Path, name: str) -> tuple[dict[str, Any], Mapping[str, np.ndarray]]:
    """(json, npz) of a metric golden."""
    folder = shared / "golden" / "metrics"
    return json.loads((folder / f"{name}.json").read_text()), np.load(folder / f"{name}.npz")


def jpegs(data: Mapping[str, np.ndarray]) -> np.ndarray:
    """The golden's stored JPEGs as uint8 RGB (n, h, w, 3)."""
    ends = np.cumsum(data["jpg_len"])
    parts = [data["jpg"][end - length : end] for end, length in zip(ends, data["jpg_len"], strict=True)]
    return np.ascontiguousarray(np.stack([cv2.imdecode(part, cv2.IMREAD_COLOR)[:, :, ::-1] for part in parts]))


def sample(emotion: str = "happy", identity: str = "a", **fields: Any) -> Sample:
    """A sample that asks for this emotion; further fields of Sample as given."""
    asked = fields.pop("emotion_fields", {})
    place = fields.pop("source_image", Path("/nowhere.png"))
    return Sample(f"{identity}_{emotion}", "test", identity, Emotion(emotion, **asked), place, place, 10, **fields)


def context(asked: Sample, path: Path = Path("/nowhere.mp4")) -> ClipContext:
    """The context of a clip without sound."""
    return ClipContext(asked, path, None)


def chunks(frames: np.ndarray, size: int = 32) -> Iterable[Chunk]:
    """A clip as the harness feeds it."""
    return (Chunk(first, frames[first : first + size]) for first in range(0, len(frames), size))


def judged(evaluator: Any, asked: Sample, frames: np.ndarray, path: Path = Path("/nowhere.mp4")) -> Any:
    """The rows of one clip."""
    return rows_of(evaluator, context(asked, path), chunks(frames))
