"""One vocabulary: every spelling leads to a canonical name, and signatures pin this vocabulary."""

from __future__ import annotations

from baselines.heard_label import HEARD
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


#: (noun, adjective, short form) of each basic emotion, as the vocabularies in use print them.
SPELLINGS = {
    "angry": ("Anger", "angry", "ANG"),
    "contempt": ("Contempt", "contemptuous", "con"),
    "disgusted": ("Disgust", "disgusted", "DIS"),
    "fear": ("Fear", "fearful", "FEA"),
    "happy": ("Happiness", "happy", "HAP"),
    "neutral": ("Neutral", "neutral", "NEU"),
    "sad": ("Sadness", "sad", "SAD"),
    "surprised": ("Surprise", "surprised", "sur"),
}
VOCABULARIES = {
    "AffectNet": "Neutral Happiness Sadness Surprise Fear Disgust Anger Contempt",
    "FER+": "neutral happiness surprise sadness anger disgust fear contempt",
    "RAF-DB": "Surprise Fear Disgust Happiness Sadness Anger Neutral",
    "MELD": "anger disgust fear joy neutral sadness surprise",
    "CREMA-D": "ANG DIS FEA HAP NEU SAD",
    "MEAD": "angry contempt disgusted fear happy neutral sad surprised",
    "IEMOCAP": "ang hap sad neu fea sur dis",
    "RAVDESS": "neutral happy sad angry fearful disgust surprised",
    "emotion2vec": "生气/angry 厌恶/disgusted 恐惧/fearful 开心/happy 中立/neutral 难过/sad 吃惊/surprised",
    "HSEmotion": "Anger Contempt Disgust Fear Happiness Neutral Sadness Surprise",
}


def test_every_usual_spelling_names_its_emotion() -> None:
    assert tuple(SPELLINGS) == emotions.BASIC_EMOTIONS
    for name, words in SPELLINGS.items():
        assert {emotions.named(f" {case(word)} ") for word in words for case in (str, str.lower, str.upper)} == {name}
    for vocabulary, words in VOCABULARIES.items():
        found = [emotions.named(word) for word in words.split()]
        assert "" not in found, vocabulary
        assert len(set(found)) == len(found), vocabulary


def test_a_slip_is_no_emotion() -> None:
    assert [emotions.named(word) for word in ("hapy", "bored", "", "<unk>", "3")] == [""] * 5
    assert (emotions.named("Sarcastic"), emotions.named("Bored", ("bored",))) == ("sarcastic", "bored")
    assert emotions.named("sarcastic", ()) == ""


def test_the_judges_map_is_the_one_that_signatures_pin() -> None:
    assert map_digest() == "fa3b6102"


def test_every_class_of_the_recogniser_has_a_name_of_ours() -> None:
    assert {HEARD[name] for name in LABELS} <= set(emotions.BASIC_EMOTIONS)
