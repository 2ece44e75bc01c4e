"""Files written here appear whole or not at all."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from harness.errors import BenchError, MediaError, NoRoomError

PARTIAL_PREFIX = ".partial-"


#: The system's error codes for a disk, or a user's share of it, without room.
DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)
_NO_PLACE = (errno.ENOTDIR, errno.ENOENT, errno.EEXIST, errno.EISDIR, errno.ENAMETOOLONG)


def disk_full(path: Path | str) -> NoRoomError:
    """Returns the error that stops a whole run: no later file would fit either."""
    return NoRoomError(f"The disk is full: {path} cannot be written.", "Free some space and go on where it stopped.")


def partial_path(path: Path) -> Path:
    """Returns a fresh name next to `path`, with its extension, hidden and unmistakably unfinished."""
    return path.with_name(f"{PARTIAL_PREFIX}{secrets.token_hex(4)}-{path.name}")


def cannot_write(path: Path, error: Exception) -> BenchError:
    """Returns the error of a file that could not be written: no room and no permission stop the whole run, others this
    file. `error`: an OSError, or a library's own with `errno` and `strerror`.
    """
    code, words = getattr(error, "errno", None), getattr(error, "strerror", None)
    if code in DISK_FULL:
        return disk_full(path)
    if code in _FORBIDDEN:
        cure = "Choose a folder you can write: --out, or CMET_BENCH_CACHE=FOLDER for the cache."
        return NoRoomError(f"{path} cannot be written: {words}.", cure)
    places = (path.absolute(), *path.absolute().parents) if code in (errno.ENOTDIR, errno.EEXIST) else ()
    blocked = next((place for place in places if place.is_file()), None)
    why = f"'{blocked}' is a file, not a folder" if blocked is not None else words or error
    cure = "Choose another place." if code in _NO_PLACE else "Check the free space and permissions."
    return MediaError(f"{path} cannot be written: {why}.", cure)


def partly_written(folder: Path, size: int) -> OSError:
    """Returns the system's own error where a library has only its own for `size` bytes that did not fit."""
    full = shutil.disk_usage(folder).free < size
    return OSError(errno.ENOSPC if full else errno.EIO, "the disk took only a part of it")


def sweep(folder: Path) -> None:
    """Remove files that killed writers left half written. Call it only as the folder's owner: others may be writing."""
    for path in folder.rglob(f"{PARTIAL_PREFIX}*"):
        path.unlink(missing_ok=True)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a partial file's name; it replaces `path` on success and is removed on any failure, Ctrl-C included.

    Makes the parent folders. Raises MediaError when the system refuses to write.
    """
    partial = partial_path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        os.replace(partial, path)
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        with suppress(OSError):  # a disk that refuses the file refuses its removal too: the first error is raised
            partial.unlink(missing_ok=True)
