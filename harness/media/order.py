"""This module gives each decoded picture its time: decoders return pictures in the order in which they are shown.

The time stamps of a file may disagree with that order: AVI stores no presentation times, and a copy of an AVI into
mp4 or mkv keeps the order of the packets as if it were theirs. Where decoded stamps step back, the k-th decoded
picture has the k-th smallest stamp of the file. (docs/reference/metrics.md, 'Decoding')
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice, pairwise
from typing import TYPE_CHECKING

from harness.media.timing import Timing

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

_REORDER_PICTURES = 17  # H.264 and HEVC hold back at most 16 pictures, so an earlier stamp comes within so many
_SEARCHED_PICTURES = 64  # of the clip's beginning, where a file's stamps are in doubt


def steps_back(frames: Iterable[VideoFrame]) -> bool:
    """Says whether a stamp of the first decoded pictures is smaller than the one before it."""
    last: int | None = None
    for frame in islice(frames, _SEARCHED_PICTURES):
        if last is not None and frame.pts is not None and frame.pts < last:
            return True
        last = frame.pts if frame.pts is not None else last
    return False


def last_mended(timing: Timing) -> Timing:
    """Returns the timing of a file whose stamps are those of the packets' order: the last one is then a guess of
    the program that copied it, and follows the others where they have one step.
    """
    steps = {round(after - before, 6) for before, after in pairwise(timing.times[:-1])}
    if not steps or max(steps) - min(steps) > 2 * timing.slack_seconds:
        return timing
    step = timing.times[1] - timing.times[0]
    return replace(timing, times=(*timing.times[:-1], timing.times[-2] + step), last_seconds=step)


def timed(frames: Iterable[VideoFrame], timing: Timing) -> Iterator[tuple[VideoFrame, float]]:
    """Yields decoded pictures with their seconds from the first one, which never step back.

    A picture whose stamp is further on than its place stands after pictures that could not be decoded, unless an
    earlier stamp follows: then the stamps are those of the packets' order, and places count from there on.
    """
    waiting: deque[VideoFrame] = deque()
    stream = iter(frames)
    stamps, place, counts = timing.stamps, 0, not timing.stamps
    first: float | None = None
    while True:
        frame = waiting.popleft() if waiting else next(stream, None)
        if frame is None:
            return
        if not counts and (place >= len(stamps) or frame.pts != stamps[place]):
            waiting.extend(islice(stream, _REORDER_PICTURES - len(waiting)))
            counts = _jumbled(frame, waiting)
            place = place if counts else _place(frame, stamps, place)
        seconds = timing.times[min(place, len(timing.times) - 1)]
        first = seconds if first is None else first
        yield frame, seconds - first
        place += 1


def _jumbled(frame: VideoFrame, following: Iterable[VideoFrame]) -> bool:
    if frame.pts is None:
        return True
    return any(other.pts is None or other.pts < frame.pts for other in following)


def _place(frame: VideoFrame, stamps: tuple[int, ...], at_least: int) -> int:
    """The place of a picture's stamp among those of the file."""
    return max(at_least, bisect_left(stamps, frame.pts or 0))
