"""25 frames a second: the rule is that of ffmpeg's fps filter, keeps what is 25 already, and brings no frame late."""

from __future__ import annotations

import itertools
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from harness.media import VideoReader, grids
from harness.media.timing import Timing
from tests.media_samples import film, write_film

RATES = [Fraction(24000, 1001), 24, 25, Fraction(30000, 1001), 30, 50, 60, Fraction(25, 2), 10]


def constant(frames: int, rate: int | Fraction, tick: float = 1e-5) -> Timing:
    times = (round(float(k / Fraction(rate)) / tick) * tick for k in range(frames))
    return Timing(tuple(times), float(1 / Fraction(rate)), tick)


def shown(timing: Timing, fps: float = 25) -> list[int]:
    return [k for k, count in enumerate(grids.near(timing, fps)) for _ in range(count)]


def by_filter(path: Path) -> list[np.ndarray]:
    """The frames that libavfilter's `fps=25` gives of a clip."""
    frames: list[np.ndarray] = []
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        graph = av.filter.Graph()
        nodes = [graph.add_buffer(template=stream), graph.add("fps", "25"), graph.add("buffersink")]
        for one, following in itertools.pairwise(nodes):
            one.link_to(following)
        graph.configure()
        for frame in [*container.decode(stream), None]:
            graph.push(frame)
            while True:
                try:
                    frames.append(graph.pull().to_ndarray(format="rgb24"))
                except (av.BlockingIOError, av.EOFError):
                    break
    return frames


@pytest.mark.parametrize("rate", RATES)
def test_the_rule_is_that_of_ffmpegs_filter(tmp_path: Path, rate: int | Fraction) -> None:
    path = tmp_path / "clip.mp4"
    write_film(path, film(61, size=(32, 32)), fps=rate)
    ours = np.concatenate(list(VideoReader(path)))
    theirs = by_filter(path)
    assert len(ours) == len(theirs) == VideoReader(path).frames
    assert all(np.array_equal(one, other) for one, other in zip(ours, theirs, strict=True))


@pytest.mark.parametrize("rate", [Fraction(30000, 1001), 30, 50, 60])
def test_25_to_a_faster_rate_and_back_brings_no_frame_late(rate: int | Fraction) -> None:
    there = shown(constant(250, 25), float(rate))
    back = [there[k] for k in shown(constant(len(there), rate))]
    assert back == list(range(250))


@pytest.mark.parametrize("tick", [1e-5, 1e-3])
def test_25_frames_a_second_stay_as_they_are(tick: float) -> None:
    assert grids.near(constant(100, 25, tick), 25) == (1,) * 100
    jitter = Timing(tuple(k / 25 + 0.015 * (k % 2) for k in range(50)), 0.04, 1e-3)
    assert grids.near(jitter, 25) == (1,) * 50


@pytest.mark.parametrize("rate", [Fraction(24000, 1001), 24, Fraction(30000, 1001), 30, 50, 60])
def test_no_frame_is_more_than_half_a_frame_off(rate: int | Fraction) -> None:
    """The middle of a frame of the result lies inside the time of the coded frame that it shows."""
    for k, source in enumerate(shown(constant(300, rate))):
        middle, begin = (k + 0.5) / 25, float(source / Fraction(rate))
        assert begin - 2e-5 <= middle <= begin + float(1 / Fraction(rate)) + 2e-5


def test_a_picture_that_stands_for_long_stands_until_its_end() -> None:
    timing = Timing((0.0, 0.04, 1.0, 1.04), 0.04, 1e-4)
    assert grids.near(timing, 25) == (1, 24, 1, 1)


def test_less_than_half_a_frame_is_one_frame() -> None:
    assert grids.near(constant(1, 60), 25) == (1,)
    assert grids.near(constant(3, 240), 25) == (0, 0, 1)
