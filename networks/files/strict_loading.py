"""A network is filled from an official file here, strictly by names and shapes, under any wrapping of its tensors.

`networks.files.official` finds and verifies the files; each network's package says how its file holds it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from harness.digest import digest
from harness.errors import UsageError
from networks.files import safetensors_copy
from networks.files.layout import Layout
from networks.files.torch_file import TorchFile, shape_of, state_dict_in

_COUNTER = ".num_batches_tracked"


def load_into(
    module: nn.Module, layout: Layout, source: str | Path | Mapping[str, Any], name: str = "", keep_copy: bool = False
) -> None:
    """Fill `module` from an official file, a safetensors copy of it, or a (wrapped) state dict; strict; eval mode.

    name: what errors and the copy call the network; keep_copy: leave a safetensors file in the cache, named by the
    hash of the source, and use it from then on. Raises UsageError for a damaged file and one of another network.
    """
    if isinstance(source, Mapping):
        where = f"The state dict of {name}"
        state = matched(module, state_dict_in(source, layout.wrappers), layout, where)
        assign(module, {key: value for key, value in state.items() if isinstance(value, Tensor)}, where)
        return
    path = Path(source).expanduser()
    if not path.is_file():
        raise UsageError(f"There is no file {path}.")
    copy = safetensors_copy.place(name, path) if keep_copy and path.suffix != ".safetensors" else None
    if copy is not None and safetensors_copy.is_whole(copy):
        path = copy
    if path.suffix == ".safetensors":
        state = matched(module, safetensors_copy.read(path), layout, str(path))
        assign(module, state, str(path), check_values=path != copy)
        return
    file = TorchFile(path)
    wanted = matched(module, state_dict_in(file.content, layout.wrappers), layout, str(path))
    tensors = {key: file.tensor(value) for key, value in wanted.items()}
    assign(module, tensors, str(path))
    if copy is not None:
        safetensors_copy.keep(copy, module.state_dict(), name, digest(path))


def matched(module: nn.Module, found: Mapping[str, Any] | None, layout: Layout, where: str) -> dict[str, Any]:
    """Returns the tensors that the module needs of `found`; UsageError if anything is missing, unexpected, of another
    shape, or an integer where real numbers belong.

    found: tensors by name, read or not; where: what errors call the file. Only the counters of normalisation layers,
    which files from before PyTorch 0.4.1 lack and evaluation does not use, may be absent.
    """
    if found is None:
        keys = " or ".join(f"'{wrapper}'" for wrapper in layout.wrappers)
        raise UsageError(f"{where} holds no state dict under {keys}.", "Is it the right file?")
    own = module.state_dict()
    spare = [key for key in found if key not in own and not any(part in key for part in layout.spare)]
    missing = [key for key in own if key not in found and not key.endswith(_COUNTER)]
    if missing or spare:
        raise UsageError(
            f"{where} holds another network: {len(missing)} tensors are missing{_first(missing)}, "
            f"{len(spare)} are unexpected{_first(spare)}."
        )
    for key, value in own.items():
        shape, given = tuple(value.shape), shape_of(found.get(key, value))
        if given != shape and not (key.endswith("alibi_scale") and given == (1, *shape[2:])):
            raise UsageError(f"{where} holds another network: {key} must be {shape}, found {given}.")
        kind = getattr(found.get(key, value), "dtype", value.dtype)
        if value.is_floating_point() and not kind.is_floating_point:
            raise UsageError(f"{where} holds {kind} in {key}, which takes real numbers: it is rounded or another file.")
    return {key: found.get(key, value) for key, value in own.items()}


def _first(names: list[str]) -> str:
    return f" ({names[0]}{', …' if len(names) > 1 else ''})" if names else ""


def assign(module: nn.Module, state: Mapping[str, Tensor], where: str, check_values: bool = True) -> None:
    """Hand over tensors, reshaped where only the rank differs, as float32; refuse values that are not finite."""
    shaped = {}
    for key, target in module.state_dict().items():
        value = state[key].reshape(target.shape)
        shaped[key] = value.to(target.dtype)
        if check_values and value.is_floating_point() and not bool(torch.isfinite(value.sum())):
            raise UsageError(f"{where} holds values that are not finite, in {key}.", "Take an earlier checkpoint.")
    on_meta = any(parameter.is_meta for parameter in module.parameters())
    module.load_state_dict(shaped, strict=True, assign=on_meta)
    module.eval()
