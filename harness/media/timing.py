"""This module reads when the pictures of a clip are shown, by the time stamps of its packets."""

from __future__ import annotations

import itertools
import statistics
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import MediaError
from harness.media.container import COPY_AGAIN, undecodable
from harness.records import FPS

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream


@dataclass(frozen=True)
class Timing:
    """Holds presentation times of the coded frames, seconds from the first one."""

    times: tuple[float, ...]
    last_seconds: float  # how long the last frame is shown
    tick_seconds: float  # resolution of the time stamps
    stamps: tuple[int, ...] = ()  # as decoded frames bear them, rising; empty where the file has no usable ones
    of_packets: bool = False  # the stamps rise in the order of the packets, which need not be that of the pictures

    @property
    def slack_seconds(self) -> float:
        """Says how far a time stamp may be off by rounding in its container (1 ms in flv and mkv)."""
        return min(self.tick_seconds, 0.002) + 1e-9

    @property
    def duration_seconds(self) -> float:
        """Returns the time from the first picture until the last one is gone."""
        return self.times[-1] + self.last_seconds

    @property
    def longest_gap_seconds(self) -> float:
        """Returns the longest time between two pictures that follow each other."""
        return max((after - before for before, after in itertools.pairwise(self.times)), default=0.0)

    @property
    def variable(self) -> bool:
        steps = [after - before for before, after in itertools.pairwise(self.times)]
        if not steps:
            return False
        middle = statistics.median(steps)
        return any(abs(step - middle) > max(2 * self.slack_seconds, 0.02 * middle) for step in steps)


def _rate(stream: VideoStream) -> float:
    rate = stream.guessed_rate or stream.average_rate or stream.base_rate
    return float(rate) if rate else float(FPS)


def read_timing(container: InputContainer, stream: VideoStream, path: Path) -> Timing:
    """Time stamps of all packets, without decoding them. AVI stores decoding times only: there they are the times."""
    stamps: list[int | None] = []
    decoding: list[int | None] = []
    durations: dict[int | None, int | None] = {}
    for packet in container.demux(stream):
        if packet.size == 0 or packet.is_discard:
            continue
        if packet.is_corrupt:
            raise undecodable(path, "it is truncated or damaged")
        stamps.append(packet.pts if packet.pts is not None else packet.dts)
        decoding.append(packet.dts)
        durations[stamps[-1]] = packet.duration
    if not stamps:
        raise MediaError(f"{path} has no frames.", COPY_AGAIN, reason="empty")
    step, tick = 1.0 / _rate(stream), float(stream.time_base or 0)
    known = _distinct(stamps)
    shown = _distinct(decoding) if container.format.name == "avi" else known
    if not shown or not tick:  # no usable stamps: a constant rate
        return Timing(tuple(k * step for k in range(len(stamps))), step, tick)
    times = tuple((stamp - shown[0]) * tick for stamp in shown)
    steps = [after - before for before, after in itertools.pairwise(times)]
    timing = Timing(times, statistics.median(steps) if steps else step, tick, known, list(known) == stamps)
    own = durations.get(shown[-1])
    return replace(timing, last_seconds=own * tick) if timing.variable and own else timing


def _distinct(stamps: list[int | None]) -> tuple[int, ...]:
    """The stamps in rising order; empty where one is missing or stands twice."""
    known = {stamp for stamp in stamps if stamp is not None}
    return tuple(sorted(known)) if len(known) == len(stamps) else ()
