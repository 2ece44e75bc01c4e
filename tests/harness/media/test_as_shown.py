"""Pictures are read as a player shows them: the shape of pixels, the chroma between samples, deep and HDR colours."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from harness.errors import MediaError
from harness.media import VideoReader, read_image
from tests.media_samples import film, write_film, write_planes


def _colourful(size: tuple[int, int]) -> np.ndarray:
    """(2, height, width, 3): hues that change slowly, which chroma between samples must follow."""
    height, width = size
    y, x = np.mgrid[:height, :width]
    waves = [np.sin(x / 9 + 2 * k) * np.cos(y / 7 - k) for k in range(3)]
    picture = np.stack([128 + 80 * wave for wave in waves], axis=-1)
    return np.stack([picture, picture[::-1]]).astype(np.uint8)


def _decibels(ground_truth: np.ndarray, got: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / np.mean((ground_truth.astype(float) - got) ** 2)))


def _opencv(path: Path) -> np.ndarray:
    capture = cv2.VideoCapture(str(path))
    frames = [capture.read()[1][..., ::-1] for _ in range(2)]
    return np.stack(frames)


@pytest.mark.parametrize(
    ("fmt", "codec", "size"),
    [
        ("yuv420p10le", "ffv1", (96, 128)),
        ("yuv422p10le", "ffv1", (96, 128)),
        ("yuv420p", "ffv1", (95, 128)),
        ("yuv420p", "ffv1", (96, 127)),
        ("nv12", "rawvideo", (96, 128)),
    ],
)
def test_chroma_is_interpolated_where_libswscale_would_repeat_it(
    tmp_path: Path, fmt: str, codec: str, size: tuple[int, int]
) -> None:
    master = _colourful(size)
    path = write_planes(tmp_path / "a.mkv", master, fmt, codec)
    ours = np.concatenate(list(VideoReader(path, fps=None)))
    assert _decibels(master, ours) > _decibels(master, _opencv(path)) + 1.5


def test_even_8_bit_420_is_still_what_opencv_reads(tmp_path: Path) -> None:
    path = write_planes(tmp_path / "a.mkv", _colourful((96, 128)), "yuv420p", "ffv1")
    assert np.array_equal(np.concatenate(list(VideoReader(path, fps=None))), _opencv(path))


@pytest.mark.parametrize(("aspect", "shown"), [(Fraction(4, 3), 128), (Fraction(16, 15), 102), (Fraction(3, 4), 72)])
def test_pixels_that_are_not_square_are_shown_in_their_shape(tmp_path: Path, aspect: Fraction, shown: int) -> None:
    stored = _colourful((96, 96))
    path = write_planes(tmp_path / "a.mp4", stored, "yuv420p", "libx264", aspect)
    reader = VideoReader(path)
    frames = np.concatenate(list(reader))
    assert (reader.info.width, reader.info.height, reader.notes) == (shown, 96, ("pixel_aspect_applied",))
    assert frames.shape == (2, 96, shown, 3)
    twin = np.stack([cv2.resize(frame, (shown, 96), interpolation=cv2.INTER_CUBIC) for frame in stored])
    assert _decibels(twin, frames) > 30


def test_pixels_within_one_percent_of_square_are_left_alone(tmp_path: Path) -> None:
    path = write_planes(tmp_path / "a.mp4", _colourful((96, 96)), "yuv420p", "libx264", Fraction(480, 481))
    reader = VideoReader(path)
    assert (reader.info.width, reader.notes) == (96, ())


@pytest.mark.parametrize(("transfer", "notes"), [(16, ("hdr_not_mapped",)), (18, ("hdr_not_mapped",)), (1, ())])
def test_hdr_has_a_note(tmp_path: Path, transfer: int, notes: tuple[str, ...]) -> None:
    path = write_film(tmp_path / "a.mkv", film(3), transfer=transfer)
    assert VideoReader(path).notes == notes


def test_deep_pictures_are_read_right_or_refused(tmp_path: Path) -> None:
    deep = (np.arange(600, dtype=np.uint16).reshape(20, 30) * 109).astype(np.uint16)
    Image.fromarray(deep).save(tmp_path / "deep.png")
    assert np.array_equal(read_image(tmp_path / "deep.png")[..., 1], deep >> 8)
    Image.fromarray(deep.astype(np.int32) << 8).save(tmp_path / "whole.tiff")
    Image.fromarray(deep.astype(np.float32)).save(tmp_path / "float.tiff")
    for name in ("whole.tiff", "float.tiff"):
        with pytest.raises(MediaError, match="32 bits"):
            read_image(tmp_path / name)
