"""One call per official file: found, verified, read strictly, and kept as safetensors for the next start.

Names and shapes must be exactly those of the network: a missing, unexpected or differently shaped tensor is one
sentence. What a file holds besides its network (optimisers, discriminators, arguments) is never unpickled.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from cmet import safetensors_copy
from cmet.torch_file import TorchFile, shape_of, state_dict_in
from harness import weights
from harness.digest import digest
from harness.errors import UsageError

if TYPE_CHECKING:
    from cmet.connector import Connector
    from cmet.edtalk import Audio2Lip, Generator
    from cmet.emotion2vec import Emotion2Vec

Name = Literal["emotion2vec", "cmet-connector", "edtalk", "edtalk-lip-pose", "audio2lip"]


@dataclass(frozen=True)
class Layout:
    """How an official file holds its network: wrapper keys by preference, and names that may be left over."""

    wrappers: tuple[str, ...]
    build: Callable[[], nn.Module]  # may leave parameters on the meta device: loading replaces them
    spare: tuple[str, ...] = ()  # parts of names of tensors that variants carry and nothing needs


def _emotion2vec() -> nn.Module:
    from cmet.emotion2vec import Emotion2Vec

    with torch.device("meta"):  # 162 million random numbers would be overwritten at once
        return Emotion2Vec()


def _connector() -> nn.Module:
    from cmet.connector import Connector

    return Connector()


def _generator() -> nn.Module:
    from cmet.edtalk import Generator

    return Generator()


def _lip_pose_generator() -> nn.Module:
    from cmet.edtalk import Generator

    return Generator(expression=False)


def _audio2lip() -> nn.Module:
    from cmet.edtalk import Audio2Lip

    return Audio2Lip()


LAYOUTS: dict[str, Layout] = {
    "emotion2vec": Layout(("model", "state_dict", "model_state_dict"), _emotion2vec, (".decoder.", "_ema")),
    "cmet-connector": Layout(("state_dict",), _connector),
    "edtalk": Layout(("gen",), _generator),
    "edtalk-lip-pose": Layout(("gen",), _lip_pose_generator),
    "audio2lip": Layout(("audio2lip",), _audio2lip),
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
        code = np.load(path, allow_pickle=False)
        if code.shape != (1, 10):
            raise UsageError(f"{path} is no expression code: expected shape (1, 10), found {code.shape}.")
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
        return LAYOUTS[name].build()
    from cmet.training_files import connector_beside

    return connector_beside(file)


def _demand_training(module: nn.Module, file: Path) -> None:
    """Where no published hash vouches for a file: training leaves its mark in every normalisation layer."""
    for name, layer in module.named_modules():
        if not isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d) or layer.running_mean is None:
            continue
        if not bool(layer.running_mean.any()):
            raise UsageError(f"{file} was never trained: the statistics of {name} are those of a new network.")


def load_into(module: nn.Module, name: str, source: str | Path | Mapping[str, Any], keep_copy: bool = False) -> None:
    """Fill `module` from an official file, a safetensors copy of it, or a (wrapped) state dict; strict; eval mode.

    keep_copy: leave a safetensors file in the cache, named by the hash of the source, and use it from then on.
    """
    layout = LAYOUTS[name]
    if isinstance(source, Mapping):
        where = f"The state dict of {name}"
        state = _chosen(module, state_dict_in(source, layout.wrappers), layout, where)
        _assign(module, {key: value for key, value in state.items() if isinstance(value, Tensor)}, where)
        return
    path = Path(source).expanduser()
    if not path.is_file():
        raise UsageError(f"There is no file {path}.")
    copy = safetensors_copy.place(name, path) if keep_copy and path.suffix != ".safetensors" else None
    if copy is not None and safetensors_copy.is_whole(copy):
        path = copy
    if path.suffix == ".safetensors":
        state = _chosen(module, safetensors_copy.read(path), layout, str(path))
        _assign(module, state, str(path), check_values=path != copy)
        return
    file = TorchFile(path)
    chosen = _chosen(module, state_dict_in(file.content, layout.wrappers), layout, str(path))
    tensors = {key: file.tensor(value) for key, value in chosen.items()}
    _assign(module, tensors, str(path))
    if copy is not None:
        safetensors_copy.keep(copy, module.state_dict(), name, digest(path))


def _chosen(module: nn.Module, found: Mapping[str, Any] | None, layout: Layout, where: str) -> dict[str, Any]:
    """What the module needs of `found`; UsageError if anything is missing, unexpected or of another shape."""
    if found is None:
        keys = " or ".join(f"'{wrapper}'" for wrapper in layout.wrappers)
        raise UsageError(f"{where} holds no state dict under {keys}.", "Is it the right file?")
    wanted = {key: tuple(value.shape) for key, value in module.state_dict().items()}
    spare = [key for key in found if key not in wanted and not any(part in key for part in layout.spare)]
    missing = [key for key in wanted if key not in found]
    if missing or spare:
        raise UsageError(
            f"{where} holds another network: {len(missing)} tensors are missing{_first(missing)}, "
            f"{len(spare)} are unexpected{_first(spare)}."
        )
    for key, shape in wanted.items():
        given = shape_of(found[key])
        if given != shape and not (key.endswith("alibi_scale") and given == (1, *shape[2:])):
            raise UsageError(f"{where} holds another network: {key} must be {shape}, found {given}.")
    return {key: found[key] for key in wanted}


def _first(names: list[str]) -> str:
    return f" ({names[0]}{', …' if len(names) > 1 else ''})" if names else ""


def _assign(module: nn.Module, state: Mapping[str, Tensor], where: str, check_values: bool = True) -> None:
    """Hand over tensors, reshaped where only the rank differs, as float32; refuse what is not finite."""
    shaped = {}
    for key, target in module.state_dict().items():
        value = state[key].reshape(target.shape)
        shaped[key] = value.to(target.dtype)
        if check_values and value.is_floating_point() and not bool(torch.isfinite(value.sum())):
            raise UsageError(f"{where} holds values that are not finite, in {key}.", "Take an earlier checkpoint.")
    on_meta = any(parameter.is_meta for parameter in module.parameters())
    module.load_state_dict(shaped, strict=True, assign=on_meta)
    module.eval()
