"""A member of a zip archive is read whole and as it was written, or refused in words; it never fills the memory."""

from __future__ import annotations

import lzma
import struct
import zipfile
import zlib
from pathlib import Path

MAGIC = b"PK\x03\x04"
#: How much more than its packed bytes a member may hold: deflated weights reach 2, a bomb 1000.
_MOST_TIMES = 100
_ENCRYPTED = 0x1
_BROKEN = (
    zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, RuntimeError, EOFError, OSError, ValueError,
    OverflowError, MemoryError, struct.error, zlib.error, lzma.LZMAError,
)  # fmt: skip


class Archive:
    """Opens a zip archive. ValueError, with its fault in words, for one that is damaged."""

    def __init__(self, path: Path) -> None:
        try:
            self._zip = zipfile.ZipFile(path)
        except _BROKEN as error:
            raise ValueError("its archive has no end" if "not a zip" in str(error) else _words(error)) from error

    def names(self) -> list[str]:
        """Returns the members' names, in the order of the archive's table."""
        return self._zip.namelist()

    def read(self, name: str) -> bytes:
        """Returns the bytes of a member, their checksum verified. ValueError where they cannot be had."""
        try:
            member = self._zip.getinfo(name)
        except KeyError:
            raise ValueError(f"its archive has no '{name[:80]}'") from None
        if member.flag_bits & _ENCRYPTED:
            raise ValueError("its archive is locked by a password")
        if member.file_size > _MOST_TIMES * max(member.compress_size, 1 << 10):
            raise ValueError(f"'{name[:80]}' claims to unpack {member.compress_size} bytes into {member.file_size}")
        try:
            return self._zip.read(member)
        except _BROKEN as error:
            raise ValueError(_words(error)) from error


def _words(error: BaseException) -> str:
    return str(error).split("\n", 1)[0].rstrip(".") or f"its archive is broken ({type(error).__name__})"
