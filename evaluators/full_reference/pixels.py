"""This judge measures PSNR and SSIM between paired frames, in EAT's way and the usual one, on uint8 pictures.

Values equal scikit-image 0.26 (`peak_signal_noise_ratio`, `structural_similarity`) to 1e-9.
Facts: docs/reference/metrics.md, 'PSNR and SSIM'.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import cv2
import numpy as np
import numpy.typing as npt

from evaluators import pairing
from evaluators.faces import alignment
from evaluators.full_reference import picture_sizes
from evaluators.packing import pack
from evaluators.settings import check, choice
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

Picture = npt.NDArray[np.uint8]  # (height, width, 3) RGB, or (height, width)
Plane = npt.NDArray[np.float64]  # (height, width)
_LEVELS = 255.0
_C1, _C2 = (0.01 * _LEVELS) ** 2, (0.03 * _LEVELS) ** 2
_UNIFORM_PX, _GAUSSIAN_PX, _SIGMA_PX = 7, 11, 1.5
_METRICS = ("psnr", "ssim")


def psnr(first: Picture, second: Picture) -> float:
    """Returns the peak signal-to-noise ratio in dB over all pixels and channels; inf for identical pictures."""
    difference = first.astype(np.float64) - second.astype(np.float64)
    error = float(np.mean(np.square(difference)))
    return float(10 * np.log10(_LEVELS**2 / error)) if error else float("inf")


def ssim(first: Picture, second: Picture, window: str = "g1.5", covariance: str = "pop") -> float:
    """Returns the structural similarity (Wang et al. 2004), the mean over the inside of the picture and its channels.

    `window`: `u7` (uniform 7x7) or `g1.5` (Gaussian, sigma 1.5, 11x11); `covariance`: `sample` (n-1, scikit-image's
    default, EAT's) or `pop` (Wang et al.). Raises ValueError for pictures smaller than the window.
    """
    side = _UNIFORM_PX if window == "u7" else _GAUSSIAN_PX
    if min(first.shape[:2]) < side:
        raise ValueError(f"pictures of {first.shape[1]}x{first.shape[0]} are smaller than the {side} px window")
    unbiased = side * side / (side * side - 1) if covariance == "sample" else 1.0
    values = []
    for x, y in zip(_planes(first), _planes(second), strict=True):  # in place: fresh memory costs more than the sums
        mean_x, mean_y, product = _filtered(x, window), _filtered(y, window), _filtered(x * y, window)
        x *= x
        y *= y
        x += y
        squares = _filtered(x, window)
        means, mean_squares = mean_x * mean_y, mean_x * mean_x
        mean_squares += mean_y * mean_y
        product -= means  # covariance
        squares -= mean_squares  # sum of the variances: they are never needed apart
        for term, gain, constant in ((means, 2.0, _C1), (product, 2 * unbiased, _C2), (squares, unbiased, _C2)):
            term *= gain
            term += constant
        mean_squares += _C1
        means *= product
        squares *= mean_squares
        means /= squares
        values.append(np.mean(means))
    return float(np.mean(values))


def _planes(picture: Picture) -> Iterator[Plane]:
    """The channels of a picture, one by one: small enough to stay in the processor's cache."""
    channels = picture[..., None] if picture.ndim == 2 else picture
    for k in range(channels.shape[2]):
        yield channels[..., k].astype(np.float64)


def _filtered(picture: Plane, window: str) -> Plane:
    """Windowed means of one channel where the whole window lies inside it."""
    if window == "u7":
        sums = cv2.boxFilter(picture, -1, (_UNIFORM_PX, _UNIFORM_PX), normalize=False)  # exact: whole numbers
        edge = _UNIFORM_PX // 2
        means = np.asarray(sums, dtype=np.float64) / _UNIFORM_PX**2
    else:
        kernel = cv2.getGaussianKernel(_GAUSSIAN_PX, _SIGMA_PX, cv2.CV_64F)
        edge = _GAUSSIAN_PX // 2
        means = np.asarray(cv2.sepFilter2D(picture, -1, kernel, kernel), dtype=np.float64)
    return means[edge:-edge, edge:-edge]


def _gray(picture: Picture) -> Picture:
    """Luma of an RGB picture, rounded to whole levels (BT.601, OpenCV)."""
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), dtype=np.uint8)


