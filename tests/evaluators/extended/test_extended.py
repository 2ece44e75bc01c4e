"""Extended emotions: the statistics answer planted structure, stay at chance without it, and leave identities out."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evaluators.emotion.emotion_fan import EmotionFAN
from evaluators.extended import consistency, direction, pool
from evaluators.extended.edge_space import EdgeSpace, edge_histograms
from evaluators.extended.extended_emotion import NAMES, ExtendedEmotion
from evaluators.packing import unpack
from harness.errors import UsageError
from harness.media import VideoWriter
from harness.records import Scored
from harness.seeded import fill
from networks.files import shipped
from tests import face_samples
from tests.places import CLIPS, GOLDEN

EMOTIONS = ("charismatic", "envious", "romantic", "sarcastic")
BASIC = ("happy", "sad", "neutral")


def planted(strength: float, people: int = 4, seed: int = 0, **fields: Any) -> list[dict[str, Any]]:
    """Rows of every emotion by `people` identities; `strength` of the emotion's own direction in the clips."""
    rng = np.random.default_rng(seed)
    axes = dict(zip((*EMOTIONS, *BASIC), np.eye(12), strict=False))
    axes["neutral"] = np.zeros(12)
    rows = []
    for person in range(people):
        for name, axis in axes.items():
            rows.append(
                {
                    "direction": strength * axis + 0.1 * rng.normal(size=12),
                    "truth": axis + 0.1 * rng.normal(size=12),
                    "label": name,
                    "identity": f"p{person}",
                    "extended": name in EMOTIONS,
                    "pseudo": "happy" if name in EMOTIONS[:2] else "sad",
                    **fields,
                }
            )
    return rows


@pytest.fixture
def judge() -> ExtendedEmotion:
    return ExtendedEmotion({"space": "hog"}, "cpu")


def test_planted_emotions_are_recognised_and_absent_ones_are_not(judge: ExtendedEmotion) -> None:
    present, absent = planted(0.8), planted(0.0)
    assert judge.combine("ext_acc", present) == 100.0
    assert judge.combine("ext_acc", absent) == 0.0  # nothing moves: nearest to neutral
    assert judge.combine("ext_identifiability", present) == 100.0
    chance = [judge.combine("ext_identifiability", planted(0.0, 6, seed)) for seed in range(20)]
    assert np.mean(chance) == pytest.approx(25, abs=8)
    assert judge.combine("ext_shift", present) == pytest.approx(0.8, abs=0.1)
    assert judge.combine("ext_shift", absent) < 0.4


def test_wrong_emotions_are_wrong(judge: ExtendedEmotion) -> None:
    rows = planted(1.0)
    for start in range(0, len(rows), 7):  # each identity's extended clips, one place further
        clips = [row["direction"] for row in rows[start : start + 4]]
        for row, clip in zip(rows[start : start + 4], [*clips[1:], clips[0]], strict=True):
            row["direction"] = clip
    assert judge.combine("ext_acc", rows) == 0.0


def test_an_identity_never_helps_itself() -> None:
    """A bank in which only the query's own identity is right must not answer right."""
    bank = np.array([[1.0, 0], [0, 1.0]])
    guess = direction.centroid_guesses([[1.0, 0]], ["a"], bank, ["x", "y"], ["a", "b"], cosine=False)
    assert guess == ["y"]
    assert direction.centroid_guesses([[1.0, 0]], ["a"], bank[:1], ["x"], ["a"], cosine=True) == [""]


def test_one_identity_cannot_answer(judge: ExtendedEmotion) -> None:
    rows = planted(1.0, people=1)
    assert judge.combine("ext_acc", rows) == 0.0
    assert judge.combine("ext_identifiability", rows) == 0.0
    assert np.isnan(judge.combine("ext_acc", [row for row in rows if not row["extended"]]))
    for name in NAMES:
        assert np.isnan(judge.combine(name, []))
        assert judge.note(name, []) == ""


