"""A video network turns one window of frames into a row of numbers; the two that papers use are two classes here.

`ScriptedI3d` runs StyleGAN-V's published file. It is TorchScript, which is a program: it is the one file of that kind
that is ever run here, and only after its SHA-256 is that of the published one. `OnnxI3d` runs TensorFlow Hub's I3D as
an ONNX file that the user converts (docs/reference/metrics.md, 'FVD').
"""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from evaluators.settings import unused
from evaluators.weights.judge_weights import in_use
from harness.digest import digest
from harness.errors import Missing, MissingError
from harness.evaluator import Fields
from networks.files.official import Official
from networks.files.plausibility import ImplausibleError, probe_pictures

Frames = npt.NDArray[np.uint8]  # one window, (frames, height, width, 3) RGB
Features = npt.NDArray[np.float32]

#: SHA-256 of StyleGAN-V's `i3d_torchscript.pt`.
PUBLISHED = "bec6519f66ea534e953026b4ae2c65553c17bf105611c746d904657e5860a5e2"
WIDTH = 400  # classes of Kinetics-400
FRAMES = 15  # of the one window that the C-MET paper looks at
_SIDE = 224  # px


class VideoNet(Protocol):
    """Declares a video network with its own preprocessing."""

    @property
    def width(self) -> int: ...  # numbers of a row

    def missing(self) -> list[Missing]: ...

    def load(self) -> None: ...

    def fields(self) -> Fields: ...  # of the signature, the weights' hash last

    def long(self) -> Fields: ...  # the long forms of those fields

    def features(self, window: Frames) -> Features: ...  # → (width,)


class ScriptedI3d:
    """Runs StyleGAN-V's I3D: video in [0, 255], which the file itself resizes to 224 px and scales."""

    width = WIDTH

    def __init__(self, settings: Mapping[str, str], device: str, sha256: str = PUBLISHED) -> None:
        unused("A TorchScript file, which is a program and runs only as published,", settings, ("hash", "gate"))
        self._weights = in_use(Official("i3d-stylegan-v"), {**settings, "hash": "any"})  # `scripted` asks for the hash
        self._sha256, self._device = sha256, device
        self._network: Any = None

    def missing(self) -> list[Missing]:
        """Returns the file, where it is not here or not the published one."""
        lacks = self._weights.missing()
        if not lacks and digest(self._weights.path()) != self._sha256:
            lacks = [Missing.of(_another(self._weights.path(), self._sha256))]
        return lacks

    def load(self) -> None:
        """Read the file. Raises MissingError where its SHA-256 is another than the pinned one."""
        self._network = scripted(self._weights.path(), self._sha256, self._device)

    def fields(self) -> Fields:
        """Returns network, resize, scaling, channel order and weights."""
        return ("net", "i3d-stylegan-v"), ("rs", "file224"), ("norm", "file"), ("ch", "rgb"), self._weights.fields()[-1]

    def long(self) -> Fields:
        """Returns the whole hash of the weights."""
        return self._weights.long()

    def features(self, window: Frames) -> Features:
        """Returns the file's numbers for one window (frames, height, width, 3)."""
        import torch

        assert self._network is not None, "load() first"
        video = torch.from_numpy(np.ascontiguousarray(window)).to(self._device).permute(3, 0, 1, 2)[None].float()
        with torch.inference_mode(), torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            row = self._network(video, rescale=True, resize=True, return_features=True)
        return np.asarray(row.reshape(-1).cpu().numpy(), dtype=np.float32)


def scripted(path: Path, sha256: str, device: str) -> Any:
    """Returns the program of a TorchScript file in eval mode; it is not opened unless its bytes have this SHA-256."""
    import torch

    if digest(path) != sha256:
        raise _another(path, sha256)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # the file is published in no newer format
            return torch.jit.load(str(path), map_location=device).eval()
    except RuntimeError as error:
        raise ImplausibleError(f"torch cannot read the TorchScript file '{path.name}'.", "Get it again.") from error


def _another(path: Path, sha256: str) -> MissingError:
    what = f"{path} is not the published program: expected SHA-256 {sha256}, found {digest(path)}."
    return MissingError(what, "TorchScript runs code, so only the published file is opened. Get it again.")


class OnnxI3d:
    """Runs a converted I3D of TensorFlow Hub: one input of rank 5 in [-1, 1], channels second or last, at 224 px."""

    width = WIDTH

    def __init__(self, settings: Mapping[str, str], device: str) -> None:
        self._weights = in_use(Official("i3d-tfhub-onnx"), {"hash": "any", **settings})
        self._session: Any = None
        self._last = False  # channels are the last axis of its input

    def missing(self) -> list[Missing]:
        """Returns onnxruntime and the file, where they are not here."""
        lacks = []
        if importlib.util.find_spec("onnxruntime") is None:
            lacks.append(Missing("The Python package onnxruntime is not installed.", "Type: pip install onnxruntime"))
        return [*lacks, *self._weights.missing()]

    def load(self) -> None:
        """Open the network, and try it. Raises ImplausibleError for one that takes no video."""
        from evaluators.weights.onnx_net import session

        path = self._weights.path()
        self._session = session(path)
        shape = self._session.get_inputs()[0].shape
        if len(shape) != 5 or 3 not in (shape[1], shape[4]):
            cure = "Convert it with channels second or last (docs/reference/metrics.md, 'FVD')."
            raise ImplausibleError(f"'{path.name}' takes {shape}, no video (1, frames, 224, 224, 3).", cure)
        self._last = shape[4] == 3
        if self._weights.must_pass_gate:
            self._require_i3d(path.name)

    def _require_i3d(self, name: str) -> None:
        """Raise ImplausibleError unless two still films get 400 finite numbers each, and not the same."""
        stripes, disc = (self.features(np.repeat(one[None], FRAMES, axis=0)) for one in probe_pictures(_SIDE)[:2])
        if len(stripes) != WIDTH or not np.isfinite(stripes).all() or np.allclose(stripes, disc):
            what = f"'{name}' answers {len(stripes)} numbers a film, not {WIDTH} that tell films apart."
            cure = "Convert TensorFlow Hub's I3D of Kinetics-400 (docs/reference/metrics.md, 'FVD')."
            raise ImplausibleError(what, cure)

    def fields(self) -> Fields:
        """Returns network, resize, scaling, channel order and weights."""
        return ("net", "i3d-tfhub"), ("rs", "cv-linear-224"), ("norm", "pm1"), ("ch", "rgb"), *self._weights.fields()

    def long(self) -> Fields:
        """Returns the whole hash of the weights."""
        return self._weights.long()

    def features(self, window: Frames) -> Features:
        """Returns the network's numbers for one window (frames, height, width, 3)."""
        import cv2

        assert self._session is not None, "load() first"
        sized = np.stack([cv2.resize(frame, (_SIDE, _SIDE), interpolation=cv2.INTER_LINEAR) for frame in window])
        video = (sized.astype(np.float32) / 127.5 - 1)[None]
        video = video if self._last else np.ascontiguousarray(video.transpose(0, 4, 1, 2, 3))
        row = self._session.run(None, {self._session.get_inputs()[0].name: video})[0]
        return np.asarray(row, dtype=np.float32).reshape(-1)
