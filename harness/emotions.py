"""This module holds the names of emotions: the canonical eight, the extended ones, and how others spell them, by name.

Facts: docs/reference/corpora.md, 'Label maps'.
"""

from __future__ import annotations

from harness.errors import UsageError

#: The eight basic emotions by the names of MEAD's folders.
BASIC_EMOTIONS = ("angry", "contempt", "disgusted", "fear", "happy", "neutral", "sad", "surprised")
EXTENDED_EMOTIONS = ("charismatic", "desirous", "empathetic", "envious", "romantic", "sarcastic")

#: Three letters → canonical name, as EAT and CREMA-D write them.
ABBREVIATIONS = {name[:3]: name for name in BASIC_EMOTIONS}
#: Other English words for the same → canonical name.
WORDS = {
    "anger": "angry",
    "disgust": "disgusted",
    "fearful": "fear",
    "happiness": "happy",
    "joy": "happy",
    "sadness": "sad",
    "surprise": "surprised",
}


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

#: Words that users write in a label column of their own, besides the canonical and the corpus names.
_SYNONYMS = {"contemptuous": "contempt"}


def canonical(corpus: str, word: str) -> str:
    """Returns the canonical name of a corpus's own word. Raises UsageError for a word the corpus does not have."""
    try:
        return CORPUS_LABELS[corpus][word]
    except KeyError:
        known = ", ".join(CORPUS_LABELS[corpus])
        raise UsageError(f"'{word}' is not an emotion of {corpus}.", f"Known: {known}.") from None


def free_label(word: str) -> str:
    """Returns a user's word as a canonical or extended name where it is one; otherwise itself, in lower case."""
    text = word.strip()
    lower = text.lower()
    if lower in BASIC_EMOTIONS or lower in EXTENDED_EMOTIONS:
        return lower
    for labels in CORPUS_LABELS.values():
        for known, name in labels.items():
            if lower == known.lower():
                return name
    return _SYNONYMS.get(lower, lower)
