"""Emotion accuracy says in how many clips a named judge sees the emotion that was asked for.

Labels go by name. A clip is decided by the argmax of the judge's logits over all its classes (`set:open`) or over the
classes of the data set (`set:closed-…`, setting `among`). A clip without a face is undecided: left out with its reason
(`miss:skip`) or counted as wrong (`miss:wrong`); it touches no other clip (docs/reference/metrics.md,
'Emotion accuracy of EAT').
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evaluators.emotion import labels
from evaluators.emotion.features import SETTINGS, EmotionFront, FeatureTrack
from evaluators.packing import pack
from evaluators.settings import check, choice
from harness.errors import Missing, unknown_name
from harness.evaluator import (
    NOT_APPLICABLE,
    Chunk,
    ClipContext,
    Evaluator,
    Fields,
    Measurement,
    MetricFacts,
    Refusal,
    Statistics,
)
from harness.records import Row, Sample


class EmotionAccuracy(Evaluator):
    """Measures emotion accuracy. Settings: those of EmotionFront, `miss` (skip|wrong), `among` (names of a
    closed set).
    """

    metrics: tuple[MetricFacts, ...] = (MetricFacts("emotion_acc", "Emotion accuracy", "%", True, 0.0, 100.0),)

    def __init__(self, settings: Mapping[str, str], device: str) -> None:
        check("emotion", settings, (*SETTINGS, "miss", "among"))
        self.front = EmotionFront(settings, device)
        self.miss = choice(settings, "miss", ("skip", "wrong"), "skip")
        self.classes = self.front.spec.classes
        self.among = _closed_set(settings.get("among", ""), self.classes)

    def missing(self) -> list[Missing]:
        """Returns the weights and tools that are not here."""
        return self.front.missing()

    def load(self) -> None:
        """Build the network."""
        self.front.load()

    def fields(self, metric: str) -> Fields:
        """Returns network and crop, classes and their names, the rule for clips without a decision, weights."""
        closed = f"closed-{labels.digest(self.among)}" if self.among else "open"
        assumed = f"-{self.front.spec.assumed}" if self.front.spec.assumed else ""
        return (
            *self.front.fields(),
            ("classes", f"{labels.digest(self.classes)}{assumed}"),
            ("map", labels.map_digest()),
            ("set", closed),
            ("miss", self.miss),
            ("dec", "argmax"),
            *self.front.weight_fields(),
        )

    def long_fields(self, metric: str) -> Fields:
        """Returns the names of its classes, and whole hashes."""
        named = (("classes", ",".join(self.classes)), ("among", ",".join(self.among or self.classes)))
        return (*named, *self.front.long_fields())

    def applies(self, metric: str, sample: Sample) -> bool:
        """Says whether `metric` is expected of `sample`: of basic emotions only."""
        return not sample.emotion.name or sample.emotion.basic

    def start(self, context: ClipContext) -> Measurement | Refusal:
        """Follow one clip, or refuse it because of its label."""
        if refusal := labels.unlabelled(context.sample.emotion):
            return refusal
        emotion = context.sample.emotion.name
        if not self.applies("emotion_acc", context.sample):
            return Refusal(NOT_APPLICABLE, f"'{emotion}' is not a basic emotion")
        if emotion not in (self.among or self.classes):
            return Refusal("label_unknown", f"'{emotion}' is none of {', '.join(self.among or self.classes)}")
        return EmotionMeasurement(self, context, self.front.follow(context.path))

    def with_wrong(self, metric: str, rows: Sequence[Statistics], lost: Sequence[str]) -> float:
        """Returns the accuracy if clips of these emotions, which have no number, counted as wrong."""
        return self.combine(metric, rows) * len(rows) / (len(rows) + len(lost))

    def answers(self, metric: str, rows: Sequence[Statistics]) -> list[str]:
        """Returns the emotion that each clip was taken for; "" where it is undecided."""
        return [str(row["predicted"]) for row in rows]


@dataclass
class EmotionMeasurement:
    """Follows one clip from its sampled frames to the judge's decision."""

    judge: EmotionAccuracy
    context: ClipContext
    track: FeatureTrack

    def feed(self, chunk: Chunk) -> None:
        """Take the sampled frames' features."""
        self.track.feed(chunk)

    def finish(self) -> Sequence[Row] | Refusal:
        """Returns one row: right (100), wrong (0), or the reason why there is no decision."""
        features = self.track.stacked()
        if len(features) == 0:
            return self._undecided(Refusal("no_face", f"no face in {self.track.sampled} sampled frames"))
        assert self.judge.front.net is not None
        logits = self.judge.front.net.logits(features).astype(np.float64)
        if not np.isfinite(logits).all():
            return self._undecided(Refusal("not_finite", "the judge's logits are not finite"))
        allowed = np.array([not self.judge.among or name in self.judge.among for name in self.judge.classes])
        logits = np.where(allowed, logits, -np.inf)
        probabilities = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
        left_out = ("frames_left_out",) if len(features) < self.track.sampled else ()
        notes = (*left_out, *self.context.notes)
        return [self._row(self.judge.classes[int(np.argmax(logits))], probabilities, notes)]

    def _undecided(self, refusal: Refusal) -> Sequence[Row] | Refusal:
        """No number, or (`miss` = wrong) a wrong answer with the reason in its notes."""
        if self.judge.miss == "skip":
            return refusal
        nothing = np.zeros(len(self.judge.classes))
        return [self._row("", nothing, (*self.context.notes, "undecided", refusal.reason))]

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
        return self.judge.scored("emotion_acc", value, statistics, notes, self.track.series())


def _closed_set(text: str, classes: Sequence[str]) -> tuple[str, ...]:
    """Canonical names of a closed set in alphabetical order; () for an open one. Unknown names raise."""
    names = sorted({labels.canonical(name) for name in text.split(",") if name.strip()})
    for name in names:
        if name not in classes:
            raise unknown_name("class of this judge", name, classes)
    return tuple(names)
