"""Emotion names of every corpus are mapped onto the canonical eight here: by name, never by index.

Facts: docs/reference/corpora.md, 'Label maps'.
"""

from __future__ import annotations

from harness.errors import UsageError
from harness.records import BASIC_EMOTIONS

EXTENDED_EMOTIONS = ("charismatic", "desirous", "empathetic", "envious", "romantic", "sarcastic")

#: Each corpus' word → canonical name. A corpus that lacks an emotion lacks the key.
CORPUS_LABELS: dict[str, dict[str, str]] = {
    "mead": {name: name for name in BASIC_EMOTIONS},
    "eat": {
        "ang": "angry",
        "con": "contempt",
        "dis": "disgusted",
        "fea": "fear",
        "hap": "happy",
        "neu": "neutral",
        "sad": "sad",
        "sur": "surprised",
    },
    "crema_d": {"ANG": "angry", "DIS": "disgusted", "FEA": "fear", "HAP": "happy", "NEU": "neutral", "SAD": "sad"},
    "meld": {
        "anger": "angry",
        "disgust": "disgusted",
        "fear": "fear",
        "joy": "happy",
        "neutral": "neutral",
        "sadness": "sad",
        "surprise": "surprised",
    },
    "emotion2vec": {
        "angry": "angry",
        "disgusted": "disgusted",
        "fearful": "fear",
        "happy": "happy",
        "neutral": "neutral",
        "sad": "sad",
        "surprised": "surprised",
    },
}

#: Words that users write in a label column of their own, beside the canonical and the corpus names.
_SYNONYMS = {"contemptuous": "contempt"}


def canonical(corpus: str, word: str) -> str:
    """The canonical name of a corpus' own word. Raises UsageError for a word the corpus does not have."""
    try:
        return CORPUS_LABELS[corpus][word]
    except KeyError:
        known = ", ".join(CORPUS_LABELS[corpus])
        raise UsageError(f"'{word}' is not an emotion of {corpus}.", f"Known: {known}.") from None


def free_label(word: str) -> str:
    """A user's word as a canonical or extended name where it is one; otherwise itself, in lower case."""
    text = word.strip()
    lower = text.lower()
    if lower in BASIC_EMOTIONS or lower in EXTENDED_EMOTIONS:
        return lower
    for labels in CORPUS_LABELS.values():
        for known, name in labels.items():
            if lower == known.lower():
                return name
    return _SYNONYMS.get(lower, lower)
