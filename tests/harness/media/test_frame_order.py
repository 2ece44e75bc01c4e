"""Pictures come in the order in which they are shown, whatever the time stamps of their container say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from datasets.health import Task, examine
from harness.media import VideoReader
from tests.media_samples import copied, write_b_frames
from tests.places import GOLDEN

COUNT = 60


def _numbered(count: int) -> np.ndarray:
    """(count, 32, 128, 3): picture k shows k, in eight squares that are white for a 1."""
    bits = (np.arange(count)[:, None] >> np.arange(8)) & 1
    rows = np.repeat(bits, 16, axis=1).astype(np.uint8) * 200 + 20
    return np.broadcast_to(rows[:, None, :, None], (count, 32, 128, 3)).copy()


def _numbers(path: Path, fps: float | None = 25.0) -> list[int]:
    frames = np.concatenate(list(VideoReader(path, fps=fps)))
    bits = frames[:, 16, 8::16, 1] > 128
    return [int(number) for number in (bits << np.arange(8)).sum(axis=1)]


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("films")
    for codec in ("libx264", "mpeg4"):
        for kind in ("mp4", "avi"):
            write_b_frames(folder / f"{codec}.{kind}", _numbered(COUNT), codec)
        for kind in ("mp4", "mkv", "mov"):
            copied(folder / f"{codec}.avi", folder / f"{codec}_of_avi.{kind}")
    return folder


@pytest.mark.parametrize("fps", [25.0, None])
@pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
@pytest.mark.parametrize("name", ["{}.mp4", "{}.avi", "{}_of_avi.mp4", "{}_of_avi.mkv", "{}_of_avi.mov"])
def test_pictures_come_in_the_order_shown(films: Path, name: str, codec: str, fps: float | None) -> None:
    assert _numbers(films / name.format(codec), fps) == list(range(COUNT))


def test_the_drawn_counter_counts() -> None:
    """100 drawn numbers, by x264 in AVI; ffmpeg's raw output and OpenCV give this order."""
    reader = VideoReader(GOLDEN / "media" / "counter_x264.avi")
    assert set(reader.notes) <= {"grayscale"}
    rows = np.concatenate(list(reader))[:, :, :, 1]
    assert rows.shape == (100, 64, 128)
    places = [(y, x) for y in range(0, 64, 2) for x in range(0, 128, 2)]
    series = {tuple(rows[:, y, x] > 128) for y, x in places}
    for bit in range(7):
        assert tuple((np.arange(100) >> bit) & 1 == 1) in series, bit


def test_a_copy_of_an_avi_has_a_note_and_others_have_none(films: Path) -> None:
    notes = {path.name: set(VideoReader(path).notes) - {"grayscale"} for path in films.glob("libx264*")}
    assert notes.pop("libx264.mp4") == notes.pop("libx264.avi") == set()
    assert set(map(frozenset, notes.values())) == {frozenset({"stamps_sorted"})}


def test_verify_names_stamps_that_step_back(films: Path) -> None:
    problems = {path.name: dict(examine(Task("a", "picture", path)).problems) for path in films.glob("*.m*")}
    assert "stamps_step_back" in problems["libx264_of_avi.mp4"]
    assert "stamps_step_back" not in problems["libx264.mp4"]


def test_lost_packets_move_no_other_picture(tmp_path: Path) -> None:
    """Stamps that jump are not stamps that step back: the picture before the gap is held, as a player does."""
    whole = write_b_frames(tmp_path / "whole.mp4", _numbered(COUNT), "mpeg4")
    lost = {23: 22, 47: 46}  # place among the packets → number shown: pictures that no other one refers to
    got = _numbers(copied(whole, tmp_path / "gaps.mkv", without=frozenset(lost)))
    assert got == [k - 1 if k in lost.values() else k for k in range(COUNT)]
