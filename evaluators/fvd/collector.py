"""The windows of one film become feature rows here, as its frames come; memory holds the frames of open windows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from evaluators.faces.mtcnn import NAME as DETECTOR
from evaluators.fvd.networks import Features, VideoNet
from evaluators.pairing import Indices
from evaluators.reference_cache import cached
from harness.evaluator import Chunk, Fields
from harness.media import VideoReader
from harness.signature import SUITE

if TYPE_CHECKING:
    from evaluators.faces.crops import Picture

_FACE_RULE = "mtcnn-box"


class Pictures:
    """Makes the pictures that a video network is given: whole frames or face crops, at one size."""

    def __init__(self, crop: str, size: int, device: str) -> None:
        self._crop, self._size, self._device = crop, size, device

    def fields(self) -> Fields:
        """Returns the signature's fields."""
        size = ("size", str(self._size) if self._size else "decoded")
        if self._crop == "frame":
            return ("crop", "frame"), size
        return ("det", DETECTOR), ("crop", f"{_FACE_RULE}-m0"), ("face", "largest"), size

    def of(self, chunk: Chunk, wanted: Indices) -> dict[int, Picture | None]:
        """Returns the pictures of these frames of the chunk by index; None for a crop without a face."""
        from evaluators.faces import crops  # needs torch, which combining rows does not

        if self._crop == "face":
            return crops.chunk_crops(chunk, wanted.tolist(), _FACE_RULE, self._size, self._device)
        frames = {int(k): chunk.frames[k - chunk.first] for k in wanted}
        return {k: crops.whole(frame, self._size) if self._size else frame for k, frame in frames.items()}


class Collector:
    """Collects the feature rows of a film's windows, given by their frames (windows, frames) with rising starts."""

    def __init__(self, net: VideoNet, pictures: Pictures, windows: Indices) -> None:
        self._net, self._pictures, self.windows = net, pictures, windows
        self._wanted = np.unique(windows)
        self._held: dict[int, Picture | None] = {}
        self._next = 0  # the first window that is not complete
        self._rows: list[Features] = []

    def feed(self, chunk: Chunk) -> None:
        """Take the next frames; each window is answered when its last frame has come."""
        stop = chunk.first + len(chunk.frames)
        inside = self._wanted[(self._wanted >= chunk.first) & (self._wanted < stop)]
        if len(inside):
            self._held.update((k, None if p is None else p.copy()) for k, p in self._pictures.of(chunk, inside).items())
        while self._next < len(self.windows) and self.windows[self._next, -1] < stop:
            self._answer(self.windows[self._next])
            self._next += 1

    def _answer(self, window: Indices) -> None:
        pictures = [self._held[int(k)] for k in window]
        there = [picture for picture in pictures if picture is not None]
        if len(there) == len(pictures):
            self._rows.append(self._net.features(np.stack(there)))
        following = self.windows[self._next + 1, 0] if self._next + 1 < len(self.windows) else self._wanted[-1] + 1
        self._held = {k: picture for k, picture in self._held.items() if k >= following}

    def finish(self) -> Features:
        """Returns all rows, float32 (n, width); windows with a frame without a face have none."""
        return np.stack(self._rows) if self._rows else np.zeros((0, self._net.width), dtype=np.float32)


def of_reference(path: Path, net: VideoNet, pictures: Pictures, windows: Indices) -> Features:
    """Returns the rows of a ground-truth film's windows, from the cache where they were computed before."""

    def compute() -> Features:
        collector, first = Collector(net, pictures, windows), 0
        for frames in VideoReader(path):
            collector.feed(Chunk(first, frames))
            first += len(frames)
            if first > windows[-1, -1]:
                break
        return collector.finish()

    fields = (*net.fields(), *pictures.fields(), ("fps", "25"), ("v", str(SUITE)))
    signature = "fvd-features|" + "|".join(f"{key}:{value}" for key, value in fields)
    return cached(path, signature, windows.reshape(-1), compute, net, pictures)
