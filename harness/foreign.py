"""What foreign code answers is rebuilt here from plain values: it crosses process borders and is stored as text."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import get_args

from harness.records import Clip, Failed, FailureKind

_REASON_CHARACTERS = 500
_DETAIL_CHARACTERS = 4000
_KINDS: Mapping[object, FailureKind] = {kind: kind for kind in get_args(FailureKind)}


def text(value: object) -> str:
    """Returns a value as plain text that every file can hold. Whatever its own `__str__` raises is raised."""
    return str.encode(str(value), "utf-8", "backslashreplace").decode("utf-8")


def failed(given: Failed) -> Failed:
    """Returns a method's own Failed with texts that are texts; an unknown kind is `crashed`. May raise anything."""
    reason = text(given.reason)[:_REASON_CHARACTERS] or "the method gave no reason"
    kind = _KINDS.get(text(given.kind), "crashed")
    return Failed(kind, reason, text(given.cure), text(given.detail)[-_DETAIL_CHARACTERS:], text(given.code))


def clip(given: Clip) -> Clip:
    """Returns a method's own Clip with plain values. May raise anything."""
    peak = given.memory_peak_bytes
    return Clip(
        Path(text(given.path)),
        int(given.frames),
        int(given.height),
        int(given.width),
        text(given.used),
        {text(phase): float(seconds) for phase, seconds in given.seconds.items()},
        None if peak is None else int(peak),
        text(given.codec),
        text(given.notes),
        text(given.label),
    )
