"""Files written here appear whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path

from harness.errors import BenchError, MediaError, NoRoomError

PARTIAL_PREFIX = ".partial-"


#: The system's error codes for a disk, or a user's share of it, without room.
DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
_OLD_SECONDS = 2 * 86_400.0
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)
_NO_PLACE = (errno.ENOTDIR, errno.ENOENT, errno.EEXIST, errno.EISDIR, errno.ENAMETOOLONG)


def disk_full(path: Path | str) -> NoRoomError:
    """Returns the error that stops a whole run: no later file would fit either."""
    return NoRoomError(f"The disk is full: {path} cannot be written.", "Free some space and go on where it stopped.")


def partial_path(path: Path) -> Path:
    """Returns a fresh name next to `path`, with its extension: hidden, plainly unfinished, and telling its writer."""
    return path.with_name(f"{PARTIAL_PREFIX}{writer()}.{secrets.token_hex(2)}-{path.name}")


def writer() -> str:
    """Returns this process as names of unfinished files have it: four hex digits of the machine, then the pid."""
    return f"{_machine()}{os.getpid():x}"


@lru_cache(maxsize=1)
def _machine() -> str:
    """Four hex digits of what tells whose pids these are: the machine, and on Linux the container and the boot."""
    parts = [socket.gethostname()]
    with suppress(OSError):
        parts += [os.readlink("/proc/self/ns/pid"), Path("/proc/sys/kernel/random/boot_id").read_text("ascii")]
    return hashlib.sha256("|".join(parts).encode()).hexdigest()[:4]


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


def sweep_abandoned(folder: Path, prefix: str = PARTIAL_PREFIX, deep: bool = True) -> None:
    """Remove what killed writers left in a folder that others are writing to, and with `deep` in those below it."""
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            if name.startswith(prefix) and _is_abandoned(Path(place, name), name[len(prefix) :]):
                _remove(Path(place, name))
        if not deep:
            return


def _is_abandoned(path: Path, rest: str) -> bool:
    """Whether the writer that an unfinished name tells of is dead; for one of another machine or version, whether
    nothing was written for two days.
    """
    named = re.match(rf"{_machine()}([0-9a-f]{{1,8}})\.", rest)
    try:
        if named is None:
            return time.time() - path.lstat().st_mtime > _OLD_SECONDS
        os.kill(int(named[1], 16), 0)
    except ProcessLookupError:
        return True
    except OSError:  # gone meanwhile; or another user's process
        return False
    return False


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


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
