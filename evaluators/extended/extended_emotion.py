"""This judge measures extended emotions (sarcasm, envy, …), which no judge is trained on
(docs/reference/extended_emotions.md).

Everything is about directions d = mean features of a clip minus those of the identity's neutral clip, in one
named space (setting `space`; use several entries for several spaces). All metrics are pooled: a row keeps
the clip's part, `combine` is pure numpy. Distinct and consistent is not yet correct: only `ext_acc`, which
needs ground truth, says whether the emotion asked for is the one that came out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from evaluators.emotion.features import FeatureTrack
from evaluators.emotion.labels import unlabelled
from evaluators.extended import pool, spaces
from evaluators.extended.voice import NETS, Voice
from evaluators.packing import pack
from evaluators.settings import check, choice, positive, several, unused
from harness.errors import Missing, MissingError
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
from harness.records import Row, Sample, Scored

Float = npt.NDArray[np.float32]
_LABELLED = ("label", "image", "clip")  # a method that used one of these got the label as input
NAMES = (
    *("ext_acc", "ext_shift", "ext_identifiability", "ext_consistency", "ext_profile"),
    *("av_structure", "pseudo_agreement"),
)
#: Metrics to which clips of basic emotions give their ground truth (the scale, the bank, the basis).
_LENT = ("ext_acc", "ext_shift", "ext_profile")


def _facts(name: str, title: str, unit: str, low: float, high: float, reference: bool = False) -> MetricFacts:
    ranked = name not in ("ext_shift", "ext_profile")
    return MetricFacts(name, title, unit, True, low, high, reference, "pooled", ranked)


class ExtendedEmotion(Evaluator):
    """Measures extended emotions. Settings: of spaces and EmotionFront, `dist` (euclid|cosine), `voice`, `scale`,
    `metrics`.

    `metrics` names those to report (comma between them), so that a second space need not fill five columns.
    """

    metrics: tuple[MetricFacts, ...] = (
        _facts("ext_acc", "Extended-emotion accuracy", "%", 0.0, 100.0, reference=True),
        _facts("ext_shift", "Shift strength", "", 0.0, float("inf")),
        _facts("ext_identifiability", "Identifiability", "%", 0.0, 100.0),
        _facts("ext_consistency", "Within − between cosine", "", -2.0, 2.0),
        _facts("ext_profile", "Profile reliability", "", -1.0, 1.0),
        _facts("av_structure", "Voice-face structure", "", -1.0, 1.0),
        _facts("pseudo_agreement", "Pseudo-label agreement", "%", 0.0, 100.0),
    )

    def __init__(self, settings: Mapping[str, str], device: str) -> None:
        check("extended", settings, (*spaces.SETTINGS, "dist", "voice", "scale", "metrics"))
        self.names = several(settings, "metrics", NAMES)
        self.metrics = tuple(facts for facts in type(self).metrics if facts.name in self.names)
        self.space = spaces.build(settings, device)
        self.distance = choice(settings, "dist", ("euclid", "cosine"), "euclid")
        default_voice = "demo" if settings.get("net") == "demo" else "emotion2vec"
        self.voice = Voice(choice(settings, "voice", NETS, default_voice), device)
        self.scale = positive(settings, "scale", "the mean |d| of real emotional clips in this space")
        for key, name in (("dist", "ext_acc"), ("voice", "av_structure"), ("scale", "ext_shift")):
            if name not in self.names:
                unused(f"The extended-emotion judge without {name}", settings, (key,))

    def missing(self) -> list[Missing]:
        """Returns the missing prerequisites of the space; without the speech encoder only av_structure is unscored."""
        return self.space.missing()

    def load(self) -> None:
        """Build the space's network."""
        self.space.load()

    def fields(self, metric: str) -> Fields:
        """Returns space, base line, and the metric's own fields."""
        own = {
            "ext_acc": (("dec", f"centroid-{self.distance}-loio"),),
            "ext_shift": (("scale", f"{self.scale:g}" if self.scale else "truth"),),
            "ext_identifiability": (("dec", "centroid-cosine-loio"),),
            "ext_consistency": (("pairs", "other-identities"),),
            "ext_profile": (("basis", "truth-loio"), ("half", "alternate")),
            "av_structure": self.voice.fields(),
            "pseudo_agreement": (("set", "closed-occurring"), ("agg", "macro-recall")),
        }[metric]
        return *self.space.fields(), ("base", "neutral-clip"), *own

    def applies(self, metric: str, sample: Sample) -> bool:
        """Says whether `metric` is expected of `sample`: most are of extended emotions only."""
        emotion = sample.emotion
        if emotion.unrecognised:
            return False
        if metric == "av_structure":
            return emotion.name != "neutral"
        if metric == "pseudo_agreement":
            return emotion.label_is == "pseudo" and emotion.label not in (None, "", "neutral", "unknown")
        return not emotion.name or not emotion.basic

    def start(self, context: ClipContext) -> Measurement | Refusal:
        """Follow one clip, unless the sample has no neutral clip or no emotion."""
        if refusal := unlabelled(context.sample.emotion):
            return refusal
        if context.sample.source_video is None:
            return Refusal("no_reference", "the sample has no neutral clip of its identity")
        return DirectionMeasurement(self, context, self.space.follow(context.path))

    def combine(self, metric: str, rows: Sequence[Statistics]) -> float:
        """Returns the score of a set of clips; nan where the set cannot answer (one identity, one emotion)."""
        return pool.combine(metric, rows, self.distance == "cosine", self.scale)

    def without(self, metric: str, rows: Sequence[Statistics], groups: Sequence[Sequence[int]]) -> list[float]:
        """Returns the score without each group of clips; in profile reliability each clip stays in its half.

        nan for the median `ext_shift`: how far a median moves does not say how sure it is (docs/statistics.md).
        """
        if metric == "ext_shift":
            return [float("nan")] * len(groups)
        read = pool.read_once(rows)
        return super().without(metric, pool.halved(read) if metric == "ext_profile" else read, groups)

    def with_wrong(self, metric: str, rows: Sequence[Statistics], lost: Sequence[str]) -> float | None:
        """Returns the score if clips of these emotions, which have no number, counted as wrong; None for other scores
        than shares.
        """
        return pool.with_wrong(metric, rows, lost, self.distance == "cosine")

    def answers(self, metric: str, rows: Sequence[Statistics]) -> list[str] | None:
        """Returns the emotion that each clip was taken for, in the pseudo-label agreement; None for metrics without
        names.
        """
        return pool.pseudo_guesses(rows)[1] if metric == "pseudo_agreement" else None

    def note(self, metric: str, rows: Sequence[Statistics]) -> str:
        """Returns the note that must be read with the number: chance, ceiling, spread, p."""
        return pool.note(metric, rows, self.scale)


