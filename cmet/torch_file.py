"""The tensors of a `torch.save` file, and nothing else of it.

Official checkpoints carry optimiser states, configuration objects and arguments of their authors' programs.
Here a pickle can only ever build dictionaries, lists, numbers, strings and descriptions of tensors: every other class
it names becomes an inert placeholder, so nothing foreign is imported or run (stricter than `weights_only=True`, which
refuses the whole file instead). Tensor data is read when asked for, with the archive's checksums verified.
"""

from __future__ import annotations

import argparse
import io
import pickle
import warnings
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from harness.errors import UsageError

_ZIP_MAGIC = b"PK\x03\x04"
_MALFORMED = (pickle.UnpicklingError, EOFError, AttributeError, IndexError, KeyError, TypeError, ValueError)
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
    """A tensor that has not been read yet."""

    record: str
    dtype: torch.dtype
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]


class Ignored:
    """Stands for any object of a class that is none of our business."""

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


class _Unpickler(pickle.Unpickler):
    def find_class(self, module_name: str, global_name: str) -> Any:
        if module_name == "torch" and global_name in _DTYPES:
            return _DTYPES[global_name]
        return _BUILDERS.get((module_name, global_name), Ignored)

    def persistent_load(self, pid: Any) -> tuple[str, torch.dtype]:
        _, dtype, record, *_ = pid
        return str(record), dtype if isinstance(dtype, torch.dtype) else torch.uint8


class TorchFile:
    """A checkpoint on disk. `content` has the structure that was saved, with `Stored` in place of tensors.

    Raises UsageError with one sentence if the file is cut off, damaged, or no torch.save file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with path.open("rb") as file:
            zipped = file.read(len(_ZIP_MAGIC)) == _ZIP_MAGIC
        if not zipped:
            self._zip = None
            self.content: Any = _legacy(path)
            return
        try:
            self._zip = zipfile.ZipFile(path)
            index = next(name for name in self._zip.namelist() if name.endswith("/data.pkl"))
            self._root = index[: -len("data.pkl")]
            self.content = _Unpickler(io.BytesIO(self._zip.read(index))).load()
        except zipfile.BadZipFile as error:
            raise damaged(path, "its archive has no end" if "not a zip" in str(error) else error) from error
        except (StopIteration, *_MALFORMED) as error:
            raise damaged(path, error) from error

    def tensor(self, value: Stored | Tensor) -> Tensor:
        """Read one tensor. Raises UsageError where the archive's checksum does not fit."""
        if isinstance(value, Tensor):
            return value
        assert self._zip is not None
        try:
            raw = bytearray(self._zip.read(f"{self._root}data/{value.record}"))
            flat = torch.frombuffer(raw, dtype=value.dtype) if raw else torch.empty(0, dtype=value.dtype)
            return flat.as_strided(value.shape, value.stride, value.offset)
        except (zipfile.BadZipFile, RuntimeError, *_MALFORMED) as error:
            raise damaged(self.path, error) from error


def damaged(path: Path, why: object) -> UsageError:
    """The error of a file that cannot be read as a checkpoint; `why` in one line."""
    if isinstance(why, BaseException):
        why = str(why).split("\n", 1)[0].rstrip(".") or type(why).__name__
    size = path.stat().st_size
    return UsageError(
        f"{path} ({size} bytes) is no complete PyTorch checkpoint: {why}.",
        "Get it again: it may be cut off or altered.",
    )


def _legacy(path: Path) -> Any:
    """Files from before torch 1.6 are no archives: torch reads them, refusing foreign classes.

    PyTorch's own sentence is not passed on: it advises to switch the refusal off.
    """
    with path.open("rb") as file:
        start = file.read(64).lstrip().lower()
    if not start.startswith(b"\x80"):  # a pickle's first byte
        kinds = {b"<": "it is a web page", b"version https://git-lfs": "it is a git-lfs pointer, not the file itself"}
        known = [kind for head, kind in kinds.items() if start.startswith(head)]
        raise damaged(path, known[0] if known else "it is text or something else" if start else "it is empty")
    try:
        with torch.serialization.safe_globals([argparse.Namespace]), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, *_MALFORMED) as error:
        raise damaged(path, "it is in the format before PyTorch 1.6 and cut off, or holds foreign objects") from error


def shape_of(value: object) -> tuple[int, ...] | None:
    """Shape of a read or unread tensor; None for anything else."""
    if isinstance(value, Stored):
        return value.shape
    return tuple(value.shape) if isinstance(value, Tensor) else None


def state_dict_in(content: object, wrappers: tuple[str, ...]) -> Mapping[str, Any] | None:
    """The state dict in `content`: under the first wrapper that is there, or `content` itself; without `module.`."""
    if not isinstance(content, Mapping):
        return None
    for wrapper in wrappers:
        if isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
            break
    assert isinstance(content, Mapping)
    tensors = {str(name): value for name, value in content.items() if shape_of(value) is not None}
    return {name.removeprefix("module."): value for name, value in tensors.items()} or None
