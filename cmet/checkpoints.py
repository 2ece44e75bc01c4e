"""One call per official file: found, verified, read strictly, and kept as safetensors for the next start.

Names and shapes must be exactly those of the network: a missing, unexpected or differently shaped tensor is one
sentence. What a file holds besides its network (optimisers, discriminators, arguments) is never unpickled.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from harness import weights
from harness.digest import digest
from harness.errors import UsageError
from networks.files.array_file import read_array
from networks.files.strict_loading import load_into

if TYPE_CHECKING:
    from cmet.connector import Connector
    from networks.edtalk.generator import Audio2Lip, Generator
    from networks.emotion2vec.encoder import Emotion2Vec

Name = Literal["emotion2vec", "cmet-connector", "edtalk", "edtalk-lip-pose", "audio2lip"]


def _emotion2vec() -> nn.Module:
    from networks.emotion2vec.encoder import Emotion2Vec

    with torch.device("meta"):  # 162 million random numbers would be overwritten at once
        return Emotion2Vec()


def _connector() -> nn.Module:
    from cmet.connector import Connector

    return Connector()


def _generator() -> nn.Module:
    from networks.edtalk.generator import Generator

    return Generator()


def _lip_pose_generator() -> nn.Module:
    from networks.edtalk.generator import Generator

    return Generator(expression=False)


def _audio2lip() -> nn.Module:
    from networks.edtalk.generator import Audio2Lip

    return Audio2Lip()


#: The network of each official file; may leave parameters on the meta device: loading replaces them.
BUILDERS: dict[str, Callable[[], nn.Module]] = {
    "emotion2vec": _emotion2vec,
    "cmet-connector": _connector,
    "edtalk": _generator,
    "edtalk-lip-pose": _lip_pose_generator,
    "audio2lip": _audio2lip,
}


def load_emotion2vec(path: str | Path | None = None) -> Emotion2Vec:
    """Official `model.pt` of emotion2vec+ large, in eval mode; `path`: the user's own copy. Errors as `load`."""
    return cast("Emotion2Vec", load("emotion2vec", path))


def load_connector(path: str | Path | None = None) -> Connector:
    """Official `_epoch_2105_checkpoint_step000200000.pth`, or one of own training, of any widths. Errors as `load`."""
    return cast("Connector", load("cmet-connector", path))


def load_generator(path: str | Path | None = None) -> Generator:
    """Official `EDTalk.pt`, entry `gen`. Errors as `load`."""
    return cast("Generator", load("edtalk", path))


def load_lip_pose_generator(path: str | Path | None = None) -> Generator:
    """Official `EDTalk_lip_pose.pt`, entry `gen`: a generator without expression codes. Errors as `load`."""
    return cast("Generator", load("edtalk-lip-pose", path))


def load_audio2lip(path: str | Path | None = None) -> Audio2Lip:
    """Official `Audio2Lip.pt`, entry `audio2lip`. Errors as `load`."""
    return cast("Audio2Lip", load("audio2lip", path))


def load_expression_codes() -> dict[str, npt.NDArray[np.float32]]:
    """EDTalk's stored expression codes, emotion -> (1, 10). Raises MissingError, or UsageError for another shape."""
    codes = {}
    for entry in weights.select(["edtalk-codes"]):
        path = weights.locate(entry.name, any_hash=True)
        code = read_array(path, "Get it again.")
        if code.shape != (1, 10) or not np.isfinite(code).all():
            wrong = f"{path} is no expression code: expected (1, 10) finite numbers, found {code.shape}."
            raise UsageError(wrong, "Get it again.")
        codes[path.stem] = code.astype(np.float32)
    return codes


def load(name: Name, path: str | Path | None = None) -> nn.Module:
    """The network of an official file, in eval mode, float32, on the CPU.

    Without `path`, the file that harness.weights finds. Raises MissingError if it is absent or not the published one
    (expected and found hash), UsageError if it is damaged or holds another network.
    """
    file = weights.locate(name, path, any_hash=True)
    module = _built(name, file)
    try:
        load_into(module, name, file, keep_copy=True)
    except UsageError as error:
        published = weights.table()[name].sha256 or "none"
        raise UsageError(f"{error.what} SHA-256 published: {published}, found: {digest(file)}.", error.cure) from error
    if file == weights.cached_path(weights.table()[name]) and not weights.table()[name].sha256:
        _demand_training(module, file)
    return module.eval().requires_grad_(False)


def _built(name: Name, file: Path) -> nn.Module:
    """The network to be filled; a connector of the widths and the window that the training of `file` wrote down."""
    if name != "cmet-connector":
        return BUILDERS[name]()
    from cmet.training.checkpoint_files import connector_beside

    return connector_beside(file)


def _demand_training(module: nn.Module, file: Path) -> None:
    """Where no published hash vouches for a file: training leaves its mark in every normalisation layer."""
    for name, layer in module.named_modules():
        if not isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d) or layer.running_mean is None:
            continue
        if not bool(layer.running_mean.any()):
            raise UsageError(f"{file} was never trained: the statistics of {name} are those of a new network.")
