"""Safetensors copies of official files are kept in the cache: a start reads them without checking or unpickling
again.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from harness.atomic import replacing
from harness.digest import cache_dir, digest, recall, remember
from harness.errors import BenchError, UsageError


def place(name: str, source: Path) -> Path:
    """Says where the copy of `source` belongs: named by its hash, so that another file has another copy."""
    return cache_dir() / "converted" / f"{name}-{digest(source)}.safetensors"


def is_whole(copy: Path) -> bool:
    """Says whether the copy is there and as it was written; one that was altered is to be made again."""
    return copy.is_file() and recall(_hashes()).get(copy.name) == digest(copy)


def read(path: Path) -> dict[str, Tensor]:
    """Returns the tensors of a safetensors file. Raises UsageError for one that is damaged."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except SafetensorError as error:
        raise UsageError(f"{path} is no complete safetensors file: {error}.", "Delete it and try again.") from error


def keep(copy: Path, state: Mapping[str, Tensor], name: str, source: str) -> None:
    """Write the copy, atomically. A cache that cannot be written only costs time at the next start."""
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    metadata = {"name": name, "source_sha256": source}
    try:
        with replacing(copy) as partial:
            save_file({key: value.contiguous() for key, value in state.items()}, str(partial), metadata)
        remember(_hashes(), {copy.name: digest(copy)})
    except (OSError, BenchError, SafetensorError):  # the last: the library's own class: a full disk
        return


def _hashes() -> Path:
    """Where the hashes of the copies are kept."""
    return cache_dir() / "converted" / "sha256.json"
