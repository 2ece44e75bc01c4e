"""This module packs sufficient statistics of one clip as npz bytes, and unpacks them."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import numpy.typing as npt

from harness import npz


def pack(**arrays: Any) -> bytes:
    """Returns arrays, numbers and strings by name, as compressed npz bytes (nothing pickled)."""
    stream = io.BytesIO()
    named: dict[str, Any] = {name: np.asarray(value) for name, value in arrays.items()}
    np.savez_compressed(stream, **named)
    return stream.getvalue()


def unpack(statistics: bytes) -> dict[str, npt.NDArray[Any]]:
    """Returns the arrays by name."""
    return npz.arrays(statistics)
