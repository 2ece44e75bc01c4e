"""The pace of a run: how many seconds a clip of each method takes once everything is loaded, and how long the rest."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

#: A kind of work: the method, and whether its clip is there and only to be judged.
Kind = tuple[str, bool]


@dataclass(frozen=True)
class Seconds:
    """Holds what clips of one kind took: `first` ones, for which a process loaded networks, and all others."""

    clips: int = 0
    total: float = 0.0
    first_clips: int = 0
    first_total: float = 0.0

    def each(self) -> float | None:
        """Returns the seconds of a clip without loading; those of a first clip where there was no other; or None."""
        if self.clips:
            return self.total / self.clips
        return self.first_total / self.first_clips if self.first_clips else None

    def loading(self) -> float:
        """Returns the seconds that a process needs before its first clip."""
        each = self.each()
        return max(0.0, self.first_total / self.first_clips - each) if self.first_clips and each is not None else 0.0

    def and_one(self, seconds: float, first: bool) -> Seconds:
        """Returns these with one more clip."""
        if first:
            return Seconds(self.clips, self.total, self.first_clips + 1, self.first_total + seconds)
        return Seconds(self.clips + 1, self.total + seconds, self.first_clips, self.first_total)


def estimated(record: Mapping[str, Seconds], clips: Mapping[str, int], jobs: int) -> float | None:
    """Returns how many seconds so many clips of each method take with `jobs` processes, loading included: every
    process loads every method. None where the record lacks a method.
    """
    total = 0.0
    for method, count in clips.items():
        each = record[method].each() if method in record else None
        if each is None:
            return None
        total += count * each + min(jobs, count) * record[method].loading()
    return total / jobs


class Pace:
    """Learns from results, and says how long the work that is left takes with `jobs` processes."""

    def __init__(self, left: Iterable[Kind], jobs: int) -> None:
        self._left = Counter(left)
        self._jobs = jobs
        self._taken: dict[Kind, Seconds] = defaultdict(Seconds)
        self.process_bytes = 0  # the most memory that a process held

    def settled(self, kind: Kind, seconds: float, first: bool, process_bytes: int | None = None) -> None:
        """Count one result; seconds 0: unknown."""
        self.process_bytes = max(self.process_bytes, process_bytes or 0)
        self._left[kind] -= 1
        if seconds > 0:
            self._taken[kind] = self._taken[kind].and_one(seconds, first)

    def _each(self) -> float | None:
        """The seconds of a clip of any kind, loading left out."""
        clips = sum(one.clips for one in self._taken.values())
        return sum(one.total for one in self._taken.values()) / clips if clips else None

    def rate(self) -> float | None:
        """Returns clips a second, loading left out; None before there was one without it."""
        each = self._each()
        return self._jobs / each if each else None

    def left_seconds(self) -> float | None:
        """Returns how long the rest takes, loading left out; None before that is known."""
        every = self._each()
        if every is None:
            return None
        known = {kind: one.total / one.clips for kind, one in self._taken.items() if one.clips}
        return sum(count * known.get(kind, every) for kind, count in self._left.items()) / self._jobs

    def record(self, before: Mapping[str, Any]) -> dict[str, Any]:
        """Returns method → `Seconds` of what its clips took that were made and judged; `before`: that of an earlier
        call, which stands where this one has none without loading.
        """
        taken = {method: one for (method, judged_only), one in self._taken.items() if not judged_only}
        return {**before, **{name: asdict(one) for name, one in taken.items() if one.clips or name not in before}}
