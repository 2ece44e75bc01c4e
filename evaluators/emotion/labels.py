"""This module holds the judges' class orders and the maps between label languages, as data: by name, never by index.

Sources: docs/reference/corpora.md, 'Label maps', and docs/reference/metrics.md, 'Class orders'. The canonical names are
those of MEAD's folders (harness.emotions).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from harness.emotions import ABBREVIATIONS, BASIC_EMOTIONS, WORDS
from harness.errors import unknown_name
from harness.evaluator import Refusal
from harness.records import Emotion

#: EAT's Emotion-FAN (the first seven are the AFEW order of the original Emotion-FAN).
EAT_FAN = ("happy", "angry", "disgusted", "fear", "sad", "neutral", "surprised", "contempt")
#: The C-MET paper's ResNet-18: seven classes, no neutral.
CMET_PAPER = ("happy", "angry", "disgusted", "fear", "sad", "contempt", "surprised")
#: HSEmotion (EmotiEffLib), the AffectNet-8 order.
HSEMOTION_8 = ("angry", "contempt", "disgusted", "fear", "happy", "neutral", "sad", "surprised")

#: Names in use elsewhere -> canonical name; signatures pin this map (`map_digest`).
_CANONICAL = WORDS | ABBREVIATIONS | {name: name for name in BASIC_EMOTIONS}


def canonical(name: str) -> str:
    """Returns the canonical name of a basic emotion written in any of the known languages; unknown names raise."""
    canonical = _CANONICAL.get(name.strip().lower())
    if canonical is None:
        raise unknown_name("basic emotion", name, _CANONICAL)
    return canonical


def unlabelled(emotion: Emotion) -> Refusal | None:
    """Returns the reason why a sample asks for no emotion that could be judged; None where it asks for one."""
    if emotion.name:
        return None
    if emotion.unrecognised:
        return Refusal("label_unrecognised", f"'{emotion.unrecognised}'")
    return Refusal("no_label")


def digest(names: Sequence[str]) -> str:
    """Returns the first 8 hex digits that pin an ordered list of names, for signatures (`classes:`, `map:`)."""
    return hashlib.sha256(",".join(names).encode()).hexdigest()[:8]


def map_digest() -> str:
    """Pins the label map itself: a changed synonym changes the signature."""
    return digest([f"{source}>{target}" for source, target in sorted(_CANONICAL.items())])
