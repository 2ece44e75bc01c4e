"""A grid says how often each coded frame of a clip stands at a constant frame rate: pictures are repeated or left out,
never blended.

`near` is the rule of cmet-bench (`fps:25near` in a signature) and that of ffmpeg's filter `fps=25`: a frame of the
result is the picture on the screen in the middle of its time. What it does to sync, beside two other rules, stands in
docs/reference/metrics.md, 'Frame rate'.
"""

from __future__ import annotations

import itertools
import math

from harness.media.timing import Timing

FPS_RULE = "25near"  # the field `fps` of the signatures of all judges that take the frames as they are given
Counts = tuple[int, ...]  # how often each coded frame stands; 0: left out


def near(timing: Timing, fps: float) -> Counts:
    """Returns the counts at `fps`: a coded frame stands from the frame of the result that is nearest to its time stamp
    (of two, the later) until the next one does. A clip that has this rate already keeps every frame once.
    """
    tie = timing.slack_seconds / 2  # time stamps are rounded: what is half a frame by them, is half a frame
    first = [math.floor(fps * (time + tie) + 0.5) for time in (*timing.times, timing.duration_seconds)]
    counts = [after - before for before, after in itertools.pairwise(first)]
    counts[-1] += not any(counts)  # a clip of less than half a frame is one frame
    return tuple(counts)


def coded(timing: Timing) -> Counts:
    """Returns one for every coded frame, whatever its time."""
    return (1,) * len(timing.times)
