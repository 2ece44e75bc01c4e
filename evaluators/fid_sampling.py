"""Which frames of a clip and of its ground truth become feature rows, and reading exactly those."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from evaluators import pairing
from evaluators.contract import Chunk, ClipContext
from evaluators.fid_features import FeatureNet, Features
from evaluators.pairing import Indices
from evaluators.reference_cache import cached
from harness.errors import UsageError
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
    """Feature rows of the wanted frames of one clip, in order, a batch at a time."""

    def __init__(self, net: FeatureNet, wanted: Indices) -> None:
        self._net = net
        self._wanted = wanted
        self._pending: list[pairing.Frames] = []
        self._rows: list[Features] = []

    def feed(self, chunk: Chunk) -> None:
        """Take what is wanted of the next frames."""
        start, stop = np.searchsorted(self._wanted, [chunk.first, chunk.first + len(chunk.frames)])
        self.add(chunk.frames[self._wanted[start:stop] - chunk.first])

    def add(self, frames: pairing.Frames) -> None:
        """Take frames (k, height, width, 3), every one of which is wanted."""
        if len(frames):
            self._pending.append(frames)
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


def of_reference(path: Path, net: FeatureNet, wanted: Indices) -> Features:
    """Feature rows of a ground-truth clip's wanted frames, from the cache where they were computed before."""

    def compute() -> Features:
        collector = Collector(net, wanted)
        for frames in pairing.frames_at(VideoReader(path), wanted):
            collector.add(frames)
        return collector.finish()

    signature = "fid-features|" + "|".join(f"{key}:{value}" for key, value in net.fields()) + "|fps:25|v:1"
    return cached(path, signature, wanted, compute)


def start(context: ClipContext, net: FeatureNet, sampling: Sampling) -> tuple[Collector, Indices]:
    """The collector of a clip, and the frames wanted of its reference, which must be usable."""
    reference = pairing.reference_reader(context)
    clip, wanted = sampling.frames(pairing.clip_frames(context), reference.frames)
    return Collector(net, clip), wanted
