"""An ONNX network runs on the CPU by onnxruntime where it is installed, else OpenCV's reader; neither executes
pickles.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from networks.files.plausibility import ImplausibleError

Float = npt.NDArray[np.float32]
_CURE = "Get the published file again; the setting `weights` names another copy."


class OnnxNet:
    """Runs a network of one input, float32 (n, channels, height, width), picture by picture; outputs by name.

    Exports usually fix the batch size at 1. `engine` names the library that runs it.
    """

    def __init__(self, path: Path) -> None:
        self.engine = "onnxruntime" if importlib.util.find_spec("onnxruntime") else "opencv"
        self._net: Any = session(path) if self.engine == "onnxruntime" else _opencv(path)

    def probe(self, size: int, outputs: int = 0) -> None:
        """Raise ImplausibleError unless a blank picture (3, size, size) gives finite values, `outputs` of them if
        given.

        A network that does not fit must be known when it is loaded, not when a clip is judged.
        """
        try:
            values = self.run(np.zeros((1, 3, size, size), np.float32))
        except _failures() as error:
            raise ImplausibleError(f"The network does not take pictures of {size} px.", _CURE) from error
        if outputs and values.shape[1] != outputs:
            raise ImplausibleError(f"The network has {values.shape[1]} outputs, not {outputs}.", _CURE)
        if not np.isfinite(values).all():
            raise ImplausibleError("The network's answer to a blank picture is not finite.", _CURE)

    def run(self, pictures: Float) -> Float:
        """Returns the first output, (n, values), float32."""
        return np.concatenate([self._one(picture[None]).reshape(1, -1) for picture in pictures])

    def _one(self, picture: Float) -> Float:
        if self.engine == "onnxruntime":
            return cast(Float, self._net.run(None, {self._net.get_inputs()[0].name: picture})[0])
        self._net.setInput(picture)
        return np.asarray(self._net.forward(), dtype=np.float32)


def session(path: Path) -> Any:
    """Returns onnxruntime's session of a file, on the CPU. Raises ImplausibleError for one that it cannot read."""
    import onnxruntime

    try:
        return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    except _failures() as error:
        raise ImplausibleError(f"onnxruntime cannot read the network '{path.name}'.", _CURE) from error


def _opencv(path: Path) -> Any:
    import cv2

    try:
        return cv2.dnn.readNetFromONNX(str(path))
    except cv2.error as error:
        raise ImplausibleError(
            f"OpenCV cannot read the network '{path.name}'.", "Type: pip install onnxruntime, or get the file again."
        ) from error


def _failures() -> tuple[type[Exception], ...]:
    """The errors that the engines raise for files and inputs that do not fit."""
    import cv2

    kinds: list[type[Exception]] = [cv2.error, ValueError, RuntimeError]
    if importlib.util.find_spec("onnxruntime"):
        from onnxruntime.capi import onnxruntime_pybind11_state as state

        kinds += [kind for kind in vars(state).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    return tuple(kinds)
