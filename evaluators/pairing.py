"""This module pairs the frames of a clip with those of its reference, and reads both in lock step.

`trunc`: frame k with frame k over the common length. `stretch`: EAT's rule, which spreads the longer clip over
the shorter one (docs/reference/metrics.md, 'Frame pairing'). Both are part of a signature.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from harness.errors import MediaError
from harness.evaluator import Chunk, ClipContext, Refusal
from harness.media import VideoReader

Indices = npt.NDArray[np.int64]
Frames = npt.NDArray[np.uint8]


def stretch(clip_frames: int, reference_frames: int) -> tuple[Indices, Indices]:
    """Returns EAT's pairs: floor(k n / L), k < L, L the smaller count; by linspace, whose rounding is part of
    the rule.
    """
    common = min(clip_frames, reference_frames)
    clip = np.linspace(0, clip_frames, common, endpoint=False).astype(np.int64)
    return clip, np.linspace(0, reference_frames, common, endpoint=False).astype(np.int64)


def truncate(clip_frames: int, reference_frames: int) -> tuple[Indices, Indices]:
    """Returns the pairs of frame k with frame k, as far as both go."""
    common = np.arange(min(clip_frames, reference_frames), dtype=np.int64)
    return common, common


RULES: dict[str, Callable[[int, int], tuple[Indices, Indices]]] = {"trunc": truncate, "stretch": stretch}


def spread(frames: int, count: int) -> Indices:
    """Returns the indices of `count` frames spread over a clip, floor(k frames / count); all of them where there are
    fewer.
    """
    return np.unique(np.arange(count, dtype=np.int64) * frames // count)


def clip_frames(context: ClipContext) -> int:
    """Returns how many frames the clip has at 25 fps, known before the first one is decoded."""
    return context.once("frames@25", lambda: (context.reader or VideoReader(context.path)).frames)


def reference_reader(context: ClipContext) -> VideoReader:
    """Returns the reference at 25 fps; opened once per clip. Raises MediaError. The sample must have one."""
    path = context.sample.reference_video
    assert path is not None, "ask reference_problem first"
    return context.once("reference@25", lambda: VideoReader(path))


def notes(context: ClipContext) -> tuple[str, ...]:
    """Returns the remarks of decoding, with that on the rate of the reference, which must be usable."""
    moved = {"fps_resampled", "vfr_resampled"} & set(reference_reader(context).notes)
    return (*context.notes, *(("reference_resampled",) if moved else ()))


def reference_problem(context: ClipContext, rule: str | None) -> Refusal | None:
    """Says why the reference cannot be used, or None. `rule` is the pairing; None where frames are not paired."""
    path = context.sample.reference_video
    if path is None:
        return Refusal("no_reference", f"sample {context.sample.id} has no ground-truth clip")
    if rule == "trunc" and not context.sample.reference_aligned:
        return Refusal("not_aligned", f"frame k of {path.name} is not frame k of the result")
    try:
        reference_reader(context)
    except MediaError as error:
        return Refusal(error.reason, f"reference: {error.what}")
    return None


@dataclass(frozen=True)
class Pairs:
    """Holds frames of a chunk and their partners, both (k, height, width, 3) RGB; sizes may differ."""

    index: Indices  # (k,) number of each pair within the clip's pairs
    clip_index: Indices  # (k,) frame of the clip
    reference_index: Indices  # (k,) frame of the reference
    clip: Frames
    reference: Frames

    def sizes(self) -> dict[str, tuple[int, ...]]:
        """Returns height and width of both sides, as statistics hold them; {} without pairs."""
        if not len(self.index):
            return {}
        return {"clip_size": self.clip.shape[1:3], "reference_size": self.reference.shape[1:3]}

    def every(self, step: int) -> Pairs:
        """Returns the pairs whose number is a multiple of `step`."""
        if step == 1:
            return self
        chosen = self.index % step == 0
        numbers = self.index[chosen], self.clip_index[chosen], self.reference_index[chosen]
        return Pairs(*numbers, self.clip[chosen], self.reference[chosen])


def pairs(context: ClipContext, chunk: Chunk, rule: str) -> Pairs:
    """Returns the pairs whose clip frame lies in `chunk`; chunks must come in order. Shared by all judges with that
    rule.
    """

    def open_reader() -> _LockStep:
        reader = reference_reader(context)
        return _LockStep(reader.path, iter(reader), *RULES[rule](clip_frames(context), reader.frames))

    lock_step = context.once(f"lock-step:{rule}", open_reader)
    return chunk.once(f"pairs:{rule}", lambda: lock_step.take(chunk))


SIZE_RULES = ("refuse", "area")


def sized(pairs: Pairs, rule: str) -> Pairs | Refusal:
    """Returns the pairs with the reference at the clip's size (rule `area`: by area averaging), or why they stay
    unequal.
    """
    wanted, given = pairs.clip.shape[1:3], pairs.reference.shape[1:3]
    if wanted == given or not len(pairs.index):
        return pairs
    if rule == "refuse":
        return Refusal("size_mismatch", f"clip {wanted[1]}x{wanted[0]}, reference {given[1]}x{given[0]}")
    resized = [cv2.resize(f, (wanted[1], wanted[0]), interpolation=cv2.INTER_AREA) for f in pairs.reference]
    return replace(pairs, reference=np.stack(resized))


class _LockStep:
    """Walks through the reference as the chunks of the clip come; holds one chunk of each."""

    def __init__(self, path: Path, chunks: Iterator[Frames], clip: Indices, reference: Indices) -> None:
        self._path = path
        self._chunks = chunks
        self._clip = clip
        self._reference = reference
        self._held: Frames | None = None
        self._first = 0  # index of the first held reference frame

    def take(self, chunk: Chunk) -> Pairs:
        """Returns the pairs of this chunk."""
        start, stop = np.searchsorted(self._clip, [chunk.first, chunk.first + len(chunk.frames)])
        index = np.arange(start, stop, dtype=np.int64)
        own, wanted = self._clip[start:stop], self._reference[start:stop]
        partners = self._frames(wanted) if len(wanted) else chunk.frames[:0]
        return Pairs(index, own, wanted, chunk.frames[own - chunk.first], partners)

    def _frames(self, wanted: Indices) -> Frames:
        parts, done = [], 0
        while done < len(wanted):
            held = self._hold(int(wanted[done]))
            stop = int(np.searchsorted(wanted, self._first + len(held)))
            parts.append(held[wanted[done:stop] - self._first])
            done = stop
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _hold(self, frame: int) -> Frames:
        """Advance until the held chunk has `frame`."""
        while self._held is None or frame >= self._first + len(self._held):
            following = next(self._chunks, None)
            if following is None:
                raise MediaError(f"{self._path} ends before frame {frame}.", reason="unreadable")
            self._first += 0 if self._held is None else len(self._held)
            self._held = following
        return self._held


def frames_at(reader: VideoReader, wanted: Indices) -> Iterator[tuple[Indices, Frames]]:
    """Yields (indices, frames) of a clip at rising indices, chunk by chunk; decoding stops after the last of them."""
    first = 0
    for chunk in reader:
        inside = wanted[(wanted >= first) & (wanted < first + len(chunk))]
        if len(inside):
            yield inside, chunk[inside - first]
        first += len(chunk)
        if not len(wanted) or first > int(wanted[-1]):
            return
