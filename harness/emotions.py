"""This module holds the names of emotions: the canonical eight, the extended ones, and how others spell them, by name.

Facts: docs/reference/corpora.md, 'Label maps'.
"""

from __future__ import annotations

from collections.abc import Iterable

from harness.errors import UsageError

#: The eight basic emotions by the names of MEAD's folders.
BASIC_EMOTIONS = ("angry", "contempt", "disgusted", "fear", "happy", "neutral", "sad", "surprised")
EXTENDED_EMOTIONS = ("charismatic", "desirous", "empathetic", "envious", "romantic", "sarcastic")

#: Three letters → canonical name, as EAT and CREMA-D write them.
ABBREVIATIONS = {name[:3]: name for name in BASIC_EMOTIONS}
#: Canonical name → its other words: noun and adjective, as AffectNet, FER+, RAF-DB, MELD, IEMOCAP, RAVDESS, HSEmotion
#: and emotion2vec print them.
_OTHER_WORDS = {
    "angry": ("anger", "生气/angry"),
    "contempt": ("contemptuous",),
    "disgusted": ("disgust", "厌恶/disgusted"),
    "fear": ("fearful", "afraid", "恐惧/fearful"),
    "happy": ("happiness", "joy", "joyful", "开心/happy"),
    "neutral": ("neutrality", "neutral state", "中立/neutral"),
    "sad": ("sadness", "难过/sad"),
    "surprised": ("surprise", "吃惊/surprised"),
}
#: Other words for the same → canonical name.
WORDS = {word: name for name, words in _OTHER_WORDS.items() for word in words}


def _spelled(*words: str) -> dict[str, str]:
    return {word: WORDS.get(word, word) for word in words}


#: Each corpus' word → canonical name. A corpus that lacks an emotion lacks the key.
CORPUS_LABELS: dict[str, dict[str, str]] = {
    "mead": _spelled(*BASIC_EMOTIONS),
    "eat": ABBREVIATIONS,
    "crema_d": {name.upper(): ABBREVIATIONS[name] for name in ("ang", "dis", "fea", "hap", "neu", "sad")},
    "meld": _spelled("anger", "disgust", "fear", "joy", "neutral", "sadness", "surprise"),
    "emotion2vec": _spelled("angry", "disgusted", "fearful", "happy", "neutral", "sad", "surprised"),
}


def canonical(corpus: str, word: str) -> str:
    """Returns the canonical name of a corpus's own word. Raises UsageError for a word the corpus does not have."""
    try:
        return CORPUS_LABELS[corpus][word]
    except KeyError:
        known = ", ".join(CORPUS_LABELS[corpus])
        raise UsageError(f"'{word}' is not an emotion of {corpus}.", f"Known: {known}.") from None


def named(word: str, extended: Iterable[str] = EXTENDED_EMOTIONS) -> str:
    """Returns the basic emotion, or the one of `extended`, that a user's word names in any spelling; "" for any other
    word.
    """
    text = " ".join(word.split()).lower()
    known = WORDS | ABBREVIATIONS | {name: name for name in BASIC_EMOTIONS}
    return known.get(text) or next((name for name in extended if name.lower() == text), "")
