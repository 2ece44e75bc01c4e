"""This module finds media files whose names are not in their corpus' grammar, and left-overs of interrupted writes."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from datasets.health import CorpusFinding
from datasets.mead_layout import IDENTITY, SOUND_SUFFIXES, VIDEO_SUFFIXES, MeadClip
from harness.atomic import PARTIAL_PREFIX
from harness.emotions import CORPUS_LABELS

_MEDIA = {*SOUND_SUFFIXES, *VIDEO_SUFFIXES, ".flv"}
_CREMA = re.compile(
    r"^1[0-9]{3}_(IEO|TIE|IOM|IWW|TAI|MTI|IWL|ITH|DFA|ITS|TSI|WSI)_(ANG|DIS|FEA|HAP|NEU|SAD)_(LO|MD|HI|XX)$"
)
_SHIPPED = ("audios", "emotion_speech", "gemini")  # C-MET's speech has a grammar of its own


def strays(corpus: str, root: Path) -> Iterator[CorpusFinding]:
    """Yields every media file under `root` that the corpus' grammar does not know, sorted by path."""
    expected = {"mead": _mead, "crema_d": _crema}.get(corpus)
    for folder, subfolders, names in os.walk(root):
        subfolders[:] = sorted(name for name in subfolders if name not in _SHIPPED and not name.startswith("."))
        here = Path(folder).relative_to(root)
        for name in sorted(names):
            path = here / name
            if name.startswith(PARTIAL_PREFIX):
                yield CorpusFinding("unfinished", name, str(path))
            elif not name.startswith(".") and path.suffix.lower() in _MEDIA and expected is not None:
                wrong = expected(path)
                if wrong:
                    yield CorpusFinding("misnamed", path.stem, str(path), wrong)


def _crema(path: Path) -> str:
    return "" if _CREMA.match(path.stem) else "expected ACTOR_SENTENCE_EMOTION_LEVEL, e.g. 1001_DFA_ANG_XX"


def _mead(path: Path) -> str:
    """The fault of the name; "" if there is none. Any of the three layouts is right."""
    if MeadClip.parse_flat(path.stem) is not None:
        return ""
    parts = path.parts[:-1]
    place = next((k for k, part in enumerate(parts) if IDENTITY.match(part)), None)
    if place is None:
        return "neither in an identity's folder nor named like M003_ang_3_001"
    rest = [part for part in parts[place + 1 :] if part not in ("video", "audio")]
    views = [part for part in rest if part not in CORPUS_LABELS["mead"] and not re.match(r"^level_[123]$", part)]
    emotion = next((part for part in rest if part in CORPUS_LABELS["mead"]), None)
    if emotion is None or len(views) > 1:
        return f"unknown folder '{views[-1] if views else rest[-1] if rest else '?'}'"
    if not re.match(r"^\d{3}$", path.stem):
        return "expected a three-digit number, e.g. 001.mp4"
    return ""
