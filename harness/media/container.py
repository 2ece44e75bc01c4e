"""This module opens media files with PyAV (no system ffmpeg), with one clear sentence for every way a file can
be bad.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from harness.errors import MediaError
from harness.media.limits import MORE_FORMATS, NEVER, limits

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.stream import Stream

LFS_MAGIC = b"version https://git-lfs.github.com/spec/"
_OPEN_LENGTH = 0x7FFFF000  # bytes: the length that writers to a pipe put where they do not know it
_EBML, _SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"  # how Matroska files and their content begin
_STALL_SECONDS = 30.0  # the longest that one step of opening or reading may take: then the file is refused
_INSPECTED = 4  # times the pixels that are read: a picture so large is refused by its size, a larger one as undecodable
COPY_AGAIN = "Copy or download it again."


def is_lfs_pointer(path: Path) -> bool:
    """Says whether `path` is the small text file that git-lfs leaves in place of a file it did not fetch."""
    with path.open("rb") as stream:
        return stream.read(len(LFS_MAGIC)) == LFS_MAGIC


def check_file(path: Path) -> None:
    """Raise MediaError when `path` is missing, not a file, empty, unreadable, or a git-lfs pointer."""
    try:
        if not path.exists():
            raise MediaError(f"There is no file {path}.", "Check the path.", reason="unreadable")
        if not path.is_file():
            raise MediaError(f"{path} is not a file.", "Name a media file.", reason="unreadable")
        if path.stat().st_size == 0:
            raise MediaError(f"{path} is empty (0 bytes).", COPY_AGAIN, reason="empty")
        if is_lfs_pointer(path):
            raise MediaError(
                f"{path} is a git-lfs pointer, not the file itself.",
                "Run: git lfs pull (in the repository it comes from).",
                reason="unreadable",
            )
    except OSError as error:
        raise MediaError(f"{path} cannot be read: {error.strerror or error}.", "Check its permissions.") from error


def undecodable(path: Path, why: str) -> MediaError:
    """Returns the error of a file that exists but cannot be decoded."""
    return MediaError(f"{path} cannot be decoded: {why}.", COPY_AGAIN, reason="unreadable")


@contextmanager
def open_media(path: Path) -> Iterator[InputContainer]:
    """Yields an open PyAV container; every failure while it is open becomes a MediaError naming the file.

    Only formats of harness.media.limits are opened: none that names another file or an address.
    """
    check_file(path)
    try:
        with _opened(path) as container:
            if not container.streams:  # the list of streams may be cut off
                _demand_all(path)
            yield container
    except av_errors() as error:
        _demand_all(path)
        refused = _refused_format(path)
        if refused:
            raise _not_listed(path, refused) from error
        raise undecodable(path, _why(error)) from error
    except MemoryError as error:
        raise undecodable(path, "it asks for more memory than there is") from error


def _opened(path: Path) -> InputContainer:
    import av

    bounds = limits()
    pixels = {"max_pixels": str(_INSPECTED * int(bounds.pixels))}  # of the decoders that look for sizes and rates
    return av.open(
        f"file:{path}",  # a name with a colon is no address
        metadata_errors="ignore",
        timeout=_STALL_SECONDS,
        options={} if av.__version__.startswith("17.0.") else pixels,  # crashes where flv or ts shows streams late
        container_options={"format_whitelist": ",".join(bounds.formats), "protocol_whitelist": "file"},
    )


def av_errors() -> tuple[type[Exception], ...]:
    """Returns what PyAV raises for a file that is not as it should be."""
    import av

    return (av.FFmpegError, UnicodeDecodeError)


def _why(error: Exception) -> str:
    return str(getattr(error, "strerror", "") or error).lower()


def _refused_format(path: Path) -> str:
    """The format of a file that is refused for it; libavformat names it in its log alone."""
    from av import logging

    level, skips = logging.get_level(), logging.get_skip_repeated()
    logging.set_level(logging.ERROR)
    logging.set_skip_repeated(False)
    try:
        with logging.Capture() as lines, _opened(path):
            return ""
    except av_errors():
        return next((name for _, name, line in lines if line.startswith("Format not on whitelist")), "")
    finally:
        logging.set_level(level)
        logging.set_skip_repeated(skips)


def _not_listed(path: Path, name: str) -> MediaError:
    what = f"{path} is of the format '{name}', which is not opened here."
    if name in NEVER:
        return MediaError(what, "It names other files: give the film or the sound itself.")
    return MediaError(what, f"Convert it to mp4, or set {MORE_FORMATS}={name} if you trust it.")


def make_decodable(path: Path, stream: Stream) -> None:
    """Let the stream decode on one thread. Raises MediaError where no decoder knows its codec."""
    if stream.codec_context is None:
        raise undecodable(path, "its codec is unknown")
    stream.codec_context.thread_count = 1  # parallel over clips, not inside one


def check_complete(path: Path, stream: Stream) -> None:
    """Raise MediaError when the index (mp4, mov) or the last unit (flv, wav, avi, mkv, webm) ends behind the file."""
    size = path.stat().st_size
    entries = getattr(stream, "index_entries", ())
    end = max((entry.pos + entry.size for entry in entries), default=0)
    if end > size:
        raise undecodable(path, f"it is truncated ({size} of at least {end} bytes)")
    if "mp4" not in stream.container.format.name:  # an mp4's index was asked above
        _demand_all(path)


def _demand_all(path: Path) -> None:
    missing = missing_bytes(path)
    if missing:
        raise undecodable(path, f"it is truncated ({missing} bytes are missing)")


def missing_bytes(path: Path) -> int:
    """Returns by how many bytes an mp4, mov, mkv, webm, flv, wav or avi file is shorter than it says; 0 for others."""
    size = path.stat().st_size
    with path.open("rb") as stream:
        head = stream.read(12)
        if head[:3] == b"FLV":
            end = _end_of_tags(stream, int.from_bytes(head[5:9], "big"), size)
        elif head[:4] == b"RIFF":
            end = _end_of_chunks(stream, size)
        elif head[:4] == _EBML:
            end = _end_of_segment(stream)
        else:
            end = _end_of_boxes(stream, size)
    return max(0, end - size)


def _end_of_boxes(stream: BinaryIO, size: int) -> int:
    """Where the last box of an mp4 ends; 0 for another format."""
    start = 0
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
    return start


def _end_of_segment(stream: BinaryIO) -> int:
    """Where the one segment of an mkv or webm ends; 0 where a writer to a pipe left its length open."""
    stream.seek(len(_EBML))
    stream.seek(_ebml_length(stream) or 0, os.SEEK_CUR)  # over the head, which is an element too
    length = _ebml_length(stream) if stream.read(len(_SEGMENT)) == _SEGMENT else None
    return 0 if length is None else stream.tell() + length


def _ebml_length(stream: BinaryIO) -> int | None:
    """The length of an element: so many bytes follow the first as it has zeros in front; None: it is left open."""
    first = int.from_bytes(stream.read(1), "big")
    if not first:
        return None
    more = 8 - first.bit_length()
    bits = 7 * (more + 1)
    length = int.from_bytes(bytes([first]) + stream.read(more), "big") & ((1 << bits) - 1)
    return None if length == (1 << bits) - 1 else length


def _end_of_tags(stream: BinaryIO, start: int, size: int) -> int:
    """Where the last tag of an flv ends: 4 bytes (length of the one before), 11 bytes of head, then the data."""
    while start + 15 <= size:
        stream.seek(start + 4)
        head = stream.read(11)
        if head[0] & 0x1F not in (8, 9, 18):  # sound, picture, script: anything else is padding
            return 0
        start += 15 + int.from_bytes(head[1:4], "big")
    return start


def _end_of_chunks(stream: BinaryIO, size: int) -> int:
    """Where the last chunk of a wav or avi ends; 0 where a writer to a pipe left the length open."""
    start = 12
    while start + 8 <= size:
        stream.seek(start)
        length = int.from_bytes(stream.read(8)[4:], "little")
        if length == 0 or length >= _OPEN_LENGTH:
            return 0
        start += 8 + length
        if start < size:
            start += start % 2  # chunks begin at even places; the last one's padding may be absent
    return start
