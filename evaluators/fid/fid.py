"""FID is the Fréchet distance between the frames of a method's clips and those of their ground truth.

Public names: `frechet`, and two judges: `Fid` pools all clips of a set (the usual meaning), `PairFid` is
the C-MET paper's form: one FID for each clip against its target, then the mean (docs/reference/metrics.md,
'C-MET scoring').
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np

from evaluators import pairing
from evaluators.faces import alignment
from evaluators.fid import limit as fid_limit
from evaluators.fid.clip import FeatureClip
from evaluators.fid.distance import frechet
from evaluators.fid.features import build
from evaluators.fid.left_out import distances_without
from evaluators.fid.pool import both, counts, distance, packed, size_note, stacked
from evaluators.full_reference import picture_sizes
from evaluators.sampling import sampling
from evaluators.settings import check, choice
from evaluators.weights import judge_weights
from harness.errors import Missing
from harness.evaluator import ClipContext, Evaluator, Fields, Measurement, MetricFacts, Refusal, Statistics
from harness.media.grids import FPS_RULE
from harness.records import Row
from harness.signature import Signature

__all__ = ["Fid", "PairFid", "frechet"]

_SETTINGS = ("net", "dim", "samp", *alignment.SETTINGS, *judge_weights.SETTINGS)
_INFINITE = float("inf")
_COUNTED = {"fid": ("n1", "n2"), "fid_inf": ("n2",)}  # whose sizes are fields of a pool's signature
_ABOUT_WEIGHTS = ("hash", "gate", "w")  # fields that come last, before the version


class _Judge(Evaluator):
    """Holds the parts that both judges share: the network, the sampling, the signature."""

    _name: ClassVar[str]
    _sampling: ClassVar[str]
    _aggregation: ClassVar[str]

    def __init__(self, settings: Mapping[str, str], device: str) -> None:
        check(self._name, settings, _SETTINGS)
        self._net = build(settings, device)
        self._aligned = alignment.Alignment(settings)
        self._samples = sampling(settings, self._sampling, ("every", "count", "pair"))

    def missing(self) -> list[Missing]:
        """Returns the weights that are not here."""
        return [*self._net.missing(), *self._aligned.missing()]

    def load(self) -> None:
        """Load the network, and the landmark detector if one is asked for."""
        self._net.load()
        self._aligned.load()

    def fields(self, metric: str) -> Fields:
        """Returns network and preprocessing, pictures (full decoded frames), sampling, Fréchet term, pooling,
        weights.
        """
        fields = self._net.fields()
        net = [field for field in fields if field[0] not in _ABOUT_WEIGHTS]
        weights = [field for field in fields if field[0] in _ABOUT_WEIGHTS]
        pictures = (("src", "raw"), *self._aligned.fields(), *self._aligned.codec(), ("fps", FPS_RULE))
        term = (("cov", "n-1"), ("root", "svd"), ("eps", "0"), ("agg", self._aggregation))
        return *net, *pictures, ("samp", self._samples.text), *term, *weights

    def long_fields(self, metric: str) -> Fields:
        """Returns whole hashes of the network's weights."""
        return self._net.long()

    def measured(self, metric: str, rows: Sequence[Statistics]) -> Signature:
        """Returns the signature of a set of clips: with the sizes of its pictures and, for a pool, their numbers."""
        sizes = counts(rows, _COUNTED.get(metric, ()))
        return self.signature(metric).with_fields("cov", (*picture_sizes.field(rows), *sizes))


