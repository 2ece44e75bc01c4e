"""The id of a clip in a folder follows from its own path there, on every machine: other clips may come and go.

A path of A-Z a-z 0-9 . _ - is its own id, folders joined by `__`, without the extension. Any other has a mark of its
whole name at the end; composed and decomposed accents (Linux and macOS write é differently) are one name.
"""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path

_LONGEST = 160  # characters: room for the names that a run makes of it
_FIRST_SUFFIX = ".mp4"


def clip_id(relative: Path) -> str:
    """Returns a file-name-safe id of a clip's path inside its folder."""
    name = unicodedata.normalize("NFC", _written(relative))
    text = "__".join(Path(name).with_suffix("").parts)
    safe = re.sub(r"[^A-Za-z0-9._-]", "_", text).lstrip(".-") or "clip"
    if safe != text:
        return f"{safe[:_LONGEST]}-{_mark(name, 12)}"
    return safe if len(safe) <= _LONGEST else f"{safe[:_LONGEST]}-{_mark(name, 6)}"


def unique_ids(paths: Sequence[Path]) -> list[str]:
    """Returns the ids of relative paths, no two alike, capitals or not.

    Where several would be (a.mp4 and a.mov, a/b.mp4 and a__b.mp4), the first by extension (mp4 before all), depth and
    name keeps its id, and each other one has a mark too.
    """
    taken: set[str] = set()
    ids: dict[Path, str] = {}
    for path in sorted(paths, key=_rank):
        name = clip_id(path)
        ids[path] = name if name.lower() not in taken else f"{name}-{_mark(_written(path), 12)}"
        taken.add(name.lower())
    return [ids[path] for path in paths]


def _rank(path: Path) -> tuple[bool, int, bool, str]:
    name = _written(path)
    return path.suffix != _FIRST_SUFFIX, len(path.parts), not unicodedata.is_normalized("NFC", name), name


def _written(path: Path) -> str:
    """The path as its bytes on disk say it in UTF-8, whatever the locale reads into them."""
    return os.fsencode(path).decode("utf-8", "surrogateescape")


def _mark(name: str, digits: int) -> str:
    return hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:digits]
