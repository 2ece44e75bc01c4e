"""Arranges a packed corpus for C-MET's sampling: clips, expression tracks and speech lists of one split's identities.

Everything a batch needs is reached by index arithmetic on the memory-mapped file. Two kinds of sums are made once, at
the start: running sums of the codes (the mean of any stretch of a tiled track is then two look-ups) and the means of
ten speech vectors that the sampling scheme can ask for (docs/reference/cmet.md, 'C-MET sampler': they depend on the
list position only).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt

from cmet.training.packed import PackedClip, PackedCorpus
from cmet.training.packing import EMOTIONS
from harness.errors import MissingError, unknown_name

NEUTRAL = EMOTIONS.index("neutral")
LEVELS = 3
SPEECH_PICKS = 10
"""Speech vectors that are averaged; the released code knows no other number."""

STRIDES = (1, 7)
"""Steps through the speech list of emotion 1 and of emotion 2."""

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


def track_numbers(emotion: int) -> tuple[int, ...]:
    """Returns the clip numbers whose codes are averaged: 1-10 and 21-30, neutral 31-40."""
    return (*range(1, 11), *(range(31, 41) if emotion == NEUTRAL else range(21, 31)))


def listed_numbers(emotion: int) -> tuple[int, ...]:
    """Returns the clip numbers of the training list: 1-3 and 21-30, neutral 31-40; 13 per emotion and level."""
    return (*range(1, 4), *(range(31, 41) if emotion == NEUTRAL else range(21, 31)))


def level_of(emotion: Ints, level: Ints) -> Ints:
    """Returns the level a clip is looked up at: neutral speech has only the first."""
    return np.where(emotion == NEUTRAL, 1, level)


class TrainingCorpus:
    """Indexes the clips of `identities` in `packed`; emotions and identities are numbers, levels are 1 to 3.

    MissingError if none of them has clips with codes, UsageError for an identity that the corpus does not have.
    """

    def __init__(self, packed: PackedCorpus, identities: Sequence[str]) -> None:
        for name in identities:
            if name not in packed.identities:
                raise unknown_name("identity", name, packed.identities)
        self.packed = packed
        self.identities = tuple(identities)
        self.codes, self.offset = packed.codes, packed.offsets
        self.frames = np.diff(self.offset)
        number = {name: index for index, name in enumerate(identities)}
        rows = [(i, c) for i, c in enumerate(packed.clips) if c.identity in number]
        self._index(rows, number)
        if not len(self.clips):
            raise MissingError(
                f"{packed.path} has no clips with expression codes of {', '.join(identities)}.",
                "Prepare them: python bench.py prepare.",
            )

    def _index(self, rows: Sequence[tuple[int, PackedClip]], number: dict[str, int]) -> None:
        highest = max((clip.number for _, clip in rows), default=0)
        self.by_number = np.full((len(number), len(EMOTIONS), LEVELS + 1, max(highest, 40) + 1), -1, dtype=np.int64)
        self._spoken: dict[tuple[int, int], list[tuple[int, int, int]]] = {}
        clips = []
        for index, clip in rows:
            who, what = number[clip.identity], EMOTIONS.index(clip.emotion)
            level, count = clip.level, clip.number
            if clip.frames:
                self.by_number[who, what, level, count] = index
                if count in listed_numbers(what):
                    clips.append((who, what, level, count))
            if clip.has_speech:
                self._spoken.setdefault((what, level), []).append((who, count, index))
        self.clips: Ints = np.array(sorted(clips), dtype=np.int64).reshape(-1, 4)
        self.tracks, self.track_count = self._candidates()

    def _candidates(self) -> tuple[Ints, Ints]:
        """Per identity, emotion, level: the clips whose codes may be averaged (padded to 20), and how many."""
        table = np.full((*self.by_number.shape[:3], 20), -1, dtype=np.int64)
        for emotion in range(len(EMOTIONS)):
            table[:, emotion] = self.by_number[:, emotion][:, :, list(track_numbers(emotion))]
        order = np.argsort(table < 0, axis=-1, kind="stable")  # those that exist first
        return np.take_along_axis(table, order, axis=-1), (table >= 0).sum(axis=-1)

    @cached_property
    def running_sum(self) -> npt.NDArray[np.float64]:
        """Returns the sum (frames + 1, 10) of all rows before each."""
        total = np.zeros((len(self.codes) + 1, self.codes.shape[1]))
        np.cumsum(self.codes, axis=0, dtype=np.float64, out=total[1:])
        return total

    @cached_property
    def row_means(self) -> Floats:
        """Returns the mean (frames,) over the ten numbers of each code."""
        return np.asarray(self.codes.mean(axis=1), dtype=np.float32)

    def speech_mean(self, which: int, emotion: Ints, level: Ints, index: Ints, normalised: bool) -> Floats:
        """Returns the means (B, 1024) of ten vectors of emotion `which` (0: first, 1: second), from list position
        `index` on.
        """
        means, start, count = self._normalised_speech[which] if normalised else self._speech[which]
        cell = emotion, level_of(emotion, level)
        if not count[cell].all():
            row = int(np.flatnonzero(count[cell] == 0)[0])
            raise MissingError(
                f"{self.packed.path} has no speech of {EMOTIONS[emotion[row]]} at level {cell[1][row]}.",
                "Prepare it: python bench.py prepare.",
            )
        return np.asarray(means[start[cell] + index % count[cell]])

    @cached_property
    def _speech(self) -> list[tuple[Floats, Ints, Ints]]:
        return self._speech_tables(False)

    @cached_property
    def _normalised_speech(self) -> list[tuple[Floats, Ints, Ints]]:
        return self._speech_tables(True)

    def _speech_tables(self, normalised: bool) -> list[tuple[Floats, Ints, Ints]]:
        """For each stride: all means, one after another, and where the list of each emotion and level starts."""
        start, count = (np.zeros((len(EMOTIONS), LEVELS + 1), dtype=np.int64) for _ in range(2))
        parts: tuple[list[Floats], list[Floats]] = ([], [])
        place = 0
        for cell, members in sorted(self._spoken.items()):
            vectors = np.stack([self.packed.speech(index) for _, _, index in sorted(members)])
            if normalised:
                vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
            start[cell], count[cell] = place, len(vectors)
            place += len(vectors)
            for part, stride in zip(parts, STRIDES, strict=True):
                part.append(_mean_of_ten(vectors, stride))
        return [(np.concatenate(part) if part else np.zeros((0, 0), np.float32), start, count) for part in parts]


def _mean_of_ten(vectors: Floats, stride: int) -> Floats:
    """Row p: mean of rows p, p + stride, ... of the list taken as a ring."""
    position = np.arange(len(vectors))
    total = vectors.copy()
    for pick in range(1, SPEECH_PICKS):
        total += vectors[(position + pick * stride) % len(vectors)]
    return np.asarray(total / np.float32(SPEECH_PICKS), dtype=np.float32)