class Fid(_Judge):
    """Measures pooled FID. Settings: net (tf-fid-2015, tv-in1k, demo), dim, samp (default: 5 a clip), crop, weights, …

    Setting `limit = inf` puts FID∞ next to it (evaluators.fid.limit), from the same features: a metric of its own with
    its own signature, in which `n1` is no field because the number is that of infinitely many frames.
    """

    metrics: tuple[MetricFacts, ...] = (
        MetricFacts("fid", "FID", "", False, 0.0, _INFINITE, needs_reference=True, aggregation="pooled"),
        MetricFacts("fid_inf", "FID∞", "", False, -_INFINITE, _INFINITE, True, "pooled", False, "fid"),
    )
    _name, _sampling, _aggregation = "fid", "5", "pool"

    def __init__(self, settings: Mapping[str, str], device: str) -> None:
        super().__init__({key: value for key, value in settings.items() if key != "limit"}, device)
        count = 2 if choice(settings, "limit", ("none", "inf"), "none") == "inf" else 1
        self.metrics = type(self).metrics[:count]

    def fields(self, metric: str) -> Fields:
        """Returns the fields of every FID; those of FID∞ say how it was extrapolated and how many frames it needs."""
        fields = super().fields(metric)
        if metric != "fid_inf":
            return fields
        place = next(k for k, (key, _) in enumerate(fields) if key == "agg") + 1
        return *fields[:place], *fid_limit.FIELDS, *fields[place:]

    def start(self, context: ClipContext) -> Measurement | Refusal:
        """Begin one clip."""
        problem = pairing.reference_problem(context, None) or self._aligned.problem(context)
        return problem or _PooledClip(self, context, self._net, self._aligned, self._samples)

    def combine(self, metric: str, rows: Sequence[Statistics]) -> float:
        """Returns the FID of the clips whose statistics these are; nan where they are too few.

        That is fewer than two frames on either side, and for FID∞ fewer than its line needs.
        """
        return fid_limit.extrapolated(*stacked(rows)) if metric == "fid_inf" else distance(rows)

    def without(self, metric: str, rows: Sequence[Statistics], groups: Sequence[Sequence[int]]) -> list[float]:
        """Returns the FID without each group of clips; nan for FID∞, whose line needs the whole set."""
        return [float("nan")] * len(groups) if metric == "fid_inf" else distances_without(*both(rows), groups)

    def note(self, metric: str, rows: Sequence[Statistics]) -> str:
        """Returns the note that must stand with the number: sample sizes and their warning, or why FID∞ is refused."""
        if metric == "fid_inf":
            clip, reference = stacked(rows)
            sizes = f"{len(clip)}/{len(reference)} frames; {fid_limit.LEAST_FRAMES} are needed for a line in 1/frames"
            return f"refused: {sizes}" if min(len(clip), len(reference)) < fid_limit.LEAST_FRAMES else sizes
        return size_note(rows, "frames")


class _PooledClip(FeatureClip):
    def finish(self) -> Sequence[Row] | Refusal:
        """Returns a row that holds the features, and one of FID∞ that points to it; only a set of clips has a value."""
        clip, reference = self.features()
        if not (len(clip) and len(reference)):
            faces = f"{len(clip)} of the clip, {len(reference)} of its reference"
            return Refusal("no_face", f"sampled frames with a face: {faces}")
        if not (np.isfinite(clip).all() and np.isfinite(reference).all()):
            return Refusal("not_finite", "a feature is not finite")
        kept = packed(clip=clip, reference=reference, **self.sizes())
        notes = ("pooled", *self.notes(clip, reference))
        names = [facts.name for facts in self._judge.metrics]
        return [self._judge.scored(name, None, kept if name == "fid" else b"", notes) for name in names]


class PairFid(_Judge):
    """Measures the C-MET paper's FID: all frames of a clip against all frames of its target; the mean over clips."""

    metrics: tuple[MetricFacts, ...] = (
        MetricFacts(
            "fid_pair", "FID (per pair)", "", False, 0.0, float("inf"), needs_reference=True, frame_aligned=True
        ),
    )
    _name, _sampling, _aggregation = "fid_pair", "all", "pair-mean"

    def start(self, context: ClipContext) -> Measurement | Refusal:
        """Begin one clip."""
        problem = pairing.reference_problem(context, None) or self._aligned.problem(context)
        return problem or _PairedClip(self, context, self._net, self._aligned, self._samples)


class _PairedClip(FeatureClip):
    def finish(self) -> Sequence[Row] | Refusal:
        """Returns the clip's own FID; it needs two frames on both sides."""
        clip, reference = self.features()
        if min(len(clip), len(reference)) < 2:
            return Refusal("too_short", f"{len(clip)} and {len(reference)} frames; a covariance needs two")
        if not (np.isfinite(clip).all() and np.isfinite(reference).all()):
            return Refusal("not_finite", "a feature is not finite")
        value = frechet(clip, reference)
        kept = packed(value=[value], **self.sizes())
        return [self._judge.scored("fid_pair", value, kept, self.notes(clip, reference))]
