"""This module reads the tensors of a `torch.save` file, and nothing else of it.

Official checkpoints carry optimiser states, configuration objects and arguments of their authors' programs: these are
neither built nor run (`networks.files.inert_pickle`). Tensor data is read when asked for, from an archive with its
checksums verified, from a file older than PyTorch 1.6 by its place.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

from harness.errors import UsageError
from networks.files.archive import MAGIC, Archive
from networks.files.inert_pickle import MALFORMED, InertUnpickler, Stored

_INDEX = "data.pkl"
_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_COUNT_BYTES = 8  # in front of each storage of a legacy file: its number of values


class TorchFile:
    """Reads a checkpoint on disk; `content` has the structure that was saved, with `Stored` in place of tensors.

    Raises UsageError with one sentence if the file is cut off, damaged, or no torch.save file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with path.open("rb") as file:
            zipped = file.read(len(MAGIC)) == MAGIC
        self._archive: Archive | None = None
        if not zipped:
            self.content: Any
            self.content, self._places = _legacy(path)
            return
        try:
            self._archive = Archive(path)
            self._root = _root(self._archive.names())
            self.content = InertUnpickler(io.BytesIO(self._archive.read(f"{self._root}{_INDEX}"))).load()
        except MALFORMED as error:
            raise damaged(path, error) from error

    def tensor(self, value: Stored | Tensor) -> Tensor:
        """Read one tensor. Raises UsageError where the archive's checksum does not fit."""
        if isinstance(value, Tensor):
            return value
        try:
            raw = self._raw(value.record)
            flat = torch.frombuffer(raw, dtype=value.dtype) if raw else torch.empty(0, dtype=value.dtype)
            return flat.as_strided(value.shape, value.stride, value.offset)
        except (RuntimeError, *MALFORMED) as error:
            raise damaged(self.path, error) from error

    def _raw(self, record: str) -> bytearray:
        if self._archive is not None:
            return bytearray(self._archive.read(f"{self._root}data/{record}"))
        start, size = self._places[record]
        with self.path.open("rb") as file:
            file.seek(start)
            return bytearray(file.read(size))


def _root(names: list[str]) -> str:
    """The folder of a checkpoint inside its archive. ValueError for an archive of something else."""
    index = next((name for name in names if name.endswith(f"/{_INDEX}")), None)
    if index is None:
        first = f"'{names[0][:80]}'" if names else "nothing"
        raise ValueError(f"it is an archive of {first}, no checkpoint itself")
    return index.removesuffix(_INDEX)


def damaged(path: Path, why: object) -> UsageError:
    """Returns the error of a file that cannot be read as a checkpoint; `why` in one line."""
    if isinstance(why, BaseException):
        named = "it asks for more memory than there is" if isinstance(why, MemoryError) else type(why).__name__
        why = str(why).split("\n", 1)[0].rstrip(".") or named
    size = path.stat().st_size
    return UsageError(
        f"{path} ({size} bytes) is no complete PyTorch checkpoint: {why}.",
        "Get it again: it may be cut off or altered.",
    )


def _legacy(path: Path) -> tuple[Any, dict[str, tuple[int, int]]]:
    """Content of a file from before PyTorch 1.6, and where each storage lies: (first byte, bytes).

    Five pickles (magic number, version, machine, content, names of storages), then each storage behind its length.
    """
    with path.open("rb") as file:
        start = file.read(64).lstrip().lower()
        if not start.startswith(b"\x80"):  # a pickle's first byte
            kinds = {
                b"<": "it is a web page",
                b"version https://git-lfs": "it is a git-lfs pointer, not the file itself",
                b"pk\x05\x06": "it is an empty archive",
                b"\x1f\x8b": "it is packed by gzip: unpack it",
                b"rar!": "it is packed by rar: unpack it",
                b"7z\xbc\xaf": "it is packed by 7z: unpack it",
            }
            known = [kind for head, kind in kinds.items() if start.startswith(head)]
            raise damaged(path, known[0] if known else "it is text or something else" if start else "it is empty")
        file.seek(0)
        try:
            magic, _, _ = (InertUnpickler(file).load() for _ in range(3))
            if magic != _LEGACY_MAGIC:
                raise ValueError("it is a pickle of something else")
            unpickler = InertUnpickler(file)
            content, names = unpickler.load(), InertUnpickler(file).load()
            return content, _places(file, [str(name) for name in names], unpickler.item_bytes)
        except MALFORMED as error:
            raise damaged(path, error) from error


def _places(file: BinaryIO, names: list[str], item_bytes: Mapping[str, int]) -> dict[str, tuple[int, int]]:
    """Where the storages lie that follow the pickles. ValueError where the file ends too early."""
    places = {}
    for name in names:
        size = int.from_bytes(file.read(_COUNT_BYTES), "little") * item_bytes[name]
        places[name] = file.tell(), size
        file.seek(size, io.SEEK_CUR)
    if file.tell() > file.seek(0, io.SEEK_END):
        raise ValueError("it is cut off")
    return places


def shape_of(value: object) -> tuple[int, ...] | None:
    """Returns the shape of a read or unread tensor; None for anything else."""
    if isinstance(value, Stored):
        return value.shape
    return tuple(value.shape) if isinstance(value, Tensor) else None


def state_dict_in(content: object, wrappers: tuple[str, ...]) -> Mapping[str, Any] | None:
    """Returns the state dict in `content`: under the first wrapper that is there, or `content` itself.

    Names lose what wrapping programs put before them (`module.`, `base_model.module.`); what is no tensor is left out.
    """
    if not isinstance(content, Mapping):
        return None
    for wrapper in wrappers:
        if isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
            break
    assert isinstance(content, Mapping)
    tensors = {str(name): value for name, value in content.items() if shape_of(value) is not None}
    return {name.removeprefix("base_model.").removeprefix("module."): value for name, value in tensors.items()} or None


def read_state(path: Path, wrappers: tuple[str, ...] = ()) -> dict[str, Tensor]:
    """Returns the tensors of a file's state dict, as `state_dict_in` finds it. UsageError for a damaged file or none in
    it.
    """
    file = TorchFile(path)
    state = state_dict_in(file.content, wrappers)
    if state is None:
        raise UsageError(f"{path} holds no state dict.", "Is it the right file?")
    return {name: file.tensor(value) for name, value in state.items()}
