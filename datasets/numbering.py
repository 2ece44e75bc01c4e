"""This module tells which of MEAD's two numberings a folder follows, by the places of its gaps.

The public release and C-MET's authors number the same recordings differently: where a recording was lost, the public
folder ends early, C-MET's has a hole. A list in one order read from a tree in the other pairs different sentences.
Facts: docs/reference/corpora.md, 'MEAD numbering'.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache

from datasets import frozen
from datasets.health import CorpusFinding
from datasets.mead_layout import MeadClip

Folder = tuple[str, str, int]  # identity, emotion, level


@lru_cache(maxsize=1)
def public_numbers() -> dict[Folder, frozenset[int]]:
    """Returns the numbers of the test identities' folders in the public order, as EDTalk's list has them."""
    return {
        (row["identity"], row["emotion"], int(row["level"])): frozenset(range(int(row["first"]), int(row["last"]) + 1))
        for row in frozen.read("mead-public-ranges")
    }


@lru_cache(maxsize=1)
def cmet_gaps() -> dict[Folder, frozenset[int]]:
    """Returns the numbers that C-MET's order lacks; known only among 001-003 and 020-030."""
    gaps: dict[Folder, set[int]] = {}
    for row in frozen.read("mead-cmet-absent"):
        gaps.setdefault((row["identity"], row["emotion"], int(row["level"])), set()).add(int(row["number"]))
    return {folder: frozenset(numbers) for folder, numbers in gaps.items()}


def shifts(clips: Iterable[MeadClip], order: str) -> Iterator[CorpusFinding]:
    """Yields the folders whose numbers are not in `order` ("cmet" or "public"), one finding each."""
    numbers_of: dict[Folder, set[int]] = {}
    for clip in clips:
        numbers_of.setdefault((clip.identity, clip.emotion, clip.level), set()).add(clip.number)
    for folder, numbers in sorted(numbers_of.items()):
        detail = _shift(folder, numbers, order)
        if detail:
            identity, emotion, level = folder
            yield CorpusFinding("numbering_shift", f"{identity}/{emotion}/level_{level}", "", detail)


def _shift(folder: Folder, numbers: set[int], order: str) -> str:
    low, high = min(numbers), max(numbers)
    last = 40 if folder[1] == "neutral" else 30
    public = public_numbers().get(folder)
    if low == 0:
        return f"numbers start at 000: every number is one too low ({low:03d}-{high:03d})"
    if high > last and public is not None and not numbers >= set(range(1, last + 1)):
        return f"numbers run to {high:03d}, {last:03d} is the last: numbers are shifted by {high - last}"
    gaps = cmet_gaps().get(folder, frozenset())
    if not gaps:
        return ""
    if order == "cmet":
        return _against_cmet(numbers, gaps, public)
    return "" if public is None else _against_public(numbers, gaps, public, last)


def _against_cmet(numbers: set[int], gaps: frozenset[int], public: frozenset[int] | None) -> str:
    """C-MET's order has a hole where a recording was lost: a folder with that number counts otherwise."""
    hole, high = min(gaps), max(numbers)
    if not gaps & numbers:
        return ""
    ends = f"ends at {high:03d} like the public order" if public and high <= max(public) else f"runs to {high:03d}"
    return (
        f"the folder holds {min(gaps & numbers):03d} and {ends}, C-MET's order has its gap at {hole:03d}; "
        f"from {hole:03d} on the sentences are others than the list means"
    )


def _against_public(numbers: set[int], gaps: frozenset[int], public: frozenset[int], last: int) -> str:
    """The public folder ends early; a folder with its late numbers, and C-MET's gap, counts like C-MET."""
    late = numbers - public
    if gaps & numbers or not late or not numbers <= set(range(1, last + 1)):
        return ""
    return (
        f"C-MET's order: its gap is at {min(gaps):03d} and the folder holds {max(late):03d}; "
        f"the public folder ends at {max(public):03d}"
    )
