"""This module turns a decoded picture into RGB as it is shown: colours, the shape of its pixels, which way is up.

libswscale has a direct converter for 8-bit 4:2:0 and 4:2:2 planes of even sizes, whose bytes are those of ffmpeg's
`rgb24` and of OpenCV. Everything else passes its scaler, which by default repeats chroma samples (3 to 6 dB worse on 10
bit, NV12 and odd heights): there it is asked to interpolate and to round. (docs/reference/metrics.md, 'Decoding')
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

Frames = npt.NDArray[np.uint8]  # (n, height, width, 3) RGB, or one of them
_DIRECT = ("yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuva420p")
# Flags of libswscale: bilinear or bicubic, accurate rounding, chroma at full width.
_EXACT = 0x40000 | 0x2000
_BICUBIC = 4
_INTERPOLATED, _SCALED = 2 | _EXACT, _BICUBIC | _EXACT
_HDR = (16, 18)  # transfer functions of ITU-T H.273: PQ (SMPTE ST 2084) and HLG (ARIB STD-B67)
_SQUARE_WITHIN = 0.01  # of the width: a ratio nearer to 1 comes from rounded sizes, and is not worth a resampling


def is_hdr(frame: VideoFrame) -> bool:
    """Says whether the colours are meant for a display of high dynamic range, which RGB here does not show."""
    return int(frame.color_trc) in _HDR


def pixel_aspect(stream: VideoStream) -> Fraction:
    """Returns width : height of a stored pixel; 1 where the file names none, or one within 1 % of square."""
    ratio = Fraction(stream.sample_aspect_ratio or 1)
    return ratio if ratio > 0 and abs(float(ratio) - 1) >= _SQUARE_WITHIN else Fraction(1)


def rgb(frame: VideoFrame, reformatter: Any, aspect: Fraction = Fraction(1)) -> Frames:
    """Returns the picture upright, as (height, width, 3); pixels that are not square are scaled in width (bicubic)."""
    return np.ascontiguousarray(oriented(_converted(frame, reformatter, aspect), display_matrix(frame)))


def _converted(frame: VideoFrame, reformatter: Any, aspect: Fraction) -> Frames:
    from av.video.reformatter import VideoReformatter

    width = max(1, round(frame.width * aspect))
    if width != frame.width and not frame.format.name.startswith("yuv"):
        return _array(reformatter.reformat(frame, width=width, format="rgb24", interpolation=_SCALED))
    if width != frame.width:  # in its own planes first, as `ffmpeg -vf scale` does
        frame = VideoReformatter().reformat(frame, width=width, format=frame.format.name, interpolation=_BICUBIC)
    if frame.format.name in _DIRECT and frame.width % 2 == frame.height % 2 == 0:
        return _array(reformatter.reformat(frame, format="rgb24"))
    return _array(reformatter.reformat(frame, format="rgb24", interpolation=_INTERPOLATED))


def _array(frame: VideoFrame) -> Frames:
    return np.asarray(frame.to_ndarray(), dtype=np.uint8)


def display_matrix(frame: VideoFrame) -> tuple[int, int, int, int]:
    """Returns (a, b, c, d) with x' = a x + c y and y' = b x + d y; identity where there is no matrix."""
    entry: Any = frame.side_data.get("DISPLAYMATRIX")
    if entry is not None:
        a, b, _, c, d = (int(value) for value in np.frombuffer(entry, dtype=np.int32)[:5])
        return a, b, c, d
    return 1, 0, 0, 1


def oriented(picture: Frames, matrix: tuple[int, int, int, int]) -> Frames:
    """Returns the picture (height, width, 3) turned and mirrored as its display matrix says (quarter turns)."""
    a, b, c, d = matrix
    if abs(a) >= abs(b):
        turned, flip_x, flip_y = picture, a < 0, d < 0
    else:
        turned, flip_x, flip_y = picture.transpose(1, 0, 2), c < 0, b < 0
    turned = turned[::-1] if flip_y else turned
    return turned[:, ::-1] if flip_x else turned


def is_gray(picture: Frames) -> bool | None:
    """Says whether the picture is gray; None when it is too plain (a black lead-in) to tell."""
    small = picture[::4, ::4].astype(np.int16)
    if small.std() < 2.0:
        return None
    return int(np.abs(small[..., :2] - small[..., 1:]).max()) <= 1
