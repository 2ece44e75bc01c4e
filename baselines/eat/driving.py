"""A request's pictures are made ready for EAT: the portrait is cut out, and the pose clip is read and its heads found.

Which way a picture was cut is part of a clip's notes: `crop.is_crop` says which pictures are left as they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from baselines.eat import crop
from baselines.eat.speaker import Heads, Speaker
from harness.media import VideoReader, read_image
from harness.media.face_track import Square
from harness.method import Frame

Frames = npt.NDArray[np.uint8]  # (k, h, w, 3)


def portrait(path: Path, way: str) -> tuple[Frame, str]:
    """Returns a portrait (256, 256, 3), cut as `way` (an option) says, and how that was.

    Raises MediaError for a picture that cannot be read or does not show one face, MissingError without landmarks.
    """
    picture = read_image(path)
    if way == "none" or (way == "auto" and crop.is_crop(picture)):
        return crop.scaled(picture), "none"
    points = crop.only_face(crop.finder()(picture), path)
    if way == "face":
        cut = crop.clip_square(points, *picture.shape[:2]).cut(picture)
        return crop.scaled(cut), "dlib68 width x 2.1"
    return crop.aligned(picture, points, crop.template()), "dlib68 to template"


def head_poses(speaker: Speaker, clip: Path, most: int, way: str) -> tuple[Heads, str]:
    """Returns the head poses of at most `most` frames of a clip at 25 fps, and how its pictures were cut.

    Raises MediaError for a clip that cannot be read or shows no face, MissingError without landmarks.
    """
    reader = VideoReader(clip, chunk=speaker.batch)
    first = next(iter(reader))[0]
    if way == "none" or (way == "auto" and crop.is_crop(first)):
        return speaker.heads(_first(reader, most)), "none"
    square = crop.square_of((frame for chunk in reader for frame in chunk), crop.finder(), clip)
    return speaker.heads(_cut(_first(reader, most), square)), "dlib68 width x 2.1"


def _first(reader: VideoReader, most: int) -> Iterator[Frames]:
    """The first `most` frames of a clip, in chunks."""
    for chunk in reader:
        yield chunk[:most]
        most -= len(chunk)
        if most <= 0:
            return


def _cut(chunks: Iterator[Frames], square: Square) -> Iterator[Frames]:
    for chunk in chunks:
        yield np.stack([crop.scaled(square.cut(frame)) for frame in chunk])
