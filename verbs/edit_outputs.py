"""This module writes what `edit` shows beside its clips: progress, a sheet of frames, all edits side by side."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from harness.atomic import replacing
from harness.media import VideoReader, VideoWriter
from harness.progress import Progress
from verbs.upscaling import Upscaler

if TYPE_CHECKING:
    from PIL import ImageFont

Pixels = npt.NDArray[np.uint8]
SHEET_FRAMES = 8
STRIP = 32  # px above each clip, for its name
WIDEST = 4096  # px: wider H.264 is not played everywhere


class Shown:
    """Passes the frames of one edit on, upscaled if asked, and reports how far it is."""

    def __init__(self, name: str, frames: int, upscale: Upscaler | None) -> None:
        self._progress = Progress(f"{name}: frames", frames)
        self._upscale = upscale

    def __call__(self, frame: Pixels) -> Pixels:
        """Returns the frame as it is to be written."""
        shown = frame if self._upscale is None else self._upscale(frame)
        self._progress.step()
        return shown


def distinct(names: Sequence[str]) -> list[str]:
    """Returns the names of several emotions; where two are called alike (happy of two corpora), numbered."""
    return list(names) if len(set(names)) == len(names) else [f"{name}{k}" for k, name in enumerate(names, start=1)]


def place(out: str, name: str, count: int) -> Path:
    """Says where the edit `name`, one of `count`, goes: a file, or in the folder `out` (there already, or with a
    slash).
    """
    path, plain = Path(out), re.sub(r"[\\/:\0]", "_", name)
    if path.is_dir() or out.endswith(("/", os.sep)):
        return path / f"{plain}.mp4"
    path = path if path.suffix else path.with_name(f"{path.name}.mp4")
    return path if count == 1 else path.with_name(f"{path.stem}_{plain}{path.suffix}")


def write_sheet(target: Path, clips: Sequence[Path]) -> Path:
    """Writes a png with eight frames of each clip, one row each."""
    from PIL import Image

    rows = [np.concatenate(_eight(clip), axis=1) for clip in clips]
    with replacing(target) as partial:
        Image.fromarray(np.concatenate(rows, axis=0)).save(partial, format="PNG")
    return target


def _eight(clip: Path) -> list[Pixels]:
    reader = VideoReader(clip, fps=None)
    wanted = np.linspace(0, reader.frames - 1, SHEET_FRAMES).round().astype(int).tolist()
    kept = {k: frame for k, frame in enumerate(_frames(reader)) if k in wanted}
    return [kept[k] for k in wanted]


def _frames(reader: VideoReader) -> Iterator[Pixels]:
    return (frame for chunk in reader for frame in chunk)


def write_side_by_side(target: Path, clips: Sequence[tuple[str, Path]], sound: npt.NDArray[np.float32]) -> Path:
    """Writes one clip of all clips (name, file), each under its name, in rows of up to 4096 px. One clip is enough.

    The clips are edits of one call: of one size, length and rate.
    """
    readers = [VideoReader(path, fps=None) for _, path in clips]
    info = readers[0].info
    columns = max(1, min(len(clips), WIDEST // info.width))
    names = [_strip(name, info.width) for name, _ in clips]
    blank = np.zeros((info.height + STRIP, info.width, 3), np.uint8)
    fps = max(1, round(info.fps))
    with VideoWriter(target, columns * info.width, -(-len(clips) // columns) * len(blank), fps, audio=sound) as writer:
        for frames in zip(*map(_frames, readers), strict=False):
            cells = [np.concatenate([name, frame]) for name, frame in zip(names, frames, strict=True)]
            cells += [blank] * (-len(cells) % columns)
            rows = [np.concatenate(cells[k : k + columns], axis=1) for k in range(0, len(cells), columns)]
            writer.write(np.concatenate(rows))
    return target


def _strip(name: str, width: int) -> Pixels:
    """(STRIP, width, 3) a name in white on black, cut where it is too long."""
    from PIL import Image, ImageDraw

    picture = Image.new("RGB", (width, STRIP))
    draw = ImageDraw.Draw(picture)
    draw.text((width / 2, STRIP / 2), name, fill="white", anchor="mm", font=_font())
    return np.asarray(picture)


def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    from PIL import ImageFont

    return ImageFont.load_default(STRIP // 2)
