"""This judge compares the coefficients that a user's face model gave for clips and true clips: E-FID, AED, APD."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from evaluators import pairing
from evaluators.fid.left_out import distances_without
from evaluators.fid.pool import both, counts, distance, packed, size_note
from evaluators.settings import check
from harness.errors import UsageError
from harness.evaluator import Chunk, ClipContext, Evaluator, Fields, Measurement, MetricFacts, Refusal, Statistics
from harness.records import Row
from harness.signature import Signature
from networks.files.array_file import read_array

Coefficients = npt.NDArray[np.float64]  # (frames, d); a row with nan: no face

_INFINITE = float("inf")
_PAIR = "trunc"
_RANGE = re.compile(r"(\d+):(\d+)")
_SOURCE = re.compile(r"[A-Za-z0-9._+-]+")
_EFID = MetricFacts("efid", "E-FID", "", False, 0.0, _INFINITE, needs_reference=True, aggregation="pooled")
_AED = MetricFacts("aed", "AED", "", False, 0.0, _INFINITE, needs_reference=True)
_APD = MetricFacts("apd", "APD", "", False, 0.0, _INFINITE, needs_reference=True)


def mean_distance(first: Coefficients, second: Coefficients) -> float | None:
    """Returns the mean absolute difference of paired rows (n, d); rows with nan are left out; None without any."""
    known = np.isfinite(first).all(axis=1) & np.isfinite(second).all(axis=1)
    return float(np.abs(first[known] - second[known]).mean()) if known.any() else None


class FaceCoefficients(Evaluator):
    """Measures E-FID, AED and APD.

    Settings: source (the face model, as signatures name it; needed), expression and pose (columns FIRST:STOP of the
    file). E-FID takes all columns where expression is not set; AED and APD are measured where theirs is set.
    """

    metrics: tuple[MetricFacts, ...] = (_EFID, _AED, _APD)

    def __init__(self, settings: Mapping[str, str], device: str) -> None:
        check("coefficients", settings, ("source", "expression", "pose"))
        self.source = settings.get("source", "")
        if not _SOURCE.fullmatch(self.source):
            cure = "Name the face model and its version in letters, digits and . _ + -: source = deep3d-2019."
            raise UsageError(f"The judge 'coefficients' was given source '{self.source}'.", cure)
        self.columns = {"aed": _columns(settings, "expression"), "apd": _columns(settings, "pose")}
        self.metrics = tuple(facts for facts in type(self).metrics if self.columns.get(facts.name, ()) is not None)

    def fields(self, metric: str) -> Fields:
        """Returns the face model, the columns, the rate and the term that makes the number."""
        columns = self.columns["aed" if metric == "efid" else metric]
        used = f"{columns.start}:{columns.stop}" if columns else "all"
        given = (("source", self.source), ("cols", used), ("fps", "25"), ("miss", "skip"))
        if metric == "efid":
            return *given, ("samp", "all"), ("cov", "n-1"), ("root", "svd"), ("eps", "0"), ("agg", "pool")
        return *given, ("pair", _PAIR), ("dist", "l1"), ("agg", "clip")

    def start(self, context: ClipContext) -> Measurement | Refusal:
        """Begin one clip; both sides must have their file."""
        problem = pairing.reference_problem(context, None)
        if problem:
            return problem
        reference = pairing.reference_reader(context)
        sides = [self._read(context.path, pairing.clip_frames(context)), self._read(reference.path, reference.frames)]
        for side in sides:
            if isinstance(side, Refusal):
                return side
        clip, truth = (side for side in sides if not isinstance(side, Refusal))
        if clip.shape[1] != truth.shape[1]:
            return Refusal("size_mismatch", f"{clip.shape[1]} columns of the clip, {truth.shape[1]} of its reference")
        return _Clip(self, context, clip, truth)

    def _read(self, video: Path, frames: int) -> Coefficients | Refusal:
        path = beside(video)
        if not path.is_file():
            return Refusal("tool_missing", f"there is no {path}: save float ({frames}, d), nan where no face is found")
        try:
            array = np.asarray(read_array(path), dtype=np.float64)
        except UsageError as error:
            return Refusal("unreadable", error.what)
        last = max((columns.stop for columns in self.columns.values() if columns), default=1)
        if array.ndim != 2 or len(array) != frames or array.shape[1] < last:
            return Refusal("length_mismatch", f"{path} has shape {array.shape}, not ({frames}, {last} or more)")
        return array

    def expression(self, side: Coefficients) -> npt.NDArray[np.float32]:
        """Returns the rows (n, d) that E-FID takes: the expression's columns of frames with a face."""
        chosen = side[:, self.columns["aed"] or slice(None)]
        return chosen[np.isfinite(chosen).all(axis=1)].astype(np.float32)

    def measured(self, metric: str, rows: Sequence[Statistics]) -> Signature:
        """Returns the signature of a set of clips: E-FID's with the numbers of frames and of columns."""
        if metric != "efid" or not rows:
            return self.signature(metric)
        columns = ("dim", str(rows[0]["clip"].shape[1]))
        return self.signature(metric).with_fields("cov", (columns, *counts(rows)))

    def combine(self, metric: str, rows: Sequence[Statistics]) -> float:
        """Returns E-FID of these clips (nan below two frames on a side), or the mean of the clips' distances."""
        return distance(rows) if metric == "efid" else super().combine(metric, rows)

    def without(self, metric: str, rows: Sequence[Statistics], groups: Sequence[Sequence[int]]) -> list[float]:
        """Returns the score without each group of clips."""
        return distances_without(*both(rows), groups) if metric == "efid" else super().without(metric, rows, groups)

    def note(self, metric: str, rows: Sequence[Statistics]) -> str:
        """Returns E-FID's sample sizes, and the warning where they are small."""
        return size_note(rows, "frames") if metric == "efid" else ""