class PixelQuality(Evaluator):
    """Measures PSNR and SSIM against a frame-aligned reference.

    Settings: pair (trunc, stretch), win (g1.5, u7), cov (pop, sample), col (rgb, gray), agg (clip, frame),
    size (refuse, area: the reference is resized to the clip by area averaging), crop and points (faces.alignment).
    EAT: pair=stretch win=u7 cov=sample agg=frame crop=eat128, without its MPEG-4 pass over the crops.
    """

    metrics: tuple[MetricFacts, ...] = (
        MetricFacts("psnr", "PSNR", "dB", True, 0.0, float("inf"), needs_reference=True, frame_aligned=True),
        MetricFacts("ssim", "SSIM", "", True, -1.0, 1.0, needs_reference=True, frame_aligned=True),
    )

    def __init__(self, settings: Mapping[str, str], device: str) -> None:
        check("pixels", settings, ("pair", "win", "cov", "col", "agg", "size", *alignment.SETTINGS))
        self.pair = choice(settings, "pair", pairing.RULES, "trunc")
        self.window = choice(settings, "win", ("g1.5", "u7"), "g1.5")
        self.covariance = choice(settings, "cov", ("pop", "sample"), "pop")
        self.colour = choice(settings, "col", ("rgb", "gray"), "rgb")
        self.aggregation = choice(settings, "agg", ("clip", "frame"), "clip")
        if self.aggregation == "frame":
            self.metrics = weighted(self.metrics)
        self.size = choice(settings, "size", pairing.SIZE_RULES, "refuse")
        self.alignment = alignment.Alignment(settings)

    def missing(self) -> list[Missing]:
        """Returns the crop's missing parts; nothing, unless EAT's crop is asked for."""
        return self.alignment.missing()

    def load(self) -> None:
        """Open the landmark detector, if one is asked for."""
        self.alignment.load()

    def fields(self, metric: str) -> Fields:
        """Returns pixel format, window and covariance (SSIM only), pairing, pooling."""
        windowed = (("win", self.window), ("cov", self.covariance)) if metric == "ssim" else ()
        infinite = (("inf", "left-out"),) if metric == "psnr" else ()
        fields = (("data", "uint8"), ("rng", "255"), *windowed, ("col", self.colour))
        pooled = (
            ("enc", "none"),
            ("size", self.size),
            ("fps", FPS_RULE),
            ("pair", self.pair),
            ("agg", self.aggregation),
        )
        return *fields, *self.alignment.fields(), *pooled, *infinite

    def measured(self, metric: str, rows: Sequence[Statistics]) -> Signature:
        """Returns the signature of a set of clips: with the sizes of its pictures."""
        return self.signature(metric).with_fields("size", picture_sizes.field(rows))

    def start(self, context: ClipContext) -> Measurement | Refusal:
        """Begin one clip."""
        problem = pairing.reference_problem(context, self.pair) or self.alignment.problem(context)
        return problem or _Clip(self, context)

    def combine(self, metric: str, rows: Sequence[Statistics]) -> float:
        """Returns the mean over clips of their means, or over all frames; PSNR without infinite frames; nan for
        none.
        """
        sums = np.array([float(row["sum"]) for row in rows])
        counts = np.array([float(row["count"]) for row in rows])
        sums, counts = sums[counts > 0], counts[counts > 0]
        if not len(counts):
            return float("nan")
        return float(np.mean(sums / counts)) if self.aggregation == "clip" else float(sums.sum() / counts.sum())

    def measure(self, first: Picture, second: Picture) -> tuple[float, float]:
        """Returns (PSNR, SSIM) of one pair of equal size."""
        if self.colour == "gray":
            first, second = _gray(first), _gray(second)
        return psnr(first, second), ssim(first, second, self.window, self.covariance)


class _Clip:
    """Sums values over the pairs of one clip."""

    def __init__(self, judge: PixelQuality, context: ClipContext) -> None:
        self._judge = judge
        self._context = context
        self._values: list[tuple[float, float]] = []
        self._problem: Refusal | None = None
        self._sizes: dict[str, tuple[int, ...]] = {}
        self._faceless = 0  # pairs left out by the crop

    def feed(self, chunk: Chunk) -> None:
        """Measure the pairs of this chunk."""
        if self._problem is not None:
            return
        paired = pairing.pairs(self._context, chunk, self._judge.pair)
        aligned = self._judge.alignment.pairs(self._context, paired)
        self._faceless += len(paired.index) - len(aligned.index)
        self._sizes = aligned.sizes() or self._sizes
        pairs = pairing.sized(aligned, self._judge.size)
        side = _UNIFORM_PX if self._judge.window == "u7" else _GAUSSIAN_PX
        if isinstance(pairs, Refusal):
            self._problem = pairs
        elif (least := min(pairs.clip.shape[1:3])) < side:
            self._problem = Refusal("too_small", f"pictures of {least} px; the window is {side} px wide")
        else:
            self._values += [self._judge.measure(a, b) for a, b in zip(pairs.clip, pairs.reference, strict=True)]

    def finish(self) -> Sequence[Row] | Refusal:
        """Returns both rows."""
        if self._problem is not None:
            return self._problem
        if not self._values:
            none = Refusal("no_face", f"none of {self._faceless} pairs has a face on both sides")
            return none if self._faceless else Refusal("too_short", "no pair of frames")
        columns = np.array(self._values, dtype=np.float64).reshape(-1, 2).T
        return [self._row(metric, column) for metric, column in zip(_METRICS, columns, strict=True)]

    def _row(self, metric: str, values: npt.NDArray[np.float64]) -> Row:
        finite = values[np.isfinite(values)]
        if not len(finite):
            return self._judge.unscored(metric, Refusal("identical", f"all {len(values)} pairs are identical"))
        identical = ("identical",) if len(finite) < len(values) else ()
        notes = (*identical, *(("no_face",) if self._faceless else ()))
        counts = {"count": len(finite), "infinite": len(values) - len(finite)}
        statistics = pack(sum=finite.sum(), **counts, **self._sizes)
        value = float(finite.mean())
        return self._judge.scored(metric, value, statistics, (*notes, *pairing.notes(self._context)))
