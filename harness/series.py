"""A series holds one metric's values along a clip: frames, and a curve by name, in half precision."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness import npz


@dataclass(frozen=True)
class Series:
    """Holds curves over frames. A value that does not exist is NaN."""

    frames: npt.NDArray[np.int32]  # (n,) indexes at 25 fps
    names: tuple[str, ...]
    curves: npt.NDArray[np.float16]  # (names, n)


def packed(frames: Sequence[int] | npt.NDArray[np.integer], curves: Mapping[str, npt.ArrayLike]) -> bytes:
    """Returns curves over the same n frames, as npz bytes of about 2 bytes a value; nothing for no frames."""
    if not len(frames) or not curves:
        return b""
    values = np.stack([np.asarray(curve, np.float64) for curve in curves.values()])
    if values.shape != (len(curves), len(frames)):
        raise ValueError(f"curves of {values.shape[1:]} values over {len(frames)} frames")
    stream = io.BytesIO()
    half = np.clip(values, -6e4, 6e4).astype(np.float16)  # NaN stays NaN
    names = np.array("\n".join(curves))
    np.savez_compressed(stream, frames=np.asarray(frames, np.int32), names=names, curves=half)
    return stream.getvalue()


def unpacked(data: bytes) -> Series:
    """Returns the curves that `packed` gave."""
    stored = npz.arrays(data)
    return Series(stored["frames"], tuple(str(stored["names"]).split("\n")), stored["curves"])
