"""The id of a clip in a folder follows from its own path there alone, on every machine: other clips may come and go.

A path is its own id if it can be read back from it: of A-Z a-z 0-9 . _ - , folders joined by `__`, without `.mp4` and
endings of sound (a.mp4 is `a`, a.mov is `a.mov`). Any other (演示.mp4; a__b.mp4, whose id would be that of a/b.mp4)
has a mark of its whole name at the end. Composed and decomposed accents (Linux and macOS write é differently) are one
name.
"""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from datasets.mead_layout import SOUND_SUFFIXES
from harness.records import MEDIA_SUFFIXES

_LONGEST = 160  # characters: room for the names that a run makes of it
_JOINT = "__"
_LEFT_OUT = (".mp4", *SOUND_SUFFIXES)  # sound of the same name belongs to the same clip


def clip_id(relative: Path) -> str:
    """Returns a file-name-safe id of a clip's path inside its folder."""
    name = unicodedata.normalize("NFC", _written(relative))
    ending = Path(name).suffix if Path(name).suffix in _LEFT_OUT else ""
    stem = Path(name.removesuffix(ending))
    safe = re.sub(r"[^A-Za-z0-9._-]", "_", _JOINT.join(stem.parts)).lstrip(".-") or "clip"
    read_back = Path(*safe.split(_JOINT)) == stem and bool(ending) != (stem.suffix.lower() in MEDIA_SUFFIXES)
    if not read_back:
        return f"{safe[:_LONGEST]}-{_mark(name, 12)}"
    return safe if len(safe) <= _LONGEST else f"{safe[:_LONGEST]}-{_mark(name, 6)}"


def unique_ids(paths: Sequence[Path]) -> list[str]:
    """Returns the ids of relative paths. Only where a disk has one name in both ways of writing an accent, the one that
    is not composed has a mark of its own.
    """
    ids = [clip_id(path) for path in paths]
    count = Counter(ids)
    return [
        f"{name}-{_mark(_written(path), 12)}" if count[name] > 1 and not _composed(path) else name
        for name, path in zip(ids, paths, strict=True)
    ]


def _composed(path: Path) -> bool:
    return unicodedata.is_normalized("NFC", _written(path))


def _written(path: Path) -> str:
    """The path as its bytes on disk say it in UTF-8, whatever the locale reads into them."""
    return os.fsencode(path).decode("utf-8", "surrogateescape")


def _mark(name: str, digits: int) -> str:
    return hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:digits]
