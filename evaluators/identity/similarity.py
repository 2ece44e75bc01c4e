"""Identity similarity (CSIM) is the cosine between face embeddings of a clip and of a named reference.

There is no reference implementation, so every choice is a setting and a field of the signature: network, crop,
reference (`image` the source picture, `first` the clip's first face, `paired` the same frame of the ground truth),
aggregation, sampling, and what a frame without a face means.
Facts: docs/reference/metrics.md, 'Identity similarity'.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from evaluators import pairing
from evaluators.faces import warp
from evaluators.identity import files
from evaluators.packing import pack
from evaluators.sampling import sampling
from evaluators.settings import check, choice, unused, whole
from evaluators.weights import judge_weights
from harness.errors import Missing, UsageError
from harness.evaluator import (
    Chunk,
    ClipContext,
    Evaluator,
    Fields,
    Measurement,
    MetricFacts,
    Refusal,
    Statistics,
    weighted,
)
from harness.media.grids import FPS_RULE
from harness.records import Row
from harness.series import packed
from networks.files.official import Official
from networks.files.shipped import Shipped

if TYPE_CHECKING:
    from evaluators.faces.crops import Picture
    from evaluators.identity.nets import IdentityEmbedder

Float = npt.NDArray[np.float32]
METRIC = "identity_sim"


@dataclass(frozen=True)
class _Spec:
    name: str  # as signatures name it
    rule: str  # crop rule (evaluators.faces.crops)
    size: int  # px
    resize: str
    weights: Official | Shipped


_SPECS = {
    "facenet-vggface2": _Spec("facenet-vggface2", "mtcnn-box", 160, "pil-bilinear", files.FACENET),
    "arcface-r50": _Spec("arcface-r50", "arcface5", 112, warp.NAME, files.ARCFACE),
    "demo": _Spec("demo-identity", "mtcnn5", 64, "bilinear", files.SHIPPED.weights()),
}


class IdentitySimilarity(Evaluator):
    """Measures identity similarity (CSIM). Settings: net, ref, agg, samp, miss, margin, weights, hash, gate.

    `margin`: px of the crop, for box crops only.
    """

    metrics: tuple[MetricFacts, ...] = (MetricFacts(METRIC, "Identity similarity (CSIM)", "", True, -1.0, 1.0),)

    def __init__(self, settings: Mapping[str, str], device: str) -> None:
        check("identity", settings, ("net", "ref", "agg", "samp", "miss", "margin", *judge_weights.SETTINGS))
        self.spec = _SPECS[choice(settings, "net", _SPECS, "facenet-vggface2")]
        self.reference = choice(settings, "ref", ("image", "first", "paired"), "image")
        self.aggregation = choice(settings, "agg", ("mean-cos", "cos-mean", "frame-mean"), "mean-cos")
        if self.aggregation == "frame-mean":
            self.metrics = weighted(self.metrics)
        self.miss = choice(settings, "miss", ("skip", "zero", "refuse"), "skip")
        self.sampling = sampling(settings, "every5", ("every",))
        self.margin = whole(settings, "margin", 0, least=0)
        if self.margin and self.spec.rule != "mtcnn-box":
            raise UsageError(f"'{self.spec.name}' crops by points of the face, without a margin.", "Leave margin out.")
        if isinstance(self.spec.weights, Shipped):
            unused(f"The identity judge '{self.spec.name}'", settings, judge_weights.SETTINGS)
        self._weights = judge_weights.in_use(self.spec.weights, settings)
        self.device = device
        self._net: IdentityEmbedder | None = None

    def missing(self) -> list[Missing]:
        """Returns the weights that are not here."""
        return self._weights.missing()

    def load(self) -> None:
        """Build the network. Raises MissingError where its weights are absent or implausible."""
        from evaluators.identity import nets

        if self._net is not None:
            return
        self._net = nets.BY_RULE[self.spec.rule](self._weights, self.device)

    def crop_fields(self) -> Fields:
        """Returns the fields of everything that changes an embedding."""
        crop = f"{self.spec.rule}-{self.spec.size}-m{self.margin}-{self.spec.resize}"
        return ("net", self.spec.name), ("det", "mtcnn-fn2.6.0"), ("crop", crop), ("face", "largest")

    def fields(self, metric: str) -> Fields:
        """Returns network and crop, reference, aggregation, sampling, weights."""
        return (
            *self.crop_fields(),
            ("fps", FPS_RULE),
            ("ref", self.reference),
            ("agg", self.aggregation),
            ("samp", self.sampling.text),
            ("miss", self.miss),
            *self.weight_fields(),
        )

    def long_fields(self, metric: str) -> Fields:
        """Returns the whole hash of its weights."""
        return self._weights.long()

    def weight_fields(self) -> Fields:
        """Returns the signature's fields about the weights."""
        return self._weights.fields()

    def embed(self, crops: Mapping[int, Picture | None]) -> dict[int, Float]:
        """Returns embeddings (d,) of the crops that are there, by index."""
        assert self._net is not None, "load() comes first"
        there = {index: crop for index, crop in crops.items() if crop is not None}
        return dict(zip(there, self._net.embed(list(there.values())), strict=True)) if there else {}

    def chunk_embeddings(self, chunk: Chunk) -> tuple[list[int], dict[int, Float]]:
        """Returns (sampled indexes, embeddings of those that show a face) of one chunk."""
        from evaluators.faces.crops import chunk_crops
        from evaluators.faces.mtcnn import sampled

        wanted = list(sampled(chunk, self.sampling.step))
        crops = chunk_crops(chunk, wanted, self.spec.rule, self.spec.size, self.device, self.margin)
        return wanted, self.embed(crops)

    def start(self, context: ClipContext) -> Measurement | Refusal:
        """Follow one clip, or refuse it because its reference is absent or faceless."""
        reference: dict[int, Float] = {}
        if self.reference != "first":
            path = context.sample.source_image if self.reference == "image" else context.sample.reference_video
            if path is None:
                return Refusal("no_reference", f"sample {context.sample.id} has no ground-truth clip")
            reference = self._reference(path)
            if not reference:
                return Refusal("no_reference_face", f"no face in {path.name}")
        notes, common = context.notes, None
        if self.reference == "paired":
            notes, common = pairing.notes(context), pairing.reference_reader(context).frames
        return IdentityMeasurement(self, notes, reference, common)

    def _reference(self, path: Path) -> dict[int, Float]:
        """Embeddings of the reference by frame (a picture is frame 0), kept in the cache by content."""
        from evaluators.reference_cache import cached

        pieces = [f"{key}:{value}" for key, value in (*self.crop_fields(), *self.weight_fields())]
        kind = f"{self.reference}|{self.sampling.text}" if self.reference == "paired" else "image"
        table = cached(path, "|".join(["identity", kind, *pieces]), [], lambda: self._embedded(path))
        return {int(row[0]): row[1:] for row in table}

    def _embedded(self, path: Path) -> Float:
        """Rows (index, embedding) of a picture or a clip."""
        from harness.media import VideoReader, read_image

        if self.reference == "image":
            _, embeddings = self.chunk_embeddings(Chunk(0, read_image(path)[None]))
        else:
            embeddings, first = {}, 0
            for frames in VideoReader(path):
                embeddings |= self.chunk_embeddings(Chunk(first, frames))[1]
                first += len(frames)
        rows = [np.concatenate([[np.float32(index)], embedding]) for index, embedding in embeddings.items()]
        return np.stack(rows) if rows else np.zeros((0, 1), np.float32)

    def combine(self, metric: str, rows: Sequence[Statistics]) -> float:
        """Returns the mean over clips; over frames of all clips for agg = frame-mean."""
        if rows and self.aggregation == "frame-mean":
            return float(np.concatenate([np.asarray(row["cosines"], dtype=np.float64) for row in rows]).mean())
        return super().combine(metric, rows)


