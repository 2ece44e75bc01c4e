"""Emotion accuracy: does a named judge see the emotion that was asked for?

Labels go by name. A clip is decided by the argmax of the judge's logits over all its classes (`set:open`) or over the
classes of the data set (`set:closed-…`, setting `among`). A clip without a face is undecided: left out with its reason
(`miss:skip`) or counted as wrong (`miss:wrong`); it touches no other clip (docs/reference/metrics.md,
'Emotion accuracy of EAT').
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from evaluators.emotion import labels
from evaluators.emotion.features import SETTINGS, EmotionFront, FeatureTrack
from evaluators.packing import mean_value, pack
from evaluators.refusal import Refused
from evaluators.settings import check, choice
from harness.errors import unknown_name
from harness.evaluator import NOT_APPLICABLE, Chunk, ClipContext, Measurement, MetricFacts
from harness.records import Row, Sample, Scored, Unscored
from harness.signature import Signature

if TYPE_CHECKING:
    from evaluators.emotion.emotion_fan import ClipDecision, EmotionFAN

__all__ = ["ClipDecision", "EmotionAccuracy", "EmotionFAN"]


def __getattr__(name: str) -> Any:
    """EmotionFAN and ClipDecision, imported on use: torch stays out of `list` and `--help`."""
    if name in ("ClipDecision", "EmotionFAN"):
        from evaluators.emotion import emotion_fan

        return getattr(emotion_fan, name)
    raise AttributeError(name)


class EmotionAccuracy:
    """Emotion accuracy. Settings: those of EmotionFront, `miss` (skip|wrong), `among` (names of a closed set)."""

    metrics: ClassVar[tuple[MetricFacts, ...]] = (
        MetricFacts("emotion_acc", "Emotion accuracy", "%", True, 0.0, 100.0),
    )

    def __init__(self, settings: Mapping[str, str], device: str) -> None:
        check("emotion", settings, (*SETTINGS, "miss", "among"))
        self.front = EmotionFront(settings, device)
        self.miss = choice(settings, "miss", ("skip", "wrong"), "skip")
        self.classes = self.front.spec.classes
        self.among = _closed_set(settings.get("among", ""), self.classes)

    def missing(self) -> list[tuple[str, str]]:
        """(what, cure) of weights and tools that are not here."""
        return self.front.missing()

    def load(self) -> None:
        """Build the network."""
        self.front.load()

    def signature(self, metric: str) -> Signature:
        """Everything that changes the accuracy."""
        closed = f"closed-{labels.digest(self.among)}" if self.among else "open"
        fields = (
            *self.front.fields(),
            ("classes", labels.digest(self.classes)),
            ("map", labels.map_digest()),
            ("set", closed),
            ("miss", self.miss),
            ("dec", "argmax"),
            *self.front.weight_fields(),
            ("v", "1"),
        )
        named = (("classes", ",".join(self.classes)), ("among", ",".join(self.among or self.classes)))
        long = (*named, *self.front.long_fields())
        return Signature(metric, fields, long)

    def applies(self, metric: str, sample: Sample) -> bool:
        """Whether `metric` is expected of `sample`: of basic emotions only."""
        return not sample.emotion.name or sample.emotion.basic

    def start(self, context: ClipContext) -> Measurement:
        """Follow one clip, or refuse it because of its label."""
        line = str(self.signature("emotion_acc"))
        emotion = context.sample.emotion.name
        if not emotion:
            return Refused(("emotion_acc",), (line,), "no_label")
        if not self.applies("emotion_acc", context.sample):
            return Refused(("emotion_acc",), (line,), NOT_APPLICABLE, f"'{emotion}' is not a basic emotion")
        if emotion not in (self.among or self.classes):
            return Refused(("emotion_acc",), (line,), "label_unknown", f"'{emotion}' is not one of its classes")
        return EmotionMeasurement(self, context, self.front.follow(context.path), line)

    def combine(self, metric: str, rows: Sequence[Mapping[str, npt.NDArray[Any]]]) -> float:
        """Percent of clips judged as their label; nan for no clips."""
        return mean_value(rows)

    def with_wrong(self, metric: str, rows: Sequence[Mapping[str, npt.NDArray[Any]]], lost: Sequence[str]) -> float:
        """The accuracy if clips of these emotions, which have no number, counted as wrong."""
        return self.combine(metric, rows) * len(rows) / (len(rows) + len(lost))

    def answers(self, metric: str, rows: Sequence[Mapping[str, npt.NDArray[Any]]]) -> list[str]:
        """What each clip was taken for; "" where it is undecided."""
        return [str(row["predicted"]) for row in rows]


@dataclass
class EmotionMeasurement:
    """One clip under judgement."""

    judge: EmotionAccuracy
    context: ClipContext
    track: FeatureTrack
    signature: str

    def feed(self, chunk: Chunk) -> None:
        """Take the sampled frames' features."""
        self.track.feed(chunk)

    def finish(self) -> Sequence[Row]:
        """One row: right (100), wrong (0), or the reason why there is no decision."""
        features = self.track.stacked()
        if len(features) == 0:
            return [self._undecided("no_face", f"no face in {self.track.sampled} sampled frames")]
        assert self.judge.front.net is not None
        logits = self.judge.front.net.logits(features).astype(np.float64)
        if not np.isfinite(logits).all():
            return [self._undecided("not_finite", "the judge's logits are not finite")]
        allowed = np.array([not self.judge.among or name in self.judge.among for name in self.judge.classes])
        logits = np.where(allowed, logits, -np.inf)
        probabilities = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
        left_out = ("frames_left_out",) if len(features) < self.track.sampled else ()
        notes = (*left_out, *self.context.notes)
        return [self._row(self.judge.classes[int(np.argmax(logits))], probabilities, notes)]

    def _undecided(self, reason: str, detail: str) -> Row:
        if self.judge.miss == "skip":
            return Unscored("emotion_acc", reason, self.signature, detail)
        nothing = np.zeros(len(self.judge.classes))
        return self._row("", nothing, (*self.context.notes, "undecided", reason))

    def _row(self, predicted: str, probabilities: npt.NDArray[np.float64], notes: tuple[str, ...]) -> Row:
        """`predicted` is a name of `classes` (the judge's order, as `probabilities`), or "" where it is undecided."""
        label = self.context.sample.emotion.name
        value = 100.0 if predicted == label else 0.0
        statistics = pack(
            value=value,
            label=label,
            predicted=predicted,
            classes=np.array(self.judge.classes),
            probabilities=probabilities,
            frames=self.track.sampled,
            faces=len(self.track.features),
        )
        return Scored("emotion_acc", value, self.signature, statistics, notes)


def _closed_set(text: str, classes: Sequence[str]) -> tuple[str, ...]:
    """Canonical names of a closed set in alphabetical order; () for an open one. Unknown names raise."""
    names = sorted({labels.canonical(name) for name in text.split(",") if name.strip()})
    for name in names:
        if name not in classes:
            raise unknown_name("class of this judge", name, classes)
    return tuple(names)