def beside(video: Path) -> Path:
    """Returns the file of a clip's coefficients."""
    return video.with_suffix(".coeff.npy")


def _columns(settings: Mapping[str, str], key: str) -> slice | None:
    text = settings.get(key)
    if text is None:
        return None
    match = _RANGE.fullmatch(text)
    if match is None or int(match[1]) >= int(match[2]):
        raise UsageError(f"'{key}' is '{text}'.", "Say FIRST:STOP, columns counted from 0: expression = 0:64.")
    return slice(int(match[1]), int(match[2]))


@dataclass
class _Clip:
    judge: FaceCoefficients
    context: ClipContext
    clip: Coefficients
    reference: Coefficients

    def feed(self, chunk: Chunk) -> None:
        """Needs no picture: the face model has seen them."""

    def finish(self) -> Sequence[Row]:
        """Returns one row a metric."""
        return [self._efid(), *(self._distance(facts.name) for facts in self.judge.metrics if facts.name != "efid")]

    def _efid(self) -> Row:
        clip, reference = self.judge.expression(self.clip), self.judge.expression(self.reference)
        if not (len(clip) and len(reference)):
            there = f"{len(clip)} of the clip, {len(reference)} of its reference"
            return self.judge.unscored("efid", Refusal("no_face", f"frames with a face: {there}"))
        whole = len(clip) == len(self.clip) and len(reference) == len(self.reference)
        notes = ("pooled", *(() if whole else ("frames_left_out",)), *pairing.notes(self.context))
        return self.judge.scored("efid", None, packed(clip=clip, reference=reference), notes)

    def _distance(self, metric: str) -> Row:
        problem = pairing.reference_problem(self.context, _PAIR)
        if problem:
            return self.judge.unscored(metric, problem)
        first, second = pairing.RULES[_PAIR](len(self.clip), len(self.reference))
        columns = self.judge.columns[metric]
        assert columns is not None
        value = mean_distance(self.clip[first][:, columns], self.reference[second][:, columns])
        if value is None:
            return self.judge.unscored(metric, Refusal("no_face", "no pair of frames has a face on both sides"))
        return self.judge.scored(metric, value, notes=pairing.notes(self.context))
