"""The emotion judge: labels by name, undecided is a value, no clip touches another, everything is signed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from evaluators.emotion import labels
from evaluators.emotion.accuracy import EmotionAccuracy
from evaluators.emotion.emotion_fan import EmotionFAN
from evaluators.extended.extended_emotion import ExtendedEmotion
from evaluators.judge import rows_of
from evaluators.packing import unpack
from harness.errors import UsageError
from harness.evaluator import Chunk
from harness.records import Scored, Unscored
from harness.seeded import fill
from harness.signature import Signature
from networks.files import shipped
from tests import face_samples
from tests.places import CLIPS


@pytest.fixture(autouse=True)
def small_network(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """A seeded EmotionFAN of width 4 in the place of the demo's."""
    path = tmp_path_factory.getbasetemp() / "emotion.safetensors"
    if not path.is_file():
        network = EmotionFAN(width=4)
        fill(network)
        shipped.store(path, network, {"width": 4}, {"seed": 0})
    monkeypatch.setattr(shipped, "FOLDER", path.parent)


def judge(**settings: str) -> EmotionAccuracy:
    evaluator = EmotionAccuracy({"net": "demo", **settings}, "cpu")
    assert evaluator.missing() == []
    evaluator.load()
    return evaluator


@pytest.fixture(scope="module")
def talking() -> np.ndarray:
    return face_samples.clip(CLIPS / "talking.mp4", 101)[:40]


def noise(seed: int, frames: int = 12) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (frames, 64, 64, 3)).astype(np.uint8)


def predicted(evaluator: EmotionAccuracy, frames: np.ndarray) -> str:
    """What the judge sees, whatever is asked."""
    (row,) = face_samples.judged(evaluator, face_samples.sample("happy"), frames)
    return str(unpack(row.statistics)["predicted"])


def test_a_clip_is_right_or_wrong_by_name() -> None:
    evaluator = judge(align="frame")
    seen = predicted(evaluator, noise(1))
    other = next(name for name in evaluator.classes if name != seen)
    (right,) = face_samples.judged(evaluator, face_samples.sample(seen), noise(1))
    (wrong,) = face_samples.judged(evaluator, face_samples.sample(other), noise(1))
    assert (right.value, wrong.value) == (100.0, 0.0)
    kept = unpack(right.statistics)
    assert (str(kept["label"]), int(kept["frames"]), int(kept["faces"])) == (seen, 3, 3)
    assert kept["probabilities"].sum() == pytest.approx(1.0)
    assert kept["classes"][kept["probabilities"].argmax()] == seen


@pytest.mark.slow
def test_a_faceless_clip_is_undecided_and_touches_no_other(talking: np.ndarray) -> None:
    evaluator, asked = judge(), face_samples.sample("happy")
    (before,) = face_samples.judged(evaluator, asked, talking)
    (faceless,) = face_samples.judged(evaluator, asked, np.zeros_like(talking))
    (after,) = face_samples.judged(evaluator, asked, talking)
    assert isinstance(faceless, Unscored)
    assert (faceless.reason, faceless.detail) == ("no_face", "no face in 8 sampled frames")
    assert before == after
    strict = judge(miss="wrong")
    (counted,) = face_samples.judged(strict, asked, np.zeros_like(talking))
    assert isinstance(counted, Scored)
    assert (counted.value, counted.notes) == (0.0, ("undecided", "no_face"))
    assert str(unpack(counted.statistics)["predicted"]) == ""


def test_frames_without_a_face_are_left_out(talking: np.ndarray) -> None:
    half = talking.copy()
    half[20:] = 0
    (row,) = face_samples.judged(judge(), face_samples.sample("happy"), half)
    (alone,) = face_samples.judged(judge(), face_samples.sample("happy"), talking[:20])
    assert int(unpack(row.statistics)["faces"]) == 4
    assert (row.notes, alone.notes) == (("frames_left_out",), ())
    np.testing.assert_allclose(
        unpack(row.statistics)["probabilities"], unpack(alone.statistics)["probabilities"], atol=1e-5
    )


def test_chunks_do_not_change_the_answer() -> None:
    evaluator, frames = judge(align="frame", samp="every3"), noise(2, 50)
    results = []
    for size in (50, 32, 7):
        rows = rows_of(evaluator, face_samples.context(face_samples.sample()), face_samples.chunks(frames, size))
        results.append(unpack(rows[0].statistics))
    assert [int(kept["frames"]) for kept in results] == [17, 17, 17]
    for kept in results[1:]:
        np.testing.assert_allclose(kept["probabilities"], results[0]["probabilities"], atol=1e-6)


