"""This module proposes which of MEAD's files are numbered otherwise than those of the other speakers.

All speakers say the same sentences in one emotion, so utterance n of one should sound like utterance n of the others.
In each folder every utterance is compared with those of other speakers around its number, and the shift that explains
the folder best is found: 0 almost everywhere, changing where a recording was lost. Nothing is applied: the table is for
the user to check by ear. Facts: docs/reference/corpora.md, 'MEAD numbering'.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from datasets.mead_layout import MeadClip, MeadTree
from datasets.numbering import Folder
from datasets.utterance_match import Cepstra, cepstra, distances
from harness.atomic import replacing
from harness.errors import MediaError

Array = npt.NDArray[np.float64]

REACH = 3  # numbers looked at on either side
SPEAKERS = 12  # others that a folder is compared with, at most
LEAST_SPEAKERS = 2
_SURE = 0.6  # share of utterances that must be nearest to their sentence
_LEAST_MOVED = 2  # utterances; one alone may have been said badly
_CHANGE = 2.0  # what a change of the shift costs, in spreads of the distances


@dataclass(frozen=True)
class Suggestion:
    """Says how one folder is numbered: `moves` are (number in the name, number that it should have) where they differ.

    confidence: share of utterances that are nearest to the sentence that they are given here, in the run of equally
    shifted ones where it is lowest; sure: whether that is enough to be believed.
    """

    folder: Folder
    moves: tuple[tuple[int, int], ...]
    confidence: float
    sure: bool
    speakers: int

    def __str__(self) -> str:
        identity, emotion, level = self.folder
        place = f"{identity}/{emotion}/level_{level}"
        if self.speakers < LEAST_SPEAKERS:
            return f"{place}: unsure, {self.speakers} other speakers say these sentences ({LEAST_SPEAKERS} are needed)"
        if not self.sure:
            return f"{place}: unsure (confidence {self.confidence:.2f}); listen to it"
        first, last = self.moves[0], self.moves[-1]
        should = f"{first[0]:03d}-{last[0]:03d} should be {first[1]:03d}-{last[1]:03d}"
        return f"{place}: {should} (confidence {self.confidence:.2f})"


def suggest(
    tree: MeadTree,
    identities: Iterable[str],
    read: Callable[[Path], npt.NDArray[np.floating]],
    step: Callable[[int, int], None],
) -> list[Suggestion]:
    """Returns the folders of these identities that are numbered otherwise, or about which nothing sure can be said.

    read: the sound of a file, mono at 16 kHz; step: told (folders done, folders in all).
    """
    folders: dict[Folder, list[MeadClip]] = {}
    for clip in tree.clips():
        folders.setdefault((clip.identity, clip.emotion, clip.level), []).append(clip)
    heard = _Heard(tree, read)
    wanted = [folder for folder in sorted(folders) if folder[0] in set(identities)]
    found = []
    for done, folder in enumerate(wanted, start=1):
        others = [folders[other] for other in sorted(folders) if other[1:] == folder[1:] and other[0] != folder[0]]
        found.append(compared(folder, heard.all(folders[folder]), [heard.all(clips) for clips in others[:SPEAKERS]]))
        step(done, len(wanted))
    return [one for one in found if one.moves or not one.sure]


class _Heard:
    """Reads each file once; one that cannot be read has no frames."""

    def __init__(self, tree: MeadTree, read: Callable[[Path], npt.NDArray[np.floating]]) -> None:
        self._tree, self._read = tree, read
        self._known: dict[MeadClip, Cepstra] = {}

    def all(self, clips: Sequence[MeadClip]) -> dict[int, Cepstra]:
        """Returns the cepstra of these clips by number."""
        for clip in clips:
            if clip not in self._known:
                self._known[clip] = self._one(clip)
        return {clip.number: self._known[clip] for clip in clips if len(self._known[clip])}

    def _one(self, clip: MeadClip) -> Cepstra:
        path = self._tree.sound(clip)
        try:
            return np.zeros((0, 12), np.float32) if path is None else cepstra(self._read(path))
        except MediaError:
            return np.zeros((0, 12), np.float32)


def compared(folder: Folder, own: Mapping[int, Cepstra], others: Sequence[Mapping[int, Cepstra]]) -> Suggestion:
    """Returns how a folder is numbered, from its utterances and those of other speakers, each by number."""
    others = [other for other in others if other]
    numbers = sorted(own)
    if len(others) < LEAST_SPEAKERS or not numbers:
        return Suggestion(folder, (), 0.0, False, len(others))
    table = _table(own, numbers, others)
    shifts = _best(table, numbers)
    given = table[np.arange(len(numbers)), shifts + REACH]
    runs = np.split(np.arange(len(numbers)), np.flatnonzero(np.diff(shifts)) + 1)
    parts = [_agreement(table[run], given[run], bool(shifts[run[0]])) for run in runs]
    confidence, sure = min(parts), min(parts) >= _SURE
    moved = shifts != 0
    moves = tuple((numbers[k], numbers[k] + int(shifts[k])) for k in np.flatnonzero(moved)) if sure else ()
    return Suggestion(folder, moves, confidence, sure, len(others))


def _agreement(table: Array, given: Array, moved: bool) -> float:
    """Share of a run of utterances, all shifted alike, that are nearest to the sentence that they are given.

    Sentences that nobody else says are neither confirmed nor denied; too few others prove no move.
    """
    known = np.isfinite(given)
    if moved and known.sum() < _LEAST_MOVED:
        return 0.0
    return float((given == table.min(axis=1))[known].mean()) if known.any() else 1.0


def _table(own: Mapping[int, Cepstra], numbers: Sequence[int], others: Sequence[Mapping[int, Cepstra]]) -> Array:
    """Distances (utterances, 2 REACH + 1) of each utterance from the sentences around its number, infinite where fewer
    than `LEAST_SPEAKERS` say one. The median over speakers: one who is misnumbered himself decides nothing.
    """
    table = np.full((len(numbers), 2 * REACH + 1), np.inf)
    for row, number in enumerate(numbers):
        said = {k: [other[number + k] for other in others if number + k in other] for k in range(-REACH, REACH + 1)}
        enough = {k: utterances for k, utterances in said.items() if len(utterances) >= LEAST_SPEAKERS}
        found = distances(own[number], [one for utterances in enough.values() for one in utterances])
        ends = np.cumsum([len(utterances) for utterances in enough.values()])
        for k, part in zip(enough, np.split(found, ends), strict=False):
            table[row, k + REACH] = np.median(part)
    return table


def _best(table: Array, numbers: Sequence[int]) -> npt.NDArray[np.int64]:
    """The shift of each utterance: the path through `table` that costs least (Viterbi 1967).

    A change of the shift costs `_CHANGE` spreads, to start away from 0 too; two files never become one number.
    """
    finite = table[np.isfinite(table)]
    if not len(finite):
        return np.zeros(len(numbers), dtype=np.int64)
    price = _CHANGE * float(np.std(finite))
    shifts = np.arange(-REACH, REACH + 1)
    table = np.where(np.isfinite(table), table, np.median(finite))
    table = np.where(np.array(numbers)[:, None] + shifts >= 1, table, np.inf)  # sentences count from 1
    cost = table[0] + price * (shifts != 0)
    back = np.zeros(table.shape, dtype=np.int64)
    for row in range(1, len(table)):
        gap = numbers[row] - numbers[row - 1]
        allowed = gap + shifts[None, :] - shifts[:, None] > 0  # [from, to]: the later one stays later
        steps = cost[:, None] + price * (shifts[:, None] != shifts[None, :])
        steps = np.where(allowed, steps, np.inf)
        back[row] = steps.argmin(axis=0)
        cost = steps.min(axis=0) + table[row]
    path = [int(cost.argmin())]
    for row in range(len(table) - 1, 0, -1):
        path.append(int(back[row, path[-1]]))
    return shifts[np.array(path[::-1])]


def write(path: Path, found: Iterable[Suggestion]) -> int:
    """Writes the table that `--remap` takes, with the confidence of each row; returns how many rows. MediaError."""
    rows = 0
    with replacing(path) as partial, partial.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["identity", "emotion", "level", "public", "canonical", "confidence"])
        for one in found:
            for public, canonical in one.moves:
                writer.writerow([*one.folder, f"{public:03d}", f"{canonical:03d}", f"{one.confidence:.2f}"])
                rows += 1
    return rows
