"""Arrays computed once from a ground-truth clip are kept for the next method that is judged against it.

The key holds the content of the clip (SHA-256 of its bytes), the frames used, the signature of the computed array and a
digest of the code that computes it: another name or date of the file changes nothing, another byte of it, or another
line of that code, changes everything.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from harness import sources
from harness.atomic import replacing
from harness.digest import cache_dir, digest
from harness.errors import BenchError
from harness.media.container import check_file
from networks.files.array_file import UNREADABLE

Array = npt.NDArray[np.float32]


def cached(
    path: Path,
    signature: str,
    frames: Sequence[int] | npt.NDArray[np.int64],
    compute: Callable[[], Array],
    *parts: object,
) -> Array:
    """Returns the float32 array of `compute` for these frames of the clip at `path`, from the cache where it is there.

    `signature` names everything else that changes the array; `parts` are objects that `compute` was given and works
    with: their code counts besides its own (harness.sources), so that a text never decides alone. A damaged
    entry is computed again; a cache that cannot be written only costs time. Raises MediaError where there is no such
    clip.
    """
    check_file(path)
    code = sources.digest_of(compute, *parts)
    key = "\n".join([digest(path), signature, code, ",".join(map(str, np.asarray(frames).tolist()))])
    file = cache_dir() / "reference" / f"{hashlib.sha256(key.encode()).hexdigest()}.npz"
    known = _read(file, key)
    if known is None:
        known = np.ascontiguousarray(compute(), dtype=np.float32)
        _write(file, key, known)
    return known


def _read(file: Path, key: str) -> Array | None:
    try:
        with np.load(file, allow_pickle=False) as stored:
            if str(stored["key"]) != key:
                return None
            return np.asarray(stored["array"], dtype=np.float32)
    except UNREADABLE:
        return None


def _write(file: Path, key: str, array: Array) -> None:
    try:
        with replacing(file) as partial, partial.open("wb") as stream:
            np.savez(stream, key=np.array(key), array=array)
    except BenchError:
        return
