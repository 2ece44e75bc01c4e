"""FID: Fréchet distance between the frames of a method's clips and those of their ground truth.

Public names: `Inception`, `frechet`, and two judges: `Fid` pools all clips of a set (the usual meaning),
`PairFid` is the C-MET paper's form: one FID for each clip against its target, then the mean (datasets spec §8).
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from evaluators import alignment, fid_sampling, judge_weights, pairing
from evaluators.contract import Chunk, ClipContext, MetricFacts
from evaluators.fid_features import FeatureNet, Features, build
from evaluators.fid_interval import extrapolated, half_sample_interval
from evaluators.fid_sampling import Collector, Sampling
from evaluators.frechet import frechet
from evaluators.inception import Inception
from evaluators.refusal import Refused
from evaluators.settings import check
from harness.records import Row, Scored, Unscored
from harness.signature import Signature

__all__ = ["Fid", "Inception", "PairFid", "frechet"]

_SETTINGS = ("net", "dim", "samp", *alignment.SETTINGS, *judge_weights.SETTINGS)
_SIDES = ("clip", "reference")
_ABOUT_WEIGHTS = ("hash", "gate", "w")  # fields that come last, before the version


class _Judge:
    """What both judges share: the network, the sampling, the signature."""

    _name: ClassVar[str]
    _sampling: ClassVar[str]
    _aggregation: ClassVar[str]

    def __init__(self, settings: Mapping[str, str], device: str) -> None:
        check(self._name, settings, _SETTINGS)
        self._net = build(settings, device)
        self._aligned = alignment.Alignment(settings)
        self._samples = Sampling(settings, self._sampling)

    def missing(self) -> list[tuple[str, str]]:
        """(what, cure) of weights that are not here."""
        return [*self._net.missing(), *self._aligned.missing()]

    def load(self) -> None:
        """Load the network, and the landmark detector if one is asked for."""
        self._net.load()
        self._aligned.load()

    def signature(self, metric: str) -> Signature:
        """Network and preprocessing, pictures (full decoded frames), sampling, Fréchet term, pooling, weights."""
        fields = self._net.fields()
        net = [field for field in fields if field[0] not in _ABOUT_WEIGHTS]
        weights = [field for field in fields if field[0] in _ABOUT_WEIGHTS]
        pictures = (("src", "raw"), *self._aligned.fields(), *self._aligned.codec(), ("fps", "25"))
        term = (("cov", "n-1"), ("root", "svd"), ("eps", "0"), ("agg", self._aggregation))
        long = self._net.long()
        return Signature(metric, (*net, *pictures, ("samp", self._samples.text), *term, *weights, ("v", "1")), long)

    def measured(self, metric: str, rows: Sequence[Any]) -> Signature:
        """The signature of a set of clips: with the sizes of its pictures and, for a pool, their numbers."""
        sizes = (("res", "/".join(_sizes(rows, f"{side}_size") for side in _SIDES)),)
        counts = tuple((f"n{k}", str(sum(_count(row, side) for row in rows))) for k, side in enumerate(_SIDES, 1))
        line = self.signature(metric)
        place = next(k for k, (key, _) in enumerate(line.fields) if key == "cov")
        found = (*sizes, *(counts if self._aggregation == "pool" else ()))
        return Signature(metric, (*line.fields[:place], *found, *line.fields[place:]), line.long)


class Fid(_Judge):
    """Pooled FID. Settings: net (tf-fid-2015, tv-in1k, demo), dim, samp (default: 5 a clip), crop, weights, …"""

    metrics: ClassVar[tuple[MetricFacts, ...]] = (
        MetricFacts("fid", "FID", "", False, 0.0, float("inf"), needs_reference=True, pooled=True),
    )
    _name, _sampling, _aggregation = "fid", "5", "pool"

    def start(self, context: ClipContext) -> _PooledClip | Refused:
        """Begin one clip."""
        problem = pairing.reference_problem(context, None) or self._aligned.problem(context)
        signature = str(self.signature("fid"))
        if problem is not None:
            return Refused(("fid",), (signature,), *problem)
        return _PooledClip(context, self._net, self._aligned, self._samples, signature)

    def combine(self, metric: str, rows: Sequence[Any]) -> float:
        """The FID of the clips whose statistics these are; nan with fewer than two frames on either side."""
        clip, reference = _stacked(rows)
        return frechet(clip, reference) if min(len(clip), len(reference)) >= 2 else float("nan")

    def interval(
        self, metric: str, rows: Sequence[Any], groups: Sequence[str], draws: int, rng: np.random.Generator
    ) -> tuple[float, float] | None:
        """95 % interval at this sample size, by half-samples of the groups; None with fewer than two groups."""
        return half_sample_interval(*_both(rows), groups, draws, rng)

    def note(self, metric: str, rows: Sequence[Any]) -> str:
        """What must stand beside the number: sample sizes, their warning, and the extrapolation to infinite size."""
        clip, reference = _stacked(rows)
        text = f"N {len(clip)}/{len(reference)} frames of {len(rows)} clips"
        if min(len(clip), len(reference)) <= clip.shape[1]:
            text += f", fewer than {clip.shape[1] + 1}: biased upwards, compare at equal N only"
        limit = extrapolated(*_both(rows))
        return text if limit is None else f"{text}; FID∞ {limit:.4g}"


def _sizes(rows: Sequence[Any], key: str) -> str:
    """Picture sizes of one side as HxW, smallest first; `?` for rows that did not store them."""
    found = {tuple(np.asarray(row[key]).tolist()) if key in row else () for row in rows}
    return "+".join("x".join(map(str, size)) or "?" for size in sorted(found)) or "?"


def _count(row: Any, side: str) -> int:
    return len(row[side]) if side in row else 0


def _both(rows: Sequence[Any]) -> tuple[list[Features], list[Features]]:
    return [row["clip"] for row in rows], [row["reference"] for row in rows]


def _stacked(rows: Sequence[Any]) -> tuple[Features, Features]:
    clips, references = _both(rows)
    if not rows:
        return np.zeros((0, 0), dtype=np.float32), np.zeros((0, 0), dtype=np.float32)
    return np.concatenate(clips), np.concatenate(references)


class _Clip:
    """One clip at work: features of the wanted frames of both sides."""

    def __init__(
        self, context: ClipContext, net: FeatureNet, aligned: alignment.Alignment, sampling: Sampling, signature: str
    ) -> None:
        self._context = context
        self._net = net
        self._aligned = aligned
        self._signature = signature
        self._shape = (0, 0)  # height and width of the clip's frames
        self._collector: Collector
        self._collector, self._wanted = fid_sampling.start(context, net, aligned, sampling)

    def feed(self, chunk: Chunk) -> None:
        """Take the next frames."""
        self._shape = (chunk.frames.shape[1], chunk.frames.shape[2])
        self._collector.feed(chunk)

    def sizes(self) -> dict[str, tuple[int, int]]:
        """Height and width of the pictures of both sides, as the network met them."""
        truth = pairing.reference_reader(self._context).info
        return {
            "clip_size": self._aligned.size(self._shape),
            "reference_size": self._aligned.size((truth.height, truth.width)),
        }

    def features(self) -> tuple[Features, Features]:
        """Rows of the clip and of the reference."""
        path = self._context.sample.reference_video
        assert path is not None
        return self._collector.finish(), fid_sampling.of_reference(path, self._net, self._aligned, self._wanted)


class _PooledClip(_Clip):
    def finish(self) -> Sequence[Row]:
        """One row that holds the features; only a set of clips has a value."""
        clip, reference = self.features()
        if not (len(clip) and len(reference)):
            return [Unscored("fid", "no_face", self._signature, "no sampled frame has a face")]
        if not (np.isfinite(clip).all() and np.isfinite(reference).all()):
            return [Unscored("fid", "not_finite", self._signature, "a feature is not finite")]
        kept = _packed(clip=clip, reference=reference, **self.sizes())
        return [Scored("fid", None, self._signature, kept, ("pooled", *self._context.notes))]


def _packed(**arrays: Any) -> bytes:
    """Features hardly compress: plain npz bytes."""
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


class PairFid(_Judge):
    """The C-MET paper's FID: all frames of a clip against all frames of its target; the mean over clips."""

    metrics: ClassVar[tuple[MetricFacts, ...]] = (
        MetricFacts("fid_pair", "FID (per pair)", "", False, 0.0, float("inf"), needs_reference=True),
    )
    _name, _sampling, _aggregation = "fid_pair", "all", "pair-mean"

    def start(self, context: ClipContext) -> _PairedClip | Refused:
        """Begin one clip."""
        problem = pairing.reference_problem(context, None) or self._aligned.problem(context)
        signature = str(self.signature("fid_pair"))
        if problem is not None:
            return Refused(("fid_pair",), (signature,), *problem)
        return _PairedClip(context, self._net, self._aligned, self._samples, signature)

    def combine(self, metric: str, rows: Sequence[Any]) -> float:
        """The mean of the clips' own values."""
        return float(np.mean([float(row["value"][0]) for row in rows])) if rows else float("nan")


class _PairedClip(_Clip):
    def finish(self) -> Sequence[Row]:
        """The clip's own FID; it needs two frames on both sides."""
        clip, reference = self.features()
        if min(len(clip), len(reference)) < 2:
            return [Unscored("fid_pair", "too_short", self._signature, "a covariance needs two frames")]
        if not (np.isfinite(clip).all() and np.isfinite(reference).all()):
            return [Unscored("fid_pair", "not_finite", self._signature, "a feature is not finite")]
        value = frechet(clip, reference)
        return [Scored("fid_pair", value, self._signature, _packed(value=[value], **self.sizes()), self._context.notes)]
