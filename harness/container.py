"""Opening media files with PyAV (no system ffmpeg), with one clear sentence for every way a file can be bad."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import MediaError

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.stream import Stream

LFS_MAGIC = b"version https://git-lfs.github.com/spec/"
_COPY_AGAIN = "Copy or download it again."


def is_lfs_pointer(path: Path) -> bool:
    """Whether `path` is the small text file that git-lfs leaves in place of a file it did not fetch."""
    with path.open("rb") as stream:
        return stream.read(len(LFS_MAGIC)) == LFS_MAGIC


def check_file(path: Path) -> None:
    """Raise MediaError when `path` is missing, not a file, empty, unreadable, or a git-lfs pointer."""
    try:
        if not path.exists():
            raise MediaError(f"There is no file {path}.", reason="unreadable")
        if not path.is_file():
            raise MediaError(f"{path} is not a file.", reason="unreadable")
        if path.stat().st_size == 0:
            raise MediaError(f"{path} is empty (0 bytes).", _COPY_AGAIN, reason="empty")
        if is_lfs_pointer(path):
            raise MediaError(
                f"{path} is a git-lfs pointer, not the file itself.",
                "Run: git lfs pull (in the repository it comes from).",
                reason="unreadable",
            )
    except OSError as error:
        raise MediaError(f"{path} cannot be read: {error.strerror or error}.") from error


def undecodable(path: Path, why: str) -> MediaError:
    """The error of a file that exists but cannot be decoded."""
    return MediaError(f"{path} cannot be decoded: {why}.", _COPY_AGAIN, reason="unreadable")


@contextmanager
def open_media(path: Path) -> Iterator[InputContainer]:
    """An open PyAV container; every failure while it is open becomes a MediaError naming the file."""
    import av

    check_file(path)
    try:
        with av.open(str(path), metadata_errors="ignore") as container:
            yield container
    except av.FFmpegError as error:
        missing = missing_bytes(path)
        why = f"it is truncated ({missing} bytes are missing)" if missing else str(error.strerror or error).lower()
        raise undecodable(path, why) from error


def check_complete(path: Path, stream: Stream) -> None:
    """Raise MediaError when the file's own index (mp4, mov) points behind the end of the file."""
    size = path.stat().st_size
    entries = getattr(stream, "index_entries", ())
    end = max((entry.pos + entry.size for entry in entries), default=0)
    if end > size:
        raise undecodable(path, f"it is truncated ({size} of at least {end} bytes)")


def missing_bytes(path: Path) -> int:
    """By how much the boxes of an mp4 or mov file reach behind its end; 0 for whole files and other formats."""
    size, start = path.stat().st_size, 0
    with path.open("rb") as stream:
        while start + 8 <= size:
            stream.seek(start)
            head = stream.read(16)
            length, kind = int.from_bytes(head[:4], "big"), head[4:8]
            if not kind.isalnum() or (start == 0 and kind not in (b"ftyp", b"moov", b"wide", b"mdat", b"free")):
                return 0
            if length == 1:
                length = int.from_bytes(head[8:16], "big")
            if length < 8:  # 0: the box reaches to the end of the file
                return 0
            start += length
    return max(0, start - size)
