"""This module computes which pictures syncnet_python's two ffmpeg calls make of a clip, by their time stamps.

`-r 25` into AVI drops frames that lag too far behind and leaves places free between others. The MP3 encoder's delay of
1105 samples then pushes every frame but the first back by whole places (1 at 44.1 kHz, 2 at 16 kHz): nothing can be
empty before the first. `-f image2` fills free places, with the frame before and then with the frame after them. So a
clip of n frames at 25 fps becomes n + 1 pictures (its second frame comes twice) or n + 2 (its first two frames do).
Measured against ffmpeg 5.1.9: the numbers of pictures of twelve real clips are equal.
Facts: docs/reference/metrics.md, 'Pipeline conversion'.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.media.container import open_media
from harness.media.timing import Timing
from harness.records import FPS

MP3_DELAY_SAMPLES = 1105
_NEVER_HALF = 2.0**-17  # ffmpeg moves time stamps between two places by this, so that halves are rounded up
_DROPPED, _PLACED = -0.6, 0.6  # where a frame ends, in places after the next free one
_FREE, _FILLED_BEFORE, _LAGS = 1.1, 0.6, -1.1


@dataclass(frozen=True)
class Pictures:
    """Says how often each coded frame is shown (0: dropped), and how many frames the AVI itself holds.

    OpenCV reads no more than these: it fills no place. Scenes, and with them tracks, end there, however many pictures
    there are.
    """

    counts: tuple[int, ...]
    held: int


def delay_places(rate: int) -> int:
    """Returns by how many frames at 25 fps the MP3 sound of this rate (Hz; 0: no sound) delays the picture."""
    return math.ceil(FPS * MP3_DELAY_SAMPLES / rate) if rate else 0


def late_seconds(path: Path) -> float:
    """Returns how many seconds after the file the picture begins."""
    with open_media(path) as container:
        stream = container.streams.video[0]
        return max(0.0, float((stream.start_time or 0) * (stream.time_base or 0)) - (container.start_time or 0) / 1e6)


def pictures(timing: Timing, late: float, delay: int) -> Pictures:
    """Returns the pictures of a clip whose first frame is `late` seconds behind the file's begin."""
    kept = placed(timing, late)
    counts = filled([place for _, place in kept], delay)
    times_shown = {frame: count for (frame, _), count in zip(kept, counts, strict=True)}
    return Pictures(tuple(times_shown.get(frame, 0) for frame in range(len(timing.times))), len(kept))


def constant(timing: Timing, late: float = 0.0) -> tuple[int, ...]:
    """Returns how often each frame is shown by `-r 25` into a file of constant rate (mp4)."""
    drawn = list(_timed(timing, late))
    return tuple(_filled([time for time, _ in drawn], [span for _, span in drawn]))


def _timed(timing: Timing, late: float) -> Iterator[tuple[float, float]]:
    """When each frame begins and how long it lasts, in places at 25 fps, as ffmpeg rounds both."""
    ends = [*timing.times[1:], timing.duration_seconds]
    for begin, end in zip(timing.times, ends, strict=True):
        time, exact = round(FPS * (begin + late), 6), round(FPS * (end - begin), 6)
        yield (time + _NEVER_HALF if time % 1 else time), round(exact) or min(exact, 1.0)


def placed(timing: Timing, late: float = 0.0) -> list[tuple[int, int]]:
    """Returns the pairs (coded frame, its place at 25 fps) of the frames that `-r 25` keeps for a file of variable
    rate (avi).
    """
    kept, following = [], 0
    for frame, (time, span) in enumerate(_timed(timing, late)):
        drift = time - following
        if drift + span <= _DROPPED:
            continue
        if drift + span > _PLACED:
            following += max(0, round(drift))
        kept.append((frame, following))
        following += 1
    return kept


def filled(places: Sequence[int], delay: int = 0) -> list[int]:
    """Returns how often each frame is shown when all places are filled; every frame but the first is `delay` places
    later.
    """
    return _filled([place + delay if k else 0.0 for k, place in enumerate(places)], [1.0] * len(places))


def _filled(times: Sequence[float], spans: Sequence[float]) -> list[int]:
    """How often each frame is shown at a constant rate: repeated when it is late, left out when it lags far behind."""
    counts = [0] * len(times)
    following, before = 0, [0, 0, 0]
    for k, (time, span) in enumerate(zip(times, spans, strict=True)):
        drift = time - following
        reach = drift + span
        shown = 0 if reach < _LAGS else round(reach) if reach > _FREE else 1
        of_last = round(drift - _FILLED_BEFORE) if drift > _FREE and reach > _FREE else 0
        counts[k - 1] += of_last
        counts[k] += shown - of_last
        before = [of_last, *before[:2]]
        following += shown
    if counts:
        counts[-1] += sorted(before)[1]  # ffmpeg goes on with the median of the last three when the clip ends
    return counts
