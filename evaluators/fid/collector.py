"""This module reads exactly those frames of a clip and of its ground truth that become feature rows."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from evaluators import pairing
from evaluators.faces.alignment import Alignment
from evaluators.fid.features import FeatureNet, Features
from evaluators.pairing import Indices
from evaluators.reference_cache import cached
from evaluators.sampling import Sampling
from harness.evaluator import Chunk, ClipContext
from harness.media import VideoReader
from harness.media.grids import FPS_RULE
from harness.signature import SUITE

_PENDING = 16  # frames kept until the network is asked


class Collector:
    """Collects feature rows of the wanted frames of one video, in order, a batch at a time."""

    def __init__(self, net: FeatureNet, aligned: Alignment, video: Path, total: int, wanted: Indices) -> None:
        self._net = net
        self._pictures = partial(aligned.pictures, video, total)
        self.wanted = wanted
        self._pending: list[pairing.Frames] = []
        self._rows: list[Features] = []

    def feed(self, chunk: Chunk) -> None:
        """Take the wanted ones of the next frames."""
        start, stop = np.searchsorted(self.wanted, [chunk.first, chunk.first + len(chunk.frames)])
        inside = self.wanted[start:stop]
        self.add(inside, chunk.frames[inside - chunk.first])

    def add(self, index: Indices, frames: pairing.Frames) -> None:
        """Take frames (k, height, width, 3) at `index`, every one of which is wanted."""
        if not len(index):
            return
        pictures, has_face = self._pictures(index, frames)
        if has_face.any():
            self._pending.append(pictures[has_face])
        if sum(map(len, self._pending)) >= _PENDING:
            self._flush()

    def _flush(self) -> None:
        if self._pending:
            self._rows.append(self._net.features(np.concatenate(self._pending)))
            self._pending = []

    def finish(self) -> Features:
        """Returns all rows, float32 (n, width)."""
        self._flush()
        return np.concatenate(self._rows) if self._rows else np.zeros((0, self._net.width), dtype=np.float32)


def of_reference(path: Path, net: FeatureNet, aligned: Alignment, wanted: Indices) -> Features:
    """Returns the feature rows of a ground-truth clip's wanted frames, from the cache where they were computed
    before.
    """

    def compute() -> Features:
        reader = VideoReader(path)
        collector = Collector(net, aligned, path, reader.frames, wanted)
        for index, frames in pairing.frames_at(reader, wanted):
            collector.add(index, frames)
        return collector.finish()

    fields = (*net.fields(), *aligned.fields(), ("points", aligned.content(path)), ("fps", FPS_RULE), ("v", str(SUITE)))
    signature = "fid-features|" + "|".join(f"{key}:{value}" for key, value in fields)
    return cached(path, signature, wanted, compute, net)


def start(context: ClipContext, net: FeatureNet, aligned: Alignment, sampling: Sampling) -> tuple[Collector, Indices]:
    """Returns the collector of a clip, and the frames wanted of its reference, which must be usable."""
    reference, total = pairing.reference_reader(context), pairing.clip_frames(context)
    clip, wanted = sampling.pairs(total, reference.frames)
    return Collector(net, aligned, context.path, total, clip), wanted
