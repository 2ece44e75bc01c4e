"""Unpickling here builds nothing but dictionaries, lists, numbers, strings and descriptions of tensors.

Every other class that a pickle names becomes an inert placeholder, so nothing foreign is imported or run (stricter than
`weights_only=True`, which refuses the whole file instead).
"""

from __future__ import annotations

import pickle
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, BinaryIO

import torch

#: The errors that a damaged pickle, or one of another kind, ends in.
MALFORMED = (
    pickle.UnpicklingError, EOFError, AttributeError, IndexError, KeyError, TypeError, ValueError, OverflowError,
    MemoryError, RecursionError,
)  # fmt: skip
_DTYPES = {
    "FloatStorage": torch.float32,
    "DoubleStorage": torch.float64,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}


@dataclass(frozen=True)
class Stored:
    """Describes a tensor that has not been read yet."""

    record: str
    dtype: torch.dtype
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]


class Ignored:
    """Stands for any object of a class that no network needs."""

    def __new__(cls, *_: object, **__: object) -> Ignored:
        return object.__new__(cls)

    def __init__(self, *_: object, **__: object) -> None:
        return

    def __setstate__(self, _: object) -> None:
        return

    def __setitem__(self, _: object, __: object) -> None:
        return

    def append(self, _: object) -> None:
        """Pickle fills list-like objects through this."""

    def extend(self, _: object) -> None:
        """Pickle fills list-like objects through this."""

    def add(self, _: object) -> None:
        """Pickle fills set-like objects through this."""


def _stored(storage: tuple[str, torch.dtype], offset: int, shape: Any, stride: Any, *_: object) -> Stored:
    return Stored(storage[0], storage[1], int(offset), tuple(map(int, shape)), tuple(map(int, stride)))


def _same(data: object, *_: object) -> object:
    return data


_BUILDERS: dict[tuple[str, str], Callable[..., Any]] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor"): _stored,
    ("torch._utils", "_rebuild_tensor_v2"): _stored,
    ("torch._utils", "_rebuild_parameter"): _same,
    ("torch", "Size"): tuple,
}


class InertUnpickler(pickle.Unpickler):
    """Reads one pickle of a `torch.save` file; tensors come out as `Stored`. item_bytes: of each storage met."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file)
        self.item_bytes: dict[str, int] = {}

    def find_class(self, module_name: str, global_name: str) -> Any:
        """Returns descriptions for tensors, a placeholder for anything else."""
        if module_name == "torch" and global_name in _DTYPES:
            return _DTYPES[global_name]
        return _BUILDERS.get((module_name, global_name), Ignored)

    def persistent_load(self, pid: Any) -> Any:
        """Returns a storage's name and dtype; a class that files before PyTorch 1.6 carry with its source is
        ignored.
        """
        kind, dtype, record, *rest = pid
        if kind != "storage":
            return Ignored
        if len(rest) > 2 and rest[2] is not None:
            raise pickle.UnpicklingError("views of storages, from before PyTorch 0.4, are not read")
        known = dtype if isinstance(dtype, torch.dtype) else torch.uint8
        self.item_bytes[str(record)] = known.itemsize
        return str(record), known
