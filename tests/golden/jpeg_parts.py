"""JPEG files in an npz: their bytes one after the other, their lengths, and which frames of a film they are."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import cv2
import numpy as np


def stored(name: str, files: list[bytes], places: list[int]) -> dict[str, np.ndarray]:
    """Arrays `<name>_jpg`, `<name>_len`, `<name>_places`."""
    joined = np.frombuffer(b"".join(files), np.uint8)
    return {
        f"{name}_jpg": joined,
        f"{name}_len": np.array([len(one) for one in files]),
        f"{name}_places": np.array(places),
    }


def decoded(files: list[bytes]) -> list[np.ndarray]:
    """BGR pictures (h, w, 3), as OpenCV reads them."""
    return [cv2.imdecode(np.frombuffer(one, np.uint8), cv2.IMREAD_COLOR) for one in files]


def pictures(arrays: Mapping[str, np.ndarray], name: str) -> dict[int, np.ndarray]:
    """Frame -> RGB picture (h, w, 3)."""
    ends = np.r_[0, np.cumsum(arrays[f"{name}_len"])]
    files = [arrays[f"{name}_jpg"][a:b].tobytes() for a, b in pairwise(ends)]
    rgb = [np.ascontiguousarray(one[..., ::-1]) for one in decoded(files)]
    return dict(zip(arrays[f"{name}_places"].tolist(), rgb, strict=True))
