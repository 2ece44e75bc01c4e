"""One vocabulary: every spelling leads to a canonical name, and what signatures pin of it has not moved."""

from __future__ import annotations

from baselines.edtalk.expression import HEARD
from evaluators.emotion.labels import canonical, map_digest
from harness import emotions, records
from networks.emotion2vec.encoder import LABELS


def test_every_spelling_is_of_a_basic_emotion() -> None:
    assert records.BASIC_EMOTIONS is emotions.BASIC_EMOTIONS
    for labels in (*emotions.CORPUS_LABELS.values(), emotions.WORDS, emotions.ABBREVIATIONS):
        assert set(labels.values()) <= set(emotions.BASIC_EMOTIONS)
    assert emotions.CORPUS_LABELS["crema_d"] == {
        "ANG": "angry", "DIS": "disgusted", "FEA": "fear", "HAP": "happy", "NEU": "neutral", "SAD": "sad",
    }  # fmt: skip
    assert emotions.CORPUS_LABELS["meld"]["joy"] == "happy"
    assert emotions.CORPUS_LABELS["mead"] == {name: name for name in emotions.BASIC_EMOTIONS}


def test_corpora_and_judges_agree_on_every_word() -> None:
    for labels in emotions.CORPUS_LABELS.values():
        assert {word: canonical(word) for word in labels} == labels


def test_the_judges_map_is_the_one_that_signatures_pin() -> None:
    assert map_digest() == "4bdf3b40"


def test_every_class_of_the_recogniser_has_a_name_of_ours() -> None:
    assert {HEARD[name] for name in LABELS} <= set(emotions.BASIC_EMOTIONS)
