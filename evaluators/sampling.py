"""The setting `samp` says, in one grammar, which frames of a clip a judge looks at.

`all`; `every5`: frames 0, 5, 10, …; `even16`: 16 frames from the first to the last; `16`: 16 frames, floor(k n / 16) of
n, which leaves the last one out; `pair5`: clip and reference are paired by stretching, then 5 pairs are spread (EAT's;
docs/reference/metrics.md, 'Frame pairing'). Any number of 1 or more. The words stand in signatures as they were typed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from evaluators import pairing
from evaluators.pairing import Indices
from harness.errors import UsageError

#: Kind → how it is written. `count` is a number alone.
KINDS = {"every": "all or every5", "even": "even16", "count": "5", "pair": "pair5"}
_FORM = re.compile(r"(?P<kind>every|even|pair|)(?P<number>[1-9][0-9]*)")


@dataclass(frozen=True)
class Sampling:
    """Holds a rule: `text` as signatures say it, its kind (of `KINDS`) and its number."""

    text: str
    kind: str
    number: int

    @property
    def step(self) -> int:
        """Returns N where each N-th frame is looked at, so that a clip's length need not be known; else 0."""
        return self.number if self.kind == "every" else 0

    def indexes(self, frames: int) -> Indices:
        """Returns the rising indices (k,) into a clip of that many frames, looked at on its own (`pair` spreads
        too).
        """
        if self.kind == "every":
            return np.arange(0, frames, self.number, dtype=np.int64)
        if self.kind == "even":
            return np.unique(np.arange(self.number, dtype=np.int64) * (frames - 1) // max(1, self.number - 1))
        return pairing.spread(frames, self.number)

    def pairs(self, clip: int, reference: int) -> tuple[Indices, Indices]:
        """Returns rising indices into a clip and its reference of these many frames; only `pair` makes them depend."""
        if self.kind != "pair":
            return self.indexes(clip), self.indexes(reference)
        first, second = pairing.stretch(clip, reference)
        chosen = self.indexes(len(first))
        return first[chosen], second[chosen]


def sampling(settings: Mapping[str, str], default: str, kinds: tuple[str, ...]) -> Sampling:
    """Returns the rule of setting `samp`, which must be one of `kinds`. UsageError for anything else."""
    text = settings.get("samp", default)
    match = _FORM.fullmatch("every1" if text == "all" else text)
    kind = (match["kind"] or "count") if match else ""
    if match is None or kind not in kinds:
        known = ", ".join(KINDS[name] for name in kinds)
        raise UsageError(f"'{text}' is no sampling of frames here.", f"samp is {known} (any number).")
    return Sampling(text, kind, int(match["number"]))
