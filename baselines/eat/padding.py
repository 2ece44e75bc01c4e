"""EAT's pad.npy is read here: the stored speech that stands before the beginning and after the end of a sound.

The file holds pickled objects, one of them a torch tensor. They are rebuilt by an unpickler that knows numbers,
containers, NumPy's arrays and torch's tensors, and refuses every other class; nothing in the file is run. What belongs
to which network is told by shape: a mel column has 80 values, a window of DeepSpeech's scores is (16, 29).
"""

from __future__ import annotations

import io
import pickle
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from harness.errors import UsageError
from networks.eat.deepspeech import LETTERS, WINDOW
from networks.eat.mel import BANDS
from networks.eat.windows import Padding
from networks.files.inert_pickle import MALFORMED

_MAGIC = b"\x93NUMPY"
_CURE = "Get pad.npy again (`python bench.py weights fetch eat-pad`), or type --set eat.ends=nearest."


def _storage(content: bytes) -> Any:
    """A storage that torch saved inside a pickle; torch's own safe reader takes no class but its own."""
    return torch.load(io.BytesIO(content), weights_only=True)


_BUILDERS = {
    ("collections", "OrderedDict"): OrderedDict,
    ("numpy", "dtype"): np.dtype,
    ("numpy", "ndarray"): np.ndarray,
    ("torch._utils", "_rebuild_tensor_v2"): torch._utils._rebuild_tensor_v2,
    ("torch.storage", "_load_from_bytes"): _storage,
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module_name: str, global_name: str) -> Any:
        if global_name == "_reconstruct" and module_name in ("numpy.core.multiarray", "numpy._core.multiarray"):
            return np.empty(0).__reduce__()[0]
        if (module_name, global_name) not in _BUILDERS:
            raise pickle.UnpicklingError(f"it asks for {module_name[:60]}.{global_name[:60]}")
        return _BUILDERS[module_name, global_name]


def read(path: Path) -> Padding:
    """Returns the stored speech of a pad.npy.

    That it holds a column and a window is what is published; how they lie in the file is not. Any nesting of arrays and
    tensors is taken in which exactly one has 80 values and one is (16, 29), but for axes of length 1. Raises UsageError
    for a file that cannot be read, holds other classes, or has none or several of either.
    """
    try:
        arrays = list(_arrays(_content(path)))
    except (RuntimeError, *MALFORMED) as error:
        why = str(error).split("\n", 1)[0].rstrip(".")[:120] or type(error).__name__
        raise UsageError(f"{path} ({path.stat().st_size} bytes) is no readable pad.npy: {why}.", _CURE) from error
    return Padding(_the_one(arrays, (BANDS,), path), _the_one(arrays, (WINDOW, LETTERS), path))


def _content(path: Path) -> Any:
    """What the file holds: of an npy file with objects, and of a bare pickle, those objects."""
    with path.open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            file.seek(0)
            return _Unpickler(file).load()
        file.seek(0)
        version = np.lib.format.read_magic(file)
        read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        _, _, dtype = read_header(file)
        if dtype.hasobject:
            return _Unpickler(file).load()
        file.seek(0)
        return np.load(file, allow_pickle=False)


def _arrays(content: Any) -> Iterator[Tensor]:
    """The arrays of numbers in nested containers and arrays of objects, as tensors."""
    if isinstance(content, Tensor):
        yield content.detach()
    elif isinstance(content, np.ndarray) and content.dtype.kind in "iuf":
        yield torch.from_numpy(content.copy())
    elif isinstance(content, np.ndarray | list | tuple):
        for part in content.ravel() if isinstance(content, np.ndarray) else content:
            yield from _arrays(part)
    elif isinstance(content, Mapping):
        for part in content.values():
            yield from _arrays(part)


def _the_one(arrays: list[Tensor], shape: tuple[int, ...], path: Path) -> Tensor:
    fitting = [array for array in arrays if array.squeeze().shape == shape]
    if len(fitting) != 1:
        shapes = ", ".join(str(tuple(array.shape)) for array in arrays) or "none"
        raise UsageError(
            f"{path} must hold one array of shape {shape}, and holds {len(fitting)} (all arrays: {shapes}).", _CURE
        )
    value = fitting[0].reshape(shape).float()
    if not bool(value.isfinite().all()):
        raise UsageError(f"{path} holds values that are not finite.", _CURE)
    return value.clone()