@dataclass
class DirectionMeasurement:
    """Collects one clip's features as chunks come in."""

    judge: ExtendedEmotion
    context: ClipContext
    track: spaces.SpaceTrack

    def feed(self, chunk: Chunk) -> None:
        """Take the sampled frames' features."""
        self.track.feed(chunk)

    def finish(self) -> Sequence[Row] | Refusal:
        """Returns one row for each metric."""
        sample = self.context.sample
        assert sample.source_video is not None
        clip = spaces.mean_of(self.track)
        base = spaces.clip_mean(self.judge.space, sample.source_video)
        if len(clip) == 0:
            return Refusal("no_face", "no sampled frame shows a face")
        if len(base) == 0:
            return Refusal("no_reference_face", f"no face in {sample.source_video.name}")
        if not np.isfinite(clip).all():
            return Refusal("not_finite", "a feature is not finite")
        truth: Float = np.zeros(0, np.float32)
        if sample.reference_video is not None:
            truth = spaces.clip_mean(self.judge.space, sample.reference_video)
            truth = truth - base if len(truth) else truth
        common = {
            "direction": clip - base,
            "truth": truth,
            "label": sample.emotion.name,
            "identity": sample.identity,
            "extended": not sample.emotion.basic,
            "pseudo": sample.emotion.label or "",
        }
        rows = [self._row(name, sample, common) for name in self.judge.names]
        return [self._with_series(row) if row.metric == "ext_acc" else row for row in rows]

    def _with_series(self, row: Row) -> Row:
        """The row of an extended emotion with the basic ones that the network sees in each frame."""
        if not isinstance(row, Scored) or not isinstance(self.track, FeatureTrack):
            return row
        return row if self.context.sample.emotion.basic else replace(row, series=self.track.series())

    def _row(self, name: str, sample: Sample, common: Mapping[str, Any]) -> Row:
        scaled = name == "ext_shift" and self.judge.scale is not None
        if not self.judge.applies(name, sample):
            lent = name in _LENT and not scaled and len(common["truth"]) > 0
            return self._scored(name, common, ("reference_only",)) if lent else self._not_applicable(name)
        if name == "av_structure":
            return self._structure_row(sample, common)
        if name == "pseudo_agreement":
            return self._pseudo_row(sample, common)
        if name in ("ext_acc", "ext_shift") and not scaled and len(common["truth"]) == 0:
            return self.judge.unscored(name, Refusal("no_reference", "there is no true clip, or no face in it"))
        return self._scored(name, common, self.context.notes)

    def _structure_row(self, sample: Sample, common: Mapping[str, Any]) -> Row:
        name = "av_structure"
        try:
            voice = self.judge.voice.direction(sample)
        except MissingError as error:
            return self.judge.unscored(name, Refusal("weights_missing", str(error)))
        if voice is None:
            return self.judge.unscored(name, Refusal("no_reference", "the sample has no emotional and neutral speech"))
        return self._scored(name, {**common, "voice": voice}, self.context.notes)

    def _pseudo_row(self, sample: Sample, common: Mapping[str, Any]) -> Row:
        name, space = "pseudo_agreement", self.judge.space
        label = sample.emotion.label
        if not isinstance(space, spaces.JudgeSpace):
            return self._not_applicable(name)
        assert space.front.net is not None
        classes = space.front.spec.classes
        if label not in classes:
            return self.judge.unscored(name, Refusal("label_unknown", f"'{label}' is none of {', '.join(classes)}"))
        logits = space.front.net.logits(self.track.stacked())
        more: dict[str, Any] = {"logits": logits, "classes": np.array(classes)}
        if self.context.made is not None and self.context.made.used not in ("", "unknown"):
            more["told"] = self.context.made.used in _LABELLED
        return self._scored(name, {**common, **more}, self.context.notes)

    def _scored(self, name: str, common: Mapping[str, Any], notes: tuple[str, ...] = ()) -> Row:
        return self.judge.scored(name, None, pack(**common), notes)

    def _not_applicable(self, name: str) -> Row:
        return self.judge.unscored(name, Refusal(NOT_APPLICABLE))