def test_notes_print_chance_and_ceiling(judge: ExtendedEmotion) -> None:
    rows = planted(0.9)
    assert judge.note("ext_acc", rows) == "chance 14.3 % of 7 classes"
    assert judge.note("ext_identifiability", rows) == "chance 25.0 %, ceiling of a given label 50.0 %"
    assert "quartiles" in judge.note("ext_shift", rows)


def test_clips_keep_their_half_when_others_are_left_out(judge: ExtendedEmotion) -> None:
    """A profile's reliability compares halves: dealt out anew, every clip after the first gone would change sides."""
    rows = planted(0.5, people=4)
    (without,) = judge.without("ext_profile", rows, [[next(k for k, row in enumerate(rows) if row["extended"])]])
    first = next(k for k, row in enumerate(rows) if row["extended"])
    kept = [row for k, row in enumerate(pool.halved(rows)) if k != first]
    assert without == judge.combine("ext_profile", kept)
    assert without != judge.combine("ext_profile", [row for k, row in enumerate(rows) if k != first])


def test_lost_clips_as_wrong(judge: ExtendedEmotion) -> None:
    rows = planted(0.8)
    assert judge.with_wrong("ext_acc", rows, ["sarcastic"] * 4) == 100.0 * 16 / 20
    assert judge.with_wrong("ext_identifiability", rows, ["sarcastic"] * 4) == (3 * 100.0 + 50.0) / 4
    assert judge.with_wrong("ext_shift", rows, ["sarcastic"]) is None


