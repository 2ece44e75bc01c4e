"""The SHA-256 of files is remembered between runs: two gigabytes are hashed once, not at every start."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from stat import S_ISREG

from harness.atomic import partial_path
from harness.errors import MissingError

_REMEMBERED_FROM_BYTES = 8 << 20  # hashing less than this is quicker than looking it up
SETTLED_SECONDS = 2.0  # the coarsest tick of a file system in use (FAT's)
_CHUNK_BYTES = 4 << 20


def cache_dir() -> Path:
    """Returns $CMET_BENCH_CACHE, or ~/.cache/cmet-bench. Not created here. MissingError where the user has no home."""
    given = os.environ.get("CMET_BENCH_CACHE")
    try:
        return Path(given).expanduser() if given else Path.home() / ".cache" / "cmet-bench"
    except RuntimeError as error:  # a container's user without a name, or ~someone
        raise MissingError(f"There is no place for the cache: {error}", "Set CMET_BENCH_CACHE=FOLDER.") from error


def digest(path: str | Path) -> str:
    """Returns the SHA-256 of a file as 64 hex digits.

    Remembered in the cache by inode, size, and the times of the last change of content and of the entry. The latter,
    which no program can put back, moves with every write. A file that changed just now is hashed and not remembered:
    clocks of disks tick slowly. Raises OSError if the file cannot be read.
    """
    path = Path(path)
    stat = path.stat()
    if not S_ISREG(stat.st_mode):  # a pipe would be waited for
        raise OSError(errno.EINVAL, "it is no regular file", str(path))
    if stat.st_size < _REMEMBERED_FROM_BYTES:
        return _hash(path)
    key = f"{stat.st_dev}:{stat.st_ino}|{stat.st_size}|{stat.st_mtime_ns}|{stat.st_ctime_ns}"
    memory = cache_dir() / "digests.json"
    known = recall(memory).get(key)
    if known is None:
        known = _hash(path)
        if time.time() - stat.st_ctime > SETTLED_SECONDS and path.stat().st_ctime_ns == stat.st_ctime_ns:
            remember(memory, {key: known})
    return known


def _hash(path: Path) -> str:
    hasher = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_CHUNK_BYTES):
            hasher.update(block)
    return hasher.hexdigest()


def recall(path: Path) -> dict[str, str]:
    """Returns a small JSON object; empty if there is none or it cannot be read."""
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def remember(path: Path, news: Mapping[str, str | None]) -> None:
    """Merge into a small JSON file, atomically; None removes. A cache that cannot be written only costs time."""
    merged = {key: value for key, value in {**recall(path), **news}.items() if value is not None}
    temporary = partial_path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(json.dumps(merged, indent=0), encoding="utf-8")
        os.replace(temporary, path)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink()
