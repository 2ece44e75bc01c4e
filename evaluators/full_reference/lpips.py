"""LPIPS v0.1 (Zhang et al. 2018) is a learned perceptual distance of paired frames.

The linear heads are the trained ones of the `lpips` 0.1.4 wheel; the trunk is torchvision's ImageNet network, which
must be fetched. Frames go in as RGB in [-1, 1]: half of all published mistakes feed [0, 1] (docs/reference/metrics.md,
'LPIPS').
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from evaluators import pairing
from evaluators.full_reference import picture_sizes
from evaluators.packing import pack
from evaluators.settings import check, choice, whole
from evaluators.weights.judge_weights import SETTINGS, in_use
from harness.errors import Missing
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
from harness.signature import Signature
from networks.files.official import Official
from networks.files.plausibility import ImplausibleError

if TYPE_CHECKING:
    from evaluators.full_reference.lpips_net import Distance

_LEAST_PX = 32  # below this the last pooling has nothing left

#: Trunk → its row of weights.toml.
TRUNKS = {"alex": "alexnet", "vgg": "vgg16"}


class Lpips(Evaluator):
    """Measures LPIPS v0.1 against a frame-aligned reference.

    Settings: net (alex, vgg), pair (trunc, stretch), every (each N-th pair; default 1), agg (clip, frame),
    size (refuse, area), weights (another copy of the trunk; hash=any for one that is not the
    published one: no gate can vouch for it, so gate=off is needed too).
    """

    metrics: tuple[MetricFacts, ...] = (
        MetricFacts("lpips", "LPIPS", "", False, 0.0, float("inf"), needs_reference=True, frame_aligned=True),
    )

    def __init__(self, settings: Mapping[str, str], device: str) -> None:
        check("lpips", settings, ("net", "pair", "every", "agg", "size", *SETTINGS))
        self.net = choice(settings, "net", TRUNKS, "alex")
        self.pair = choice(settings, "pair", pairing.RULES, "trunc")
        self.every = whole(settings, "every", 1)
        self.aggregation = choice(settings, "agg", ("clip", "frame"), "clip")
        if self.aggregation == "frame":
            self.metrics = weighted(self.metrics)
        self.size = choice(settings, "size", pairing.SIZE_RULES, "refuse")
        self._weights = in_use(Official(TRUNKS[self.net]), settings)
        self._device = device
        self._distance: Distance | None = None

    def missing(self) -> list[Missing]:
        """Returns the trunk, where it is not here."""
        return self._weights.missing()

    def load(self) -> None:
        """Read the trunk (strictly, from torchvision's whole classifier) and the heads."""
        from evaluators.full_reference.lpips_net import Distance

        if self._weights.must_pass_gate:
            raise ImplausibleError(
                f"Nothing can tell whether a {self.net} trunk without the published hash was trained.",
                "Leave out hash = any, or set gate = off too, which the signature will say.",
            )
        distance = Distance(self.net)
        state = self._weights.state()
        trunk = {key.removeprefix("features."): value for key, value in state.items() if key.startswith("features.")}
        try:
            distance.trunk.load_state_dict(trunk or state)
        except RuntimeError as error:
            raise ImplausibleError(f"{self._weights.path()} does not hold torchvision's {self.net} trunk.") from error
        distance.load_heads(self.net)
        self._distance = distance.eval().requires_grad_(False).to(self._device)

    def fields(self, metric: str) -> Fields:
        """Returns network, heads, input range, pairing, pooling, weights."""
        net = (("net", self.net), ("lin", "0.1"), ("rng", "pm1"), ("trunk", "in1k-v1"), ("size", self.size))
        rest = (
            ("fps", FPS_RULE),
            ("pair", self.pair),
            ("samp", "all" if self.every == 1 else f"every{self.every}"),
            ("agg", self.aggregation),
        )
        return *net, *rest, *self._weights.fields()

    def long_fields(self, metric: str) -> Fields:
        """Returns the trunk's whole hash."""
        return self._weights.long()

    def measured(self, metric: str, rows: Sequence[Statistics]) -> Signature:
        """Returns the signature of a set of clips: with the sizes of its pictures."""
        return self.signature(metric).with_fields("size", picture_sizes.field(rows))

    def start(self, context: ClipContext) -> Measurement | Refusal:
        """Begin one clip."""
        return pairing.reference_problem(context, self.pair) or _Clip(self, context)

    def combine(self, metric: str, rows: Sequence[Statistics]) -> float:
        """Returns the mean over clips of their means, or over all frames; nan for none."""
        sums, counts = np.array([[float(row["sum"]), float(row["count"])] for row in rows]).reshape(-1, 2).T
        if not len(counts):
            return float("nan")
        return float(np.mean(sums / counts)) if self.aggregation == "clip" else float(sums.sum() / counts.sum())

    def distances(
        self, first: npt.NDArray[np.uint8], second: npt.NDArray[np.uint8], batch: int = 8
    ) -> npt.NDArray[np.float64]:
        """Returns the LPIPS of pairs of uint8 RGB frames (n, h, w, 3) → (n,)."""
        assert self._distance is not None, "load() first"
        return self._distance.of_frames(first, second, batch)


class _Clip:
    """Collects the distances of the pairs of one clip."""

    def __init__(self, judge: Lpips, context: ClipContext) -> None:
        self._judge = judge
        self._context = context
        self._values: list[float] = []
        self._problem: Refusal | None = None
        self._sizes: dict[str, tuple[int, ...]] = {}

    def feed(self, chunk: Chunk) -> None:
        """Measure every N-th pair of this chunk."""
        if self._problem is not None:
            return
        chosen = pairing.pairs(self._context, chunk, self._judge.pair).every(self._judge.every)
        self._sizes = chosen.sizes() or self._sizes
        pairs = pairing.sized(chosen, self._judge.size)
        if isinstance(pairs, Refusal):
            self._problem = pairs
        elif (side := min(chunk.frames.shape[1:3])) < _LEAST_PX:
            self._problem = Refusal("too_small", f"frames of {side} px; {_LEAST_PX} px are needed")
        else:
            self._values += self._judge.distances(pairs.clip, pairs.reference).tolist()

    def finish(self) -> Sequence[Row] | Refusal:
        """Returns the clip's mean."""
        if self._problem is not None:
            return self._problem
        if not self._values:
            return Refusal("too_short", "no pair of frames")
        if not np.isfinite(self._values).all():
            return Refusal("not_finite", "a distance is not finite")
        statistics = pack(sum=np.sum(self._values), count=len(self._values), **self._sizes)
        value = float(np.mean(self._values))
        return [self._judge.scored("lpips", value, statistics, pairing.notes(self._context))]
