"""An emotion network's features over one clip are computed once a chunk for every judge that uses that network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from evaluators.emotion.specs import NetSpec, spec
from evaluators.sampling import sampling
from evaluators.settings import choice, unused
from evaluators.weights.judge_weights import SETTINGS as WEIGHT_SETTINGS
from evaluators.weights.judge_weights import in_use
from harness.errors import Missing
from harness.evaluator import Chunk
from harness.media.grids import FPS_RULE
from harness.series import packed
from networks.files.shipped import Shipped

if TYPE_CHECKING:
    from evaluators.emotion.nets import EmotionNet

Float = npt.NDArray[np.float32]
SETTINGS = ("net", "form", "align", "samp", *WEIGHT_SETTINGS)
_RULES = ("mtcnn5", "mtcnn-box", "dlib5", "dlib5-jpeg95", "dlib5-cmet", "frame")


class EmotionFront:
    """Holds a judge's network with its crop rule and sampling. Cheap to make; `load` builds the network.

    Settings: net, form (eval|train), align, samp, weights, hash, gate.
    """

    def __init__(self, settings: Mapping[str, str], device: str, net: str = "efan8-eat") -> None:
        self.spec: NetSpec = spec(settings.get("net", net))
        self.align = choice(settings, "align", _RULES, self.spec.align)
        self.form = choice(settings, "form", ("eval", "train"), "eval")
        unused(f"The emotion judge '{self.spec.name}'", settings, _idle(self.spec))
        self.sampling = sampling(settings, self.spec.samples, ("every", "even"))
        self._weights = in_use(self.spec.weights, settings)
        self.device = device
        self.net: EmotionNet | None = None
        self._key = ""  # of features on a chunk, known after load

    def missing(self) -> list[Missing]:
        """Returns the weights and tools that are not here."""
        lacks: list[Missing] = []
        if self.align.startswith("dlib5"):
            from evaluators.faces import dlib_points

            lacks += dlib_points.missing(self.align == "dlib5-cmet")
        return lacks + self._weights.missing()

    def load(self) -> None:
        """Build the network. Raises MissingError where its weights are absent or implausible."""
        from evaluators.emotion.nets import build

        if self.align.startswith("dlib5"):
            from evaluators.faces.dlib_points import DlibPoints

            DlibPoints.shared(with_cnn=self.align == "dlib5-cmet")
        self.net = self.net or build(self.spec, self._weights, "train" if self.form == "train" else "eval", self.device)
        self._key = "emotion/" + "|".join(value for _, value in (*self.fields()[:2], *self.weight_fields()))

    def fields(self) -> tuple[tuple[str, str], ...]:
        """Returns the signature's fields: network, crop, detector, sampling, pooling."""
        detector = "none" if self.align == "frame" else "mtcnn-fn2.6.0"
        if self.align.startswith("dlib5"):
            from evaluators.faces import dlib_points

            cnn = f"+mmod@{dlib_points.cnn_digest8()}" if self.align == "dlib5-cmet" else ""
            detector = f"hog1{cnn}+dlib5@{dlib_points.PREDICTOR.digest8()}"
        pooling = f"attention-{self.form}" if self.spec.pooling == "attention" else self.spec.pooling
        return (
            ("net", self.spec.name),
            ("align", f"{self.align}-{self.spec.size}"),
            ("det", detector),
            ("fps", FPS_RULE),
            ("samp", self.sampling.text),
            ("form", pooling),
            *((("unpinned", "fps,mmod,contrast"),) if self.align == "dlib5-jpeg95" else ()),
        )

    def weight_fields(self) -> tuple[tuple[str, str], ...]:
        """Returns the signature's fields about the weights."""
        return self._weights.fields()

    def long_fields(self) -> tuple[tuple[str, str], ...]:
        """Returns the whole hash that the weights' field abbreviates, for the long form."""
        return self._weights.long()

    def chunk_features(self, chunk: Chunk, wanted: Sequence[int]) -> dict[int, Float]:
        """Returns features (features,) of the frames with these indexes that show a face, by index."""
        from evaluators.faces.crops import chunk_crops

        assert self.net is not None, "load() comes first"
        known: dict[int, Float] = chunk.once(self._key, dict)
        crops = chunk_crops(chunk, [k for k in wanted if k not in known], self.align, self.spec.size, self.device)
        fresh = {index: crop for index, crop in crops.items() if crop is not None}
        if fresh:
            known.update(zip(fresh, self.net.features(list(fresh.values())), strict=True))
        return {index: known[index] for index in wanted if index in known}

    def follow(self, path: Path) -> FeatureTrack:
        """Returns an empty track for the clip at `path`."""
        frames = None
        if not self.sampling.step:
            from harness.media import VideoReader

            frames = frozenset(self.sampling.indexes(VideoReader(path).frames).tolist())
        return FeatureTrack(self, frames)


def _idle(judge: NetSpec) -> tuple[str, ...]:
    """Settings that would change nothing for this network."""
    form = ("form",) if judge.pooling != "attention" else ()
    return (*form, *(WEIGHT_SETTINGS if isinstance(judge.weights, Shipped) else ()))


@dataclass
class FeatureTrack:
    """Collects features of the sampled frames of one clip, as chunks come in."""

    front: EmotionFront
    indexes: frozenset[int] | None  # None: every sampling.step-th frame
    features: list[Float] = field(default_factory=list)
    found: list[int] = field(default_factory=list)  # frame of each feature
    sampled: int = 0  # frames looked at

    def feed(self, chunk: Chunk) -> None:
        """Take the features of the wanted frames of this chunk."""
        wanted = [k for k in range(chunk.first, chunk.first + len(chunk.frames)) if self._wants(k)]
        self.sampled += len(wanted)
        features = self.front.chunk_features(chunk, wanted)
        self.features.extend(features.values())
        self.found.extend(features)

    def _wants(self, index: int) -> bool:
        return index % self.front.sampling.step == 0 if self.indexes is None else index in self.indexes

    def stacked(self) -> Float:
        """Returns (frames with a face, features); may have no rows."""
        return np.stack(self.features) if self.features else np.zeros((0, 0), np.float32)

    def series(self) -> bytes:
        """Returns the probabilities of all classes as the network sees each frame by itself (harness.series)."""
        assert self.front.net is not None
        if not self.features:
            return b""
        logits = np.stack([self.front.net.logits(one[None]) for one in self.features]).astype(np.float64)
        shares = np.exp(logits - logits.max(1, keepdims=True))
        shares /= shares.sum(1, keepdims=True)
        return packed(self.found, dict(zip(self.front.spec.classes, shares.T, strict=True)))
