"""Which frames of a clip and of its ground truth become feature rows, and reading exactly those."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np

from evaluators import pairing
from evaluators.faces.alignment import Alignment
from evaluators.fid.features import FeatureNet, Features
from evaluators.pairing import Indices
from evaluators.reference_cache import cached
from harness.errors import UsageError
from harness.evaluator import Chunk, ClipContext
from harness.media import VideoReader

_PENDING = 16  # frames kept until the network is asked


class Sampling:
    """The rule of setting `samp`: `all`, `everyN`, a count (spread over each clip on its own), or `pairN`.

    `pairN` is EAT's: pair the clips by stretching, then spread N frames over the pairs. A count alone makes the
    reference's frames independent of the clip, so that its features are shared by all methods.
    """

    def __init__(self, settings: Mapping[str, str], default: str) -> None:
        self.text = settings.get("samp", default)
        match = re.fullmatch(r"(every|pair|)([1-9][0-9]*)", "every1" if self.text == "all" else self.text)
        if match is None:
            raise UsageError(f"'{self.text}' is no sampling of frames.", "samp is all, everyN, a count, or pairN.")
        self._kind, self._number = match[1], int(match[2])

    def frames(self, clip: int, reference: int) -> tuple[Indices, Indices]:
        """Rising indices into a clip and a reference of these many frames."""
        if self._kind == "every":
            return np.arange(0, clip, self._number), np.arange(0, reference, self._number)
        if self._kind == "":
            return pairing.spread(clip, self._number), pairing.spread(reference, self._number)
        first, second = pairing.stretch(clip, reference)
        chosen = pairing.spread(len(first), self._number)
        return first[chosen], second[chosen]


class Collector:
    """Feature rows of the wanted frames of one video, in order, a batch at a time."""

    def __init__(self, net: FeatureNet, aligned: Alignment, video: Path, total: int, wanted: Indices) -> None:
        self._net = net
        self._pictures = partial(aligned.pictures, video, total)
        self.wanted = wanted
        self._pending: list[pairing.Frames] = []
        self._rows: list[Features] = []

    def feed(self, chunk: Chunk) -> None:
        """Take what is wanted of the next frames."""
        start, stop = np.searchsorted(self.wanted, [chunk.first, chunk.first + len(chunk.frames)])
        inside = self.wanted[start:stop]
        self.add(inside, chunk.frames[inside - chunk.first])

    def add(self, index: Indices, frames: pairing.Frames) -> None:
        """Take frames (k, height, width, 3) at `index`, every one of which is wanted."""
        if not len(index):
            return
        pictures, found = self._pictures(index, frames)
        if found.any():
            self._pending.append(pictures[found])
        if sum(map(len, self._pending)) >= _PENDING:
            self._flush()

    def _flush(self) -> None:
        if self._pending:
            self._rows.append(self._net.features(np.concatenate(self._pending)))
            self._pending = []

    def finish(self) -> Features:
        """All rows, float32 (n, width)."""
        self._flush()
        return np.concatenate(self._rows) if self._rows else np.zeros((0, self._net.width), dtype=np.float32)


def of_reference(path: Path, net: FeatureNet, aligned: Alignment, wanted: Indices) -> Features:
    """Feature rows of a ground-truth clip's wanted frames, from the cache where they were computed before."""

    def compute() -> Features:
        reader = VideoReader(path)
        collector = Collector(net, aligned, path, reader.frames, wanted)
        for index, frames in pairing.frames_at(reader, wanted):
            collector.add(index, frames)
        return collector.finish()

    fields = (*net.fields(), *aligned.fields(), ("points", aligned.content(path)), ("fps", "25"), ("v", "1"))
    signature = "fid-features|" + "|".join(f"{key}:{value}" for key, value in fields)
    return cached(path, signature, wanted, compute, net)


def start(context: ClipContext, net: FeatureNet, aligned: Alignment, sampling: Sampling) -> tuple[Collector, Indices]:
    """The collector of a clip, and the frames wanted of its reference, which must be usable."""
    reference, total = pairing.reference_reader(context), pairing.clip_frames(context)
    clip, wanted = sampling.frames(total, reference.frames)
    return Collector(net, aligned, context.path, total, clip), wanted
