"""An ONNX network on the CPU: onnxruntime where it is installed, else OpenCV's reader. Neither executes pickles."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from harness.errors import MissingError

Float = npt.NDArray[np.float32]


class OnnxNet:
    """One input, float32 (n, channels, height, width); outputs by name. Runs picture by picture.

    Exports usually fix the batch size at 1. `engine` says what runs it, for the long form of signatures.
    """

    def __init__(self, path: Path) -> None:
        self.engine = "onnxruntime" if importlib.util.find_spec("onnxruntime") else "opencv"
        self._net: Any = _session(path) if self.engine == "onnxruntime" else _opencv(path)

    def run(self, pictures: Float) -> Float:
        """The first output, (n, values), float32."""
        return np.concatenate([self._one(picture[None]).reshape(1, -1) for picture in pictures])

    def _one(self, picture: Float) -> Float:
        if self.engine == "onnxruntime":
            return cast(Float, self._net.run(None, {self._net.get_inputs()[0].name: picture})[0])
        self._net.setInput(picture)
        return np.asarray(self._net.forward(), dtype=np.float32)


def _session(path: Path) -> Any:
    import onnxruntime

    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


def _opencv(path: Path) -> Any:
    import cv2

    try:
        return cv2.dnn.readNetFromONNX(str(path))
    except cv2.error as error:
        raise MissingError(
            f"OpenCV cannot read the network '{path.name}'.", "Type: pip install onnxruntime, or get the file again."
        ) from error
