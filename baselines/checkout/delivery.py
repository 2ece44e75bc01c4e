"""What a checkout's process made is read here: nothing it says is trusted but the file, and that within bounds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.errors import MediaError
from harness.media import VideoReader
from harness.method import Frame
from harness.records import FPS

Array = npt.NDArray[np.uint8]
_MOST_PIXELS = 4096 * 4096  # of one frame
_MOST_SIDE_PIXELS = 65_536
_VIDEOS = (".mp4", ".mkv", ".avi", ".mov", ".webm")


def frames_of(answer: Mapping[str, Any], folder: Path, most: int) -> Iterator[Frame]:
    """Yields the frames that an answer names, at most `most`. Raises MediaError, a sentence, where there are none.

    folder: where the file must lie, whatever the answer says.
    """
    path = Path(str(answer.get("frames", "")))
    inside = path.is_absolute() and path.resolve().is_relative_to(folder.resolve())
    if not inside or not path.is_file():
        raise MediaError("it says that it made a clip, and there is no file of it")
    if path.suffix.lower() in _VIDEOS:
        yield from _of_video(path, most)
        return
    array = _array(path) if path.suffix == ".npy" else _raw(path, answer)
    if array.dtype != np.uint8 or array.ndim != 4 or array.shape[3] != 3:
        raise MediaError(f"its frames are {array.dtype} {array.shape}, not uint8 (n, height, width, 3)")
    if array.shape[1] * array.shape[2] > _MOST_PIXELS:
        raise MediaError(f"its frames are {array.shape[2]} x {array.shape[1]} pixels")
    yield from (np.array(frame) for frame in array[:most])


def _of_video(path: Path, most: int) -> Iterator[Frame]:
    made = 0
    for chunk in VideoReader(path, fps=float(FPS)):
        yield from chunk[: most - made]
        made += len(chunk)
        if made >= most:
            return


def _array(path: Path) -> Array:
    try:
        array: Array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError, SyntaxError, MemoryError, RecursionError, OverflowError) as error:
        raise MediaError(f"its array cannot be read: {str(error).partition(chr(10))[0][:200]}") from error
    return array


def _raw(path: Path, answer: Mapping[str, Any]) -> Array:
    """Raw RGB bytes; a last frame that is not whole is left out."""
    height, width = (_side(answer.get(key)) for key in ("height", "width"))
    count = path.stat().st_size // (height * width * 3)
    if count == 0:
        raise MediaError("no frame was written")
    return np.memmap(path, np.uint8, "r", shape=(count, height, width, 3))


def _side(told: object) -> int:
    if type(told) is not int or not 0 < told <= _MOST_SIDE_PIXELS:
        raise MediaError(f"it gives no height and width of its frames, but {str(told)[:20]}")
    return told
