"""Pictures pass between files and the generator here: uint8 RGB -> (N, 3, S, S) in [-1, 1], and back to uint8 for a
video.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

Pixels = npt.NDArray[np.uint8]


def _scaled(pixels: Pixels) -> Tensor:
    """(N, H, W, 3) uint8 -> (N, 3, H, W) float32 in [-1, 1]."""
    return (torch.from_numpy(np.require(pixels, requirements=("C", "W"))).permute(0, 3, 1, 2).float() / 255 - 0.5) * 2


def resized(picture: Pixels, size: int) -> Pixels:
    """Returns a picture (H, W, 3) as (size, size, 3), by Pillow's bicubic filter if it has another size."""
    if picture.shape[:2] == (size, size):
        return picture
    return np.asarray(Image.fromarray(picture).resize((size, size), Image.Resampling.BICUBIC))


def picture_input(picture: Pixels, size: int = 256) -> Tensor:
    """Returns (1, 3, size, size) of an RGB picture (H, W, 3), resized by Pillow's bicubic filter if it has another
    size.
    """
    return _scaled(resized(picture, size)[None])


def clip_input(frames: Pixels, size: int = 256, antialias: bool = True) -> Tensor:
    """Returns (N, 3, size, size) of RGB frames (N, H, W, 3), resized bilinearly if they have another size.

    `antialias=False` is torchvision's behaviour before 0.17, with which the code was released.
    """
    pictures = _scaled(frames)
    if pictures.shape[-2:] == (size, size):
        return pictures
    return F.interpolate(pictures, (size, size), mode="bilinear", align_corners=False, antialias=antialias)


def _channels_last(pictures: Tensor) -> Pixels:
    return pictures.to("cpu", torch.uint8).permute(0, 2, 3, 1).contiguous().numpy()


def fixed_pixels(pictures: Tensor) -> Pixels:
    """Returns (N, H, W, 3) uint8 of (N, 3, H, W): [-1, 1] -> [0, 255], clamped and rounded; the inverse of
    `clip_input`.
    """
    return _channels_last(((pictures.float().clamp(-1, 1) + 1) * 127.5).round())


def _stretch(clamped: Tensor, low: float, high: float) -> Pixels:
    return _channels_last((clamped - low) / (high - low) * 255)


def stretched_pixels(clip: Callable[[], Iterable[Tensor]], most_held: int = 512) -> Iterator[Pixels]:
    """Yields a whole clip in the official mapping, chunk by chunk: its darkest value -> 0, its brightest -> 255,
    truncated.

    clip: gives the chunks, and the same ones again when asked again. The extremes of the clip must be known before its
    first frame can be written. Nothing exceeds [-1, 1], so frames are only held back until both ends were reached; of
    a clip that has not reached them after `most_held` frames the rest is made twice, so that memory stays flat. A clip
    of one single value, which the released code divides by zero, comes out as `fixed_pixels` shows it.
    """
    low, high = 1.0, -1.0
    held: list[Tensor] = []
    chunks = _clamped(clip())
    for chunk in chunks:
        low, high = min(low, float(chunk.min())), max(high, float(chunk.max()))
        held.append(chunk)
        if low == -1.0 and high == 1.0:
            yield from (_stretch(part, low, high) for part in itertools.chain(held, chunks))
            return
        if sum(map(len, held)) > most_held:
            held.clear()
            for rest in chunks:
                low, high = min(low, float(rest.min())), max(high, float(rest.max()))
            held_or_again: Iterable[Tensor] = _clamped(clip())
            break
    else:
        held_or_again = held
    for part in held_or_again:
        yield _stretch(part, low, high) if low < high else fixed_pixels(part)


def _clamped(chunks: Iterable[Tensor]) -> Iterator[Tensor]:
    return (chunk.float().clamp(-1, 1) for chunk in chunks)