def test_label_ceiling_is_the_published_one() -> None:
    with (GOLDEN / "emotion" / "gemini_labels.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    emotions, given = [row["emotion"] for row in rows], [row["ser_emotion"] for row in rows]
    assert direction.label_ceiling(emotions, given) == pytest.approx(100 * 76 / 150)
    merged = ["neutral" if label == "<unk>" else label for label in given]
    assert direction.label_ceiling(emotions, merged) == pytest.approx(100 * 73 / 150)


def test_structure_agreement_sees_a_rotation_and_not_noise(judge: ExtendedEmotion) -> None:
    rng = np.random.default_rng(0)
    voices = {name: rng.normal(size=6) for name in (*EMOTIONS, *BASIC[:2])}
    turn = np.linalg.qr(rng.normal(size=(6, 6)))[0]
    rows = [{**row, "voice": voices[row["label"]]} for row in planted(1.0) if row["label"] in voices]
    for row in rows:
        row["direction"] = turn @ row["voice"]
    assert judge.combine("av_structure", rows) == pytest.approx(1.0)
    assert judge.note("av_structure", rows) == "permutation p 0.0014"  # 1 of 720
    p_values = [
        direction.structure_p_value(rng.normal(size=(6, 9)), rng.normal(size=(6, 9)), 0, rng) for _ in range(20)
    ]
    assert 0.25 < np.mean(p_values) < 0.75
    assert np.isnan(direction.structure_agreement(np.ones((2, 3)), np.ones((2, 3))))
    sampled = direction.structure_p_value(np.eye(9) + 0.1 * rng.normal(size=(9, 9)), rng.normal(size=(9, 9)), 200, rng)
    assert 0 < sampled <= 1


def test_within_between_has_its_p_value(judge: ExtendedEmotion) -> None:
    rows = [row for row in planted(1.0) if row["extended"]]
    columns = [[row[key] for row in rows] for key in ("direction", "label", "identity")]
    gap, p = consistency.within_between(np.array(columns[0]), columns[1], columns[2], 99, np.random.default_rng(0))
    assert gap > 0.5
    assert p == pytest.approx(0.01)
    assert gap == pytest.approx(judge.combine("ext_consistency", planted(1.0)))
    assert judge.note("ext_consistency", planted(1.0)) == "permutation p 0.0001 of 10000"
    unit = direction.unit(np.array(columns[0]))
    pairs = [(i, j) for i in range(len(rows)) for j in range(i) if columns[2][i] != columns[2][j]]
    inside = [unit[i] @ unit[j] for i, j in pairs if columns[1][i] == columns[1][j]]
    across = [unit[i] @ unit[j] for i, j in pairs if columns[1][i] != columns[1][j]]
    assert gap == pytest.approx(np.mean(inside) - np.mean(across))  # the definition, pair by pair
    generators = [np.random.default_rng(seed) for seed in range(30)]
    noise = [(rng.normal(size=(len(rows), 12)), columns[1], columns[2], 99, rng) for rng in generators]
    p_values = [consistency.within_between(*given)[1] for given in noise]
    assert 0.3 < np.mean(p_values) < 0.7
    assert np.mean(np.array(p_values) <= 0.1) <= 0.3


def test_one_identity_or_one_emotion_has_no_consistency() -> None:
    rows = np.eye(4)
    for labels, who in ((list("aabb"), list("1111")), (list("aaaa"), list("1212")), (list("abcd"), list("1234"))):
        assert np.isnan(consistency.within_between(rows, labels, who, 9, np.random.default_rng(0))).any()
    assert np.isnan(consistency.within_between(np.zeros((0, 3)), [], [])[0])


def test_profiles_say_what_an_emotion_is_made_of(judge: ExtendedEmotion) -> None:
    """A planted mixture is found, with other people's real emotions only."""
    rows = planted(0.0, people=6)
    mixed = {"sarcastic": (0.8, 0.6), "envious": (-0.6, 0.8), "charismatic": (1.0, 0.0), "romantic": (0.0, -1.0)}
    for row in rows:
        if row["extended"]:
            happy, sad = mixed[row["label"]]
            row["direction"] = row["direction"] + happy * np.eye(12)[4] + sad * np.eye(12)[5]
    assert judge.combine("ext_profile", rows) > 0.95
    told = judge.note("ext_profile", rows)
    assert re.search(r"sarcastic = happy \+0\.[678]\d, sad \+0\.[456]\d", told)
    assert "neutral" not in told
    noise = [judge.combine("ext_profile", planted(0.0, 4, seed)) for seed in range(10)]
    assert abs(np.mean(noise)) < 0.5
    assert np.isnan(judge.combine("ext_profile", [row for row in rows if row["extended"]]))


def test_a_neutral_control_that_moves_is_called_out(judge: ExtendedEmotion) -> None:
    rows = planted(0.9)
    assert "neutral control 0." in judge.note("ext_shift", rows)
    assert "FAILS" not in judge.note("ext_shift", rows)
    for row in rows:
        if row["label"] == "neutral":
            row["direction"] = np.eye(12)[11]
    assert "CONTROL FAILS" in judge.note("ext_shift", rows)


def test_the_commonest_confusion_is_told(judge: ExtendedEmotion) -> None:
    rows = planted(1.0)
    for row in rows:
        if row["label"] == "envious" and row["identity"] != "p0":
            row["direction"] = np.eye(12)[EMOTIONS.index("romantic")]
    assert "; confused: envious → romantic" in judge.note("ext_identifiability", rows)


def test_profile_and_spearman_ties() -> None:
    np.testing.assert_allclose(direction.profile([1.0, 1.0], np.eye(2)), [0.5**0.5] * 2)
    same = np.array([[1.0, 0], [1.0, 0], [0, 1.0]])
    assert direction.structure_agreement(same, same) == pytest.approx(1.0)


def test_pseudo_labels_are_judged_in_their_closed_set(judge: ExtendedEmotion) -> None:
    classes = np.array(("angry", "happy", "sad"))
    rows = []
    for given, logits in (("happy", [9, 1, 0]), ("happy", [9, 0, 1]), ("sad", [9, 0, 1]), ("sad", [9, 0, 1])):
        rows.append({**planted(1.0)[0], "pseudo": given, "logits": np.array(logits), "classes": classes})
    assert judge.combine("pseudo_agreement", rows) == 75.0
    assert "kappa 0.50" in judge.note("pseudo_agreement", rows)
    assert direction.kappa(["a", "b"], ["a", "b"]) == 1.0
    assert np.isnan(direction.kappa(["a", "a"], ["a", "a"]))


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten frames of a real face."""
    path = tmp_path_factory.mktemp("clips") / "face.mp4"
    with VideoWriter(path, 256, 256) as writer:
        for frame in face_samples.clip(CLIPS / "talking.mp4", 101)[:10]:
            writer.write(frame)
    return path


def rows_of(evaluator: ExtendedEmotion, emotion: str, video: Path, **fields: Any) -> dict[str, Any]:
    evaluator.load()
    asked = face_samples.sample(emotion, source_video=video, **fields)
    frames = face_samples.clip(video)
    return {row.metric: row for row in face_samples.judged(evaluator, asked, frames, video)}


@pytest.mark.slow
def test_rows_of_an_extended_sample(judge: ExtendedEmotion, video: Path) -> None:
    rows = rows_of(judge, "sarcastic", video, reference_video=video)
    assert set(rows) == set(NAMES)
    assert isinstance(rows["ext_acc"], Scored)
    assert rows["ext_acc"].value is None
    kept = unpack(rows["ext_acc"].statistics)
    np.testing.assert_allclose(kept["direction"], 0, atol=0.02)  # the clip is its own neutral clip
    np.testing.assert_allclose(kept["truth"], 0, atol=1e-6)
    assert (str(kept["label"]), bool(kept["extended"])) == ("sarcastic", True)
    assert rows["av_structure"].reason == "no_reference"
    assert rows["pseudo_agreement"].reason == "not_applicable"


def test_basic_samples_only_lend_their_truth(judge: ExtendedEmotion, video: Path) -> None:
    rows = rows_of(judge, "happy", video, reference_video=video)
    assert rows["ext_acc"].notes == rows["ext_shift"].notes == ("reference_only",)
    assert rows["ext_identifiability"].reason == "not_applicable"
    alone = rows_of(judge, "happy", video)
    assert alone["ext_acc"].reason == "not_applicable"
    assert rows_of(judge, "sarcastic", video)["ext_acc"].reason == "no_reference"
    scaled = ExtendedEmotion({"space": "hog", "scale": "0.5"}, "cpu")
    assert isinstance(rows_of(scaled, "sarcastic", video)["ext_shift"], Scored)


def test_the_truth_is_read_once(judge: ExtendedEmotion, video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows_of(judge, "sarcastic", video, reference_video=video)
    followed, plain = [], EdgeSpace.follow
    monkeypatch.setattr(EdgeSpace, "follow", lambda self, path: followed.append(path) or plain(self, path))
    rows_of(ExtendedEmotion({"space": "hog"}, "cpu"), "sarcastic", video, reference_video=video)
    assert followed == [video]  # the clip itself; what it is compared with comes from the cache


def test_faceless_clips_and_references(judge: ExtendedEmotion, video: Path, tmp_path: Path) -> None:
    asked = face_samples.sample("sarcastic", source_video=video)
    black = np.zeros((6, 64, 64, 3), np.uint8)
    assert {row.reason for row in face_samples.judged(judge, asked, black)} == {"no_face"}
    with VideoWriter(tmp_path / "black.mp4", 64, 64) as writer:
        for frame in black:
            writer.write(frame)
    faceless = face_samples.sample("sarcastic", source_video=tmp_path / "black.mp4")
    rows = face_samples.judged(judge, faceless, face_samples.clip(video))
    assert {row.reason for row in rows} == {"no_reference_face"}
    assert {row.reason for row in face_samples.judged(judge, face_samples.sample("sarcastic"), black)} == {
        "no_reference"
    }
    assert {row.reason for row in face_samples.judged(judge, face_samples.sample(""), black)} == {"no_label"}


@pytest.mark.slow
def test_pseudo_labels_need_a_judge(video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network = EmotionFAN(width=4)
    fill(network)
    shipped.store(tmp_path / "emotion.safetensors", network, {"width": 4}, {})
    monkeypatch.setattr(shipped, "FOLDER", tmp_path)
    judge = ExtendedEmotion({"net": "demo"}, "cpu")
    fields = {"label": "happy", "label_is": "pseudo"}
    rows = rows_of(judge, "sarcastic", video, emotion_fields=fields)
    assert len(unpack(rows["pseudo_agreement"].statistics)["logits"]) == 8
    fields["label"] = "neutral"
    assert rows_of(judge, "sarcastic", video, emotion_fields=fields)["pseudo_agreement"].reason == "not_applicable"


def test_a_second_space_may_report_less(video: Path) -> None:
    judge = ExtendedEmotion({"space": "hog", "metrics": "ext_acc, ext_shift"}, "cpu")
    assert [facts.name for facts in judge.metrics] == ["ext_acc", "ext_shift"]
    assert set(rows_of(judge, "sarcastic", video)) == {"ext_acc", "ext_shift"}
    assert {facts.name for facts in ExtendedEmotion.metrics} == {*NAMES}  # the class's own facts stay whole
    with pytest.raises(UsageError, match="Did you mean 'ext_acc'"):
        ExtendedEmotion({"metrics": "ext_ac"}, "cpu")


def test_spaces_and_settings_are_signed() -> None:
    every = ({}, {"space": "hog"}, {"net": "demo"}, {"space": "hog", "dist": "cosine"})
    assert len({str(ExtendedEmotion(settings, "cpu").signature("ext_acc")) for settings in every}) == len(every)
    for settings in ({"space": "geo"}, {"scale": "-1"}, {"scale": "much"}, {"voices": "demo"}):
        with pytest.raises(UsageError):
            ExtendedEmotion(settings, "cpu")


def test_edge_histograms_see_lips_and_brows_not_light() -> None:
    rng = np.random.default_rng(0)
    chip = rng.integers(90, 110, (112, 112, 3)).astype(np.uint8)
    chip[20:22, 20:90] = chip[80:83, 40:72] = 20  # brows and a closed mouth
    opened, raised, darker = chip.copy(), chip.copy(), (chip * 0.7).astype(np.uint8)
    opened[83:92, 44:68] = 20
    raised[20:22, 20:90], raised[14:16, 20:90] = 100, 20
    base = edge_histograms(chip)
    assert base.shape == (680,)
    np.testing.assert_allclose([np.sum(base[:400] ** 2), np.sum(base[400:] ** 2)], 1, atol=1e-5)
    moved = {name: edge_histograms(picture) - base for name, picture in (("mouth", opened), ("brow", raised))}
    light = float(np.linalg.norm(edge_histograms(darker) - base))
    assert np.linalg.norm(moved["mouth"][400:]) > 5 * light
    assert np.linalg.norm(moved["mouth"][:400]) == 0
    assert np.linalg.norm(moved["brow"][:400]) > 5 * light
    assert np.isfinite(edge_histograms(np.zeros((112, 112, 3), np.uint8))).all()


def test_the_space_of_edges_follows_a_clip(video: Path) -> None:
    judge = ExtendedEmotion({"space": "hog"}, "cpu")
    rows = rows_of(judge, "sarcastic", video, reference_video=video)
    kept = unpack(rows["ext_consistency"].statistics)
    assert kept["direction"].shape == (680,)
    np.testing.assert_allclose(kept["direction"], 0, atol=0.05)
    assert rows["ext_profile"].value is None
    assert rows_of(judge, "happy", video, reference_video=video)["ext_profile"].notes == ("reference_only",)