def test_two_judges_of_one_network_share_its_features(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = judge(align="frame"), judge(align="frame", miss="wrong")
    looked_at: list[int] = []
    for evaluator in (first, second):
        net: Any = evaluator.front.net
        features = net.features
        monkeypatch.setattr(net, "features", lambda crops, f=features: (looked_at.append(len(crops)), f(crops))[1])
    chunk, asked = Chunk(0, noise(3)), face_samples.context(face_samples.sample())
    rows = []
    for evaluator in (first, second):
        rows.append(rows_of(evaluator, asked, [chunk])[0])
    assert looked_at == [3]
    assert rows[0].statistics == rows[1].statistics


def test_a_slip_in_a_label_is_the_reason_and_no_extended_emotion() -> None:
    asked = face_samples.sample("", emotion_fields={"unrecognised": "hapy"})
    (row,) = face_samples.judged(EmotionAccuracy({"net": "demo"}, "cpu"), asked, noise(0))
    assert isinstance(row, Unscored)
    assert (row.reason, row.detail) == ("label_unrecognised", "'hapy'")
    extended = ExtendedEmotion({"net": "demo"}, "cpu")
    assert not any(extended.applies(facts.name, asked) for facts in extended.metrics)


@pytest.mark.parametrize(
    ("settings", "emotion", "reason"),
    [
        ({}, "sarcastic", "not_applicable"),
        ({}, "", "no_label"),
        ({"net": "cmet7"}, "neutral", "label_unknown"),
        ({"among": "joy,sadness"}, "angry", "label_unknown"),
    ],
)
def test_labels_a_judge_cannot_judge(settings: dict[str, str], emotion: str, reason: str) -> None:
    evaluator = EmotionAccuracy({"net": "demo", **settings}, "cpu")
    (row,) = face_samples.judged(evaluator, face_samples.sample(emotion), noise(0))
    assert isinstance(row, Unscored)
    assert row.reason == reason


def test_a_closed_set_decides_among_its_names() -> None:
    frames = noise(4)
    seen = predicted(judge(align="frame"), frames)
    rest = [name for name in labels.EAT_FAN if name != seen]
    closed = judge(align="frame", among=",".join(rest))
    (row,) = face_samples.judged(closed, face_samples.sample(rest[0]), frames)
    kept = unpack(row.statistics)
    assert str(kept["predicted"]) in rest
    assert kept["probabilities"][labels.EAT_FAN.index(seen)] == 0
    assert closed.among == tuple(sorted(rest))
    with pytest.raises(UsageError, match="boredom"):
        EmotionAccuracy({"net": "demo", "among": "joy,boredom"}, "cpu")
    with pytest.raises(UsageError, match="class of this judge"):
        EmotionAccuracy({"net": "cmet7", "among": "joy,neutral"}, "cpu")


def test_evenly_spaced_frames_need_the_length_of_the_clip(talking: np.ndarray) -> None:
    path = CLIPS / "hard_100frames.mp4"
    evaluator = judge(align="frame", samp="even16")
    (row,) = face_samples.judged(evaluator, face_samples.sample(), face_samples.clip(path), path)
    assert int(unpack(row.statistics)["frames"]) == 16


def test_the_signature_says_everything() -> None:
    lines = {str(judge(**settings).signature("emotion_acc")) for settings in (
        {}, {"form": "train"}, {"align": "frame"}, {"samp": "all"}, {"miss": "wrong"}, {"among": "joy,sad"},
    )}  # fmt: skip
    lines |= {str(EmotionAccuracy({"net": net}, "cpu").signature("emotion_acc")) for net in ("efan8-eat", "cmet7")}
    assert len(lines) == 8
    signature = judge().signature("emotion_acc")
    assert Signature.parse(str(signature)).fields == signature.fields
    fields = dict(signature.fields)
    assert (fields["net"], fields["samp"], fields["form"], fields["set"]) == (
        "demo-efan",
        "every5",
        "attention-eval",
        "open",
    )
    assert len(fields["w"]) == 8
    assert dict(signature.long)["classes"] == ",".join(labels.EAT_FAN)


def test_weights_that_are_not_here_come_with_their_cure() -> None:
    for net, name in (
        ("efan8-eat", "emotion-fan-eat"),
        ("cmet7", "emotion-cmet-mead"),
        ("hsemotion8", "hsemotion-b0-8"),
    ):
        (lack,) = EmotionAccuracy({"net": net}, "cpu").missing()
        assert name in lack.what
        assert lack.cure
    assert any("dlib" in lack.what for lack in EmotionAccuracy({"net": "demo", "align": "dlib5"}, "cpu").missing())
    with pytest.raises(UsageError, match="Did you mean 'align'"):
        EmotionAccuracy({"algin": "frame"}, "cpu")
    with pytest.raises(UsageError, match="emotion judge"):
        EmotionAccuracy({"net": "emonet"}, "cpu")


def test_accuracy_is_a_function_of_the_statistics_alone() -> None:
    evaluator = EmotionAccuracy({"net": "demo"}, "cpu")
    assert evaluator.combine("emotion_acc", [{"value": np.array(v)} for v in (100.0, 0.0, 100.0, 0.0)]) == 50.0
    assert np.isnan(evaluator.combine("emotion_acc", []))


def test_scores_that_are_not_finite_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    evaluator = judge(align="frame")
    net: Any = evaluator.front.net
    monkeypatch.setattr(net, "logits", lambda features: np.full(8, np.nan, np.float32))
    (row,) = face_samples.judged(evaluator, face_samples.sample(), noise(5))
    assert row.reason == "not_finite"
