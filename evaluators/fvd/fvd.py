"""Two judges of films as films: `Fvd` pools the windows of all clips, `PairFvd` is the C-MET paper's, clip by clip."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from evaluators import pairing
from evaluators.fid.left_out import distances_without
from evaluators.fid.pool import both, counts, distance, packed, size_note
from evaluators.full_reference import picture_sizes
from evaluators.fvd import windows
from evaluators.fvd.collector import Collector, Pictures, of_reference
from evaluators.fvd.networks import FRAMES, Features, OnnxI3d, ScriptedI3d, VideoNet
from evaluators.fvd.windows import Spread, Windows
from evaluators.packing import pack
from evaluators.settings import check, choice
from evaluators.weights import judge_weights
from harness.errors import Missing
from harness.evaluator import Chunk, ClipContext, Evaluator, Fields, Measurement, MetricFacts, Refusal, Statistics
from harness.records import Row
from harness.signature import Signature

_INFINITE = float("inf")
_SAFE = 4  # windows wanted for each dimension of the features
_NETS = {"i3d-stylegan-v": ScriptedI3d, "i3d-tfhub": OnnxI3d}


class _Judge(Evaluator):
    """Holds the parts that both judges share: the network, the windows, the pictures."""

    def __init__(self, net: VideoNet, rule: Windows | Spread, pictures: Pictures) -> None:
        self.net, self.rule, self.pictures = net, rule, pictures

    def missing(self) -> list[Missing]:
        """Returns the weights and tools that are not here."""
        return self.net.missing()

    def load(self) -> None:
        """Load the network."""
        self.net.load()

    def long_fields(self, metric: str) -> Fields:
        """Returns whole hashes of the network's weights."""
        return self.net.long()

    def _fields(self, term: Fields) -> Fields:
        *net, weights = self.net.fields()
        return (*net, *self.pictures.fields(), ("fps", "25"), ("win", self.rule.text()), *term, weights)

    def start(self, context: ClipContext) -> Measurement | Refusal:
        """Begin one clip; it and its reference must have a window."""
        problem = pairing.reference_problem(context, None)
        if problem:
            return problem
        sides = {"clip": pairing.clip_frames(context), "reference": pairing.reference_reader(context).frames}
        for side, total in sides.items():
            if total < self.rule.least:
                return Refusal("too_short", f"{total} frames of the {side}; a window needs {self.rule.least}")
        return _Films(self, context)

    def rows(self, clip: Features, reference: Features, sizes: Statistics, notes: tuple[str, ...]) -> list[Row]:
        """Returns the rows of one clip from the features of its windows and its reference's, neither empty."""
        raise NotImplementedError


@dataclass
class _Films:
    """Follows one clip; its reference is read, or taken from the cache, at the end."""

    judge: _Judge
    context: ClipContext

    def __post_init__(self) -> None:
        wanted = self.judge.rule.of(pairing.clip_frames(self.context))
        self._collector = Collector(self.judge.net, self.judge.pictures, wanted)
        self._size = (0, 0)

    def feed(self, chunk: Chunk) -> None:
        """Take the next frames."""
        self._size = (chunk.frames.shape[1], chunk.frames.shape[2])
        self._collector.feed(chunk)

    def finish(self) -> Sequence[Row] | Refusal:
        """Returns the judge's rows, or why there are none."""
        reader = pairing.reference_reader(self.context)
        wanted = self.judge.rule.of(reader.frames)
        clip = self._collector.finish()
        reference = of_reference(reader.path, self.judge.net, self.judge.pictures, wanted)
        if not (len(clip) and len(reference)):
            there = f"{len(clip)} of the clip, {len(reference)} of its reference"
            return Refusal("no_face", f"windows with a face in every frame: {there}")
        if not (np.isfinite(clip).all() and np.isfinite(reference).all()):
            return Refusal("not_finite", "a feature is not finite")
        sizes = {"clip_size": self._size, "reference_size": (reader.info.height, reader.info.width)}
        partial = len(clip) < len(self._collector.windows) or len(reference) < len(wanted)
        notes = (*(("frames_left_out",) if partial else ()), *pairing.notes(self.context))
        return self.judge.rows(clip, reference, sizes, notes)


class Fvd(_Judge):
    """Measures pooled FVD. Settings: preset (stylegan-v-16, latentsync, own), net, weights; for `own`: frames, stride,
    first, most, crop (frame, face), size.
    """

    metrics = (MetricFacts("fvd", "FVD", "", False, 0.0, _INFINITE, needs_reference=True, aggregation="pooled"),)

    def __init__(self, settings: Mapping[str, str], device: str) -> None:
        check("fvd", settings, ("net", *windows.SETTINGS, *judge_weights.SETTINGS))
        kind = _NETS[choice(settings, "net", _NETS, "i3d-stylegan-v")]
        chosen = windows.preset(settings)
        super().__init__(kind(settings, device), chosen.windows, Pictures(chosen.crop, chosen.size, device))

    def fields(self, metric: str) -> Fields:
        """Returns network, pictures, windows, Fréchet term, pooling, weights."""
        return self._fields((("cov", "n-1"), ("root", "svd"), ("eps", "0"), ("agg", "pool")))

    def measured(self, metric: str, rows: Sequence[Statistics]) -> Signature:
        """Returns the signature of a set of clips: with the sizes of its pictures and the numbers of its windows."""
        return self.signature(metric).with_fields("cov", (*picture_sizes.field(rows), *counts(rows)))

    def rows(self, clip: Features, reference: Features, sizes: Statistics, notes: tuple[str, ...]) -> list[Row]:
        """Returns a row that holds the features; only a set of clips has a value."""
        kept = packed(clip=clip, reference=reference, **sizes)
        return [self.scored("fvd", None, kept, ("pooled", *notes))]

    def combine(self, metric: str, rows: Sequence[Statistics]) -> float:
        """Returns the FVD of the clips whose statistics these are; nan with fewer than two windows on a side."""
        return distance(rows)

    def without(self, metric: str, rows: Sequence[Statistics], groups: Sequence[Sequence[int]]) -> list[float]:
        """Returns the FVD without each group of clips."""
        return distances_without(*both(rows), groups)

    def note(self, metric: str, rows: Sequence[Statistics]) -> str:
        """Returns the sample sizes, and the warning where they are small."""
        return size_note(rows, "windows", _SAFE)


class PairFvd(_Judge):
    """Measures the C-MET paper's FVD: the squared distance of two clips' I3D outputs. Settings: net, weights, hash."""

    metrics = (MetricFacts("fvd_pair", "FVD (per pair)", "", False, 0.0, _INFINITE, needs_reference=True),)

    def __init__(self, settings: Mapping[str, str], device: str) -> None:
        check("fvd_pair", settings, ("net", *judge_weights.SETTINGS))
        kind = _NETS[choice(settings, "net", _NETS, "i3d-tfhub")]
        super().__init__(kind(settings, device), Spread(FRAMES), Pictures("frame", 0, device))

    def fields(self, metric: str) -> Fields:
        """Returns network, pictures, windows, pooling, weights."""
        return self._fields((("cov", "none"), ("agg", "pair-mean")))

    def rows(self, clip: Features, reference: Features, sizes: Statistics, notes: tuple[str, ...]) -> list[Row]:
        """Returns the clip's own distance."""
        value = float(np.square(clip[0].astype(np.float64) - reference[0]).sum())
        return [self.scored("fvd_pair", value, pack(value=value, **sizes), notes)]
