"""The versioned prompts of the zero-shot judge. A changed word is a new version, and another signature."""

from __future__ import annotations

from harness.errors import unknown_name

VERSION = "p1"

#: Templates; every emotion's text embedding is the mean over them.
TEMPLATES = (
    "a photo of a person's face showing {}",
    "a close-up of a face that looks {}",
    "a frame of a talking person who feels {}",
)

#: Emotion -> (noun, adjective, adjective) that fit the templates one by one.
WORDS = {
    "angry": ("anger", "angry", "angry"),
    "contempt": ("contempt", "contemptuous", "contempt for someone"),
    "disgusted": ("disgust", "disgusted", "disgusted"),
    "fear": ("fear", "afraid", "afraid"),
    "happy": ("happiness", "happy", "happy"),
    "neutral": ("no emotion", "neutral", "nothing in particular"),
    "sad": ("sadness", "sad", "sad"),
    "surprised": ("surprise", "surprised", "surprised"),
    "charismatic": ("charisma", "charismatic", "confident and charming"),
    "desirous": ("desire", "full of desire", "desire for something"),
    "empathetic": ("empathy", "compassionate", "empathy for someone"),
    "envious": ("envy", "envious", "envious of someone"),
    "romantic": ("romantic love", "in love", "in love"),
    "sarcastic": ("sarcasm", "sarcastic", "like being sarcastic"),
}


def prompts(emotion: str) -> tuple[str, ...]:
    """The prompts of one emotion. UsageError for a name without prompts."""
    if emotion not in WORDS:
        raise unknown_name("emotion with prompts", emotion, WORDS)
    return tuple(template.format(word) for template, word in zip(TEMPLATES, WORDS[emotion], strict=True))
