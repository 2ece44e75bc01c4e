"""A request's pictures are made ready for EAT: the portrait is cut out, the pose clip is read and its heads found."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from baselines.eat import crop
from harness.media import VideoReader, read_image
from harness.media.face_track import Square
from harness.method import Frame
from networks.eat.speaker import Heads, Speaker
from networks.edtalk.frames import resized

Frames = npt.NDArray[np.uint8]  # (k, h, w, 3)
_CLIP_CROP = "dlib68 width x 2.1"


class Cutter:
    """Cuts pictures as an option (one of `options.CROPS`) says; landmarks are loaded when the first picture needs them.

    Its methods also return how a picture was cut, for the notes of a clip. They raise MediaError for what cannot be
    read or does not show a face, MissingError without the means to find landmarks.
    """

    def __init__(self, way: str) -> None:
        self._way = way

    @cached_property
    def _find(self) -> crop.Finder:
        return crop.finder()

    def portrait(self, path: Path) -> tuple[Frame, str]:
        """Returns a portrait (256, 256, 3)."""
        picture = read_image(path)
        if self._whole(picture):
            return resized(picture, crop.SIZE_PX), "none"
        points = crop.only_face(self._find(picture), path)
        if self._way == "face":
            return resized(crop.clip_square(points, *picture.shape[:2]).cut(picture), crop.SIZE_PX), _CLIP_CROP
        return crop.aligned(picture, points, crop.template()), "dlib68 to template"

    def heads(self, speaker: Speaker, clip: Path, most: int) -> tuple[Heads, str]:
        """Returns the head poses of at most `most` frames of a clip at 25 fps."""
        reader = VideoReader(clip, chunk=speaker.batch)
        if self._whole(next(iter(reader))[0]):
            return speaker.heads(_first(reader, most)), "none"
        square = crop.square_of((frame for chunk in reader for frame in chunk), self._find, clip)
        return speaker.heads(_cut(_first(reader, most), square)), _CLIP_CROP

    def _whole(self, picture: Frame) -> bool:
        """Whether a picture stays uncut."""
        return self._way == "none" or (self._way == "auto" and crop.is_crop(picture))


def _first(reader: VideoReader, most: int) -> Iterator[Frames]:
    """The first `most` frames of a clip, in chunks."""
    for chunk in reader:
        yield chunk[:most]
        most -= len(chunk)
        if most <= 0:
            return


def _cut(chunks: Iterator[Frames], square: Square) -> Iterator[Frames]:
    for chunk in chunks:
        yield np.stack([resized(square.cut(frame), crop.SIZE_PX) for frame in chunk])