@dataclass
class IdentityMeasurement:
    """Collects one clip's embeddings as chunks come in."""

    judge: IdentitySimilarity
    notes: tuple[str, ...]
    reference: dict[int, Float]  # by frame; empty for ref = first
    common: int | None = None  # frames that have a partner; None: all
    embeddings: dict[int, Float] = field(default_factory=dict)
    sampled: list[int] = field(default_factory=list)

    def feed(self, chunk: Chunk) -> None:
        """Take the sampled frames' embeddings."""
        wanted, embeddings = self.judge.chunk_embeddings(chunk)
        paired = [index for index in wanted if self.common is None or index < self.common]
        self.sampled += paired
        self.embeddings |= {index: embeddings[index] for index in paired if index in embeddings}

    def finish(self) -> Sequence[Row] | Refusal:
        """Returns one row."""
        by_frame = self._pairs()
        pairs = list(by_frame.values())
        lost = len(self.sampled) - len(pairs)
        if self.judge.miss != "zero" and (not pairs or (lost and self.judge.miss == "refuse")):
            where = "have no face in both clips" if self.reference_moves else "show no face"
            return Refusal("no_face", f"{lost} of {len(self.sampled)} sampled frames {where}")
        cosines = np.array([_cosine(clip, reference) for clip, reference in pairs])
        if not np.isfinite(cosines).all():
            return Refusal("not_finite", "an embedding is not finite")
        value = self._value(pairs, cosines, lost)
        padded = np.concatenate([cosines, np.zeros(lost)]) if self.judge.miss == "zero" else cosines
        statistics = pack(value=value, cosines=padded, frames=len(self.sampled), faces=len(pairs))
        left_out = ("frames_left_out",) if lost and self.judge.miss == "skip" else ()
        notes, series = (*left_out, *self.notes), packed(list(by_frame), {"cosine": cosines})
        return [self.judge.scored(METRIC, value, statistics, notes, series)]

    @property
    def reference_moves(self) -> bool:
        """Says whether each frame has a partner of its own."""
        return self.judge.reference == "paired"

    def _pairs(self) -> dict[int, tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]]:
        """Frame → (clip, reference) embeddings, of the frames that have both, float64."""
        embeddings = {index: row.astype(np.float64) for index, row in self.embeddings.items()}
        only = next(iter((self.reference or self.embeddings).values()), None)
        partners = self.reference if self.reference_moves else dict.fromkeys(embeddings, only)
        found = ((k, row, partners.get(k)) for k, row in embeddings.items())
        return {k: (row, other.astype(np.float64)) for k, row, other in found if other is not None}

    def _value(self, pairs: Sequence[tuple[Any, Any]], cosines: npt.NDArray[np.float64], lost: int) -> float:
        if not pairs:
            return 0.0
        share = len(pairs) / (len(pairs) + lost) if self.judge.miss == "zero" else 1.0
        if self.judge.aggregation != "cos-mean":
            return float(cosines.mean() * share)
        clip, reference = (np.mean([pair[side] for pair in pairs], axis=0) for side in (0, 1))
        return _cosine(clip, reference, float(np.linalg.norm(clip) * np.linalg.norm(reference))) * share


def _cosine(one: npt.NDArray[np.float64], other: npt.NDArray[np.float64], lengths: float = 1.0) -> float:
    """The cosine of vectors whose lengths multiply to `lengths`; rounding brings none beyond 1."""
    return float(np.clip(one @ other / lengths, -1.0, 1.0))
