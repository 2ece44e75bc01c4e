"""What stands beside a number: how far two judges agree, and what it were if lost clips counted as wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from evaluators.emotion.accuracy import EmotionAccuracy
from evaluators.extended.extended_emotion import ExtendedEmotion
from evaluators.packing import pack
from harness import agreement
from harness.evaluator import ClipContext, Evaluator, Fields, MetricFacts, Refusal
from harness.records import Emotion, Sample, Scored, SummaryRow, Unscored
from harness.store import RunStore
from harness.summary import summarise


class Silent(Evaluator):
    """A judge that answers with no name."""

    metrics = (MetricFacts("acc", "Accuracy", "%", True, 0.0, 100.0),)

    def fields(self, metric: str) -> Fields:
        return ()

    def start(self, context: ClipContext) -> Refusal:
        return Refusal("not_implemented_here")


class Named(Silent):
    """A judge that answers with names."""

    def answers(self, metric: str, rows: Any) -> list[str]:
        return []


def row(metric: str, line: str, value: float | None = 1.0, note: str = "") -> SummaryRow:
    return SummaryRow("set", "cmet", metric, value, "%", True, None, None, 3, 3, line, note)


def test_agreement_is_over_the_clips_that_both_decided() -> None:
    lines = ["acc|net:a|samp:all|w:11111111|v:1", "acc|net:b|samp:all|w:22222222|v:1"]
    given = {
        lines[0]: {"1": "happy", "2": "sad", "3": "sad", "4": "", "6": "sad"},
        lines[1]: {"1": "happy", "2": "sad", "3": "angry", "4": "sad", "5": "sad"},
    }
    columns = [(Named({}, "cpu"), "acc", line) for line in lines]
    rows = [row("acc", lines[0], note="kappa 0.5"), row("acc", lines[1]), row("acc", lines[1], None, "no_face")]
    found = agreement.noted(rows, columns, lambda method, judge, metric, line: given[line])
    told = [one.note for one in found]
    assert told == ["kappa 0.5; agrees with b on 67 % of 3 clips", "agrees with a on 67 % of 3 clips", "no_face"]
    assert agreement.noted(rows, columns[:1], lambda *_: {}) == rows
    assert agreement.noted(rows, [(Silent({}, "cpu"), "acc", line) for line in lines], lambda *_: {}) == rows


def test_two_judges_of_pseudo_labels_say_how_far_they_agree(tmp_path: Path) -> None:
    """The note of each says it; nothing is said of scores that answer with no name."""
    metrics = "pseudo_agreement, ext_shift"
    judges = [ExtendedEmotion({"net": net, "metrics": metrics}, "cpu") for net in ("cmet7", "hsemotion8")]
    columns = [(one, facts.name, str(one.signature(facts.name))) for one in judges for facts in one.metrics]
    likes = {"cmet7": (0, 0, 1, 1), "hsemotion8": (0, 1, 1, 1)}  # which of two labels each clip looks like
    with RunStore(tmp_path) as store:
        store.set_meta("asked", {"methods": ["cmet"]})
        for k, label in enumerate(("happy", "happy", "sad", "sad")):
            one = Sample(str(k), "set", f"p{k}", Emotion("envious", label, "pseudo"), tmp_path, tmp_path, 4)
            store.add_samples([one])
            rows = []
            for judge, (net, seen) in zip(judges, likes.items(), strict=True):
                line, logits = str(judge.signature("pseudo_agreement")), np.eye(2)[seen[k]]
                classes = np.array(["happy", "sad"])
                fields = {"pseudo": label, "logits": logits, "classes": classes, "label": "envious", "extended": True}
                rows.append(Scored("pseudo_agreement", None, line, pack(**fields, net=net)))
                rows.append(Unscored("ext_shift", "no_reference", str(judge.signature("ext_shift"))))
            store.put_rows("set", "cmet", one.id, rows)
        found, _ = summarise(store, columns)
    notes = [one.note for one in found if one.metric == "pseudo_agreement"]
    assert notes[0].endswith("; agrees with hsemotion-b0-8 on 75 % of 4 clips")
    assert notes[1].endswith("; agrees with cmet7 on 75 % of 4 clips")
    assert {one.note for one in found if one.metric == "ext_shift"} == {"no_reference"}


def test_lost_clips_are_missing_in_the_number_and_wrong_in_its_note(tmp_path: Path) -> None:
    judge = EmotionAccuracy({"net": "demo"}, "cpu")
    line = str(judge.signature("emotion_acc"))
    ends = ["happy", "sad", "no_face", "label_unknown"]
    with RunStore(tmp_path) as store:
        store.set_meta("asked", {"methods": ["cmet"]})
        for k, end in enumerate(ends):
            one = Sample(str(k), "set", f"p{k}", Emotion("happy"), tmp_path, tmp_path, 4)
            store.add_samples([one])
            value = 100.0 if end == "happy" else 0.0
            scored = Scored("emotion_acc", value, line, pack(value=value, predicted=end))
            row = scored if k < 2 else Unscored("emotion_acc", end, line)
            store.put_rows("set", "cmet", one.id, [row])
        (found,), _ = summarise(store, [(judge, "emotion_acc", line)])
    assert (found.value, found.n_scored, found.n_expected) == (50.0, 2, 4)
    assert found.note == "33.3 % with 1 lost clip as wrong"


def test_the_emotion_judges_answer_by_name() -> None:
    given = [{"predicted": np.array("happy")}, {"predicted": np.array("")}]
    assert EmotionAccuracy({"net": "demo"}, "cpu").answers("emotion_acc", given) == ["happy", ""]
