"""A network filled from an official file: strictly by names and shapes, whatever is wrapped around its tensors.

Knows how the files hold their networks, and no network: `cmet.checkpoints` builds those.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from harness.digest import digest
from harness.errors import UsageError
from networks.files import safetensors_copy
from networks.files.torch_file import TorchFile, shape_of, state_dict_in


@dataclass(frozen=True)
class Layout:
    """How an official file holds its network: wrapper keys by preference, and names that may be left over."""

    wrappers: tuple[str, ...]
    spare: tuple[str, ...] = ()  # parts of names of tensors that variants carry and nothing needs


LAYOUTS: dict[str, Layout] = {
    "emotion2vec": Layout(("model", "state_dict", "model_state_dict"), (".decoder.", "_ema")),
    "cmet-connector": Layout(("state_dict",)),
    "edtalk": Layout(("gen",)),
    "edtalk-lip-pose": Layout(("gen",)),
    "audio2lip": Layout(("audio2lip",)),
}


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
