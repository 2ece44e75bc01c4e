"""Every media file passes through this package: facts, frames, sound, pictures, and the one encoder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from harness.media.container import check_file, undecodable
from harness.media.encode import VideoWriter
from harness.media.facts import MediaInfo, probe
from harness.media.sound import AudioTrack, read_audio, to_pcm16, write_wav
from harness.media.video import VideoReader

__all__ = [
    "AudioTrack",
    "MediaInfo",
    "VideoReader",
    "VideoWriter",
    "probe",
    "read_audio",
    "read_image",
    "to_pcm16",
    "write_wav",
]


def read_image(path: Path | str) -> npt.NDArray[np.uint8]:
    """Returns a picture as uint8 RGB (height, width, 3), upright by its EXIF rotation. Raises MediaError; also for
    32-bit and float values, of which no file says which is white."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    path = Path(path)
    check_file(path)
    try:
        with Image.open(path) as image:
            upright = ImageOps.exif_transpose(image)
            if upright.mode.startswith("I;16"):  # Pillow would cut 16 bits of grey off at 255, which is white
                upright = Image.fromarray((np.asarray(upright) >> 8).astype(np.uint8))
            if upright.mode in ("I", "F"):  # nothing says which value is white
                raise undecodable(path, "it has 32 bits a value")
            return np.array(upright.convert("RGB"))
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError, SyntaxError, ValueError) as error:
        raise undecodable(path, str(error).rstrip(".") or type(error).__name__) from error
