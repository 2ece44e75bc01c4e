"""This module makes damaged media files for bench_damaged.py: flipped bits, cut ends, and edited fields.

Everything follows from a seed. Edits know where a format keeps its fields: every box of an mp4, every element of a
Matroska file, every chunk of RIFF files; elsewhere they hit any place of the first kilobyte.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

Bytes = bytearray
_INSIDE = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts", b"dinf", b"udta", b"meta", b"ilst")
_EXTREMES = (0, 1, 2, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)
#: Ending → (container, codec of the picture or "", codec of the sound or "").
KINDS = {
    "mp4": ("mp4", "libx264", "aac"),
    "mov": ("mov", "mpeg4", "pcm_s16le"),
    "mkv": ("matroska", "libx264", "flac"),
    "webm": ("webm", "libvpx", "libopus"),
    "avi": ("avi", "mpeg4", "libmp3lame"),
    "flv": ("flv", "flv", "libmp3lame"),
    "ts": ("mpegts", "mpeg2video", "mp2"),
    "mpg": ("mpeg", "mpeg1video", "mp2"),
    "wav.mkv": ("wav", "", "pcm_s16le"),  # a sound that calls itself a film
}


@dataclass(frozen=True)
class Field:
    """Holds where a field may lie: of what it is a part, and its bytes."""

    of: str
    begin: int
    end: int


def healthy(path: Path, ending: str, frames: int = 20, size: int = 64) -> bytes:
    """Returns a small film with sound, written to `path`, in the format of an ending."""
    container, picture, sound = KINDS[ending]
    with av.open(str(path), "w", format=container) as output:
        streams = [_add(output, kind, size) for kind in (picture, sound) if kind]
        for stream in streams:
            for frame in _pictures(frames, size) if stream.type == "video" else _sounds(frames, stream):
                output.mux(stream.encode(frame))
            output.mux(stream.encode(None))
    return path.read_bytes()


def _add(output: av.container.OutputContainer, codec: str, size: int) -> av.stream.Stream:
    if codec in ("aac", "pcm_s16le", "flac", "libopus", "libmp3lame", "mp2"):
        return output.add_stream(codec, rate=48000 if codec == "libopus" else 44100, layout="mono")
    stream = output.add_stream(codec, rate=25, options={"threads": "1"})
    stream.width, stream.height, stream.pix_fmt = size, size, "yuv420p"
    return stream


def _pictures(frames: int, size: int) -> list[av.VideoFrame]:
    ground = np.linspace(20, 220, size)[None, :, None] * np.array([1.0, 0.6, 0.3])
    made = []
    for k in range(frames):
        picture = np.broadcast_to(ground, (size, size, 3)).astype(np.uint8).copy()
        picture[:, 3 * k % size, :] = 250
        made.append(av.VideoFrame.from_ndarray(picture, format="rgb24"))
    return made


def _sounds(frames: int, stream: av.stream.Stream) -> list[av.AudioFrame]:
    rate = stream.rate
    time = np.arange(frames * rate // 25) / rate
    wave = (8000 * np.sin(2 * np.pi * 220 * time)).astype(np.int16)
    made = []
    for begin in range(0, len(wave), 960):
        frame = av.AudioFrame.from_ndarray(wave[None, begin : begin + 960], format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = rate, begin, Fraction(1, rate)
        made.append(frame)
    return made


def fields(data: bytes) -> list[Field]:
    """Returns where a file keeps its fields, by its format."""
    if data[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free"):
        return _boxes(data, 0, len(data))
    if data[:4] == b"RIFF":
        return _chunks(data, 12, len(data))
    if data[:4] == b"\x1a\x45\xdf\xa3":
        return [Field("element", at, min(at + 12, len(data))) for at in range(0, min(len(data), 700), 3)]
    return [Field("head", at, min(at + 8, len(data))) for at in range(0, min(len(data), 1024), 8)]


def _boxes(data: bytes, begin: int, end: int) -> list[Field]:
    found = []
    while begin + 8 <= end:
        length, kind = struct.unpack(">I4s", data[begin : begin + 8])
        if length < 8 or begin + length > end:
            break
        found.append(Field(kind.decode("latin-1"), begin, min(begin + length, begin + 200)))
        if kind in _INSIDE:
            found += _boxes(data, begin + 8, begin + length)
        begin += length
    return found


def _chunks(data: bytes, begin: int, end: int) -> list[Field]:
    found = []
    while begin + 8 <= end:
        kind, length = struct.unpack("<4sI", data[begin : begin + 8])
        if begin + 8 + length > end:
            break
        found.append(Field(kind.decode("latin-1"), begin, min(begin + 8 + length, begin + 120)))
        if kind == b"LIST":
            found += _chunks(data, begin + 12, begin + 8 + length)
        begin += 8 + length + length % 2
    return found


def _flip(data: Bytes, draw: np.random.Generator) -> str:
    count = int(draw.choice([1, 3, 10, 50, 200]))
    for place in draw.integers(0, 8 * len(data), count):
        data[place // 8] ^= 1 << (place % 8)
    return f"flip{count}"


def _cut(data: Bytes, draw: np.random.Generator) -> str:
    keep = int(draw.integers(1, len(data)))
    del data[keep:]
    return "cut"


def _hole(data: Bytes, draw: np.random.Generator) -> str:
    begin = int(draw.integers(0, len(data)))
    length = min(int(draw.integers(1, 2000)), len(data) - begin)
    data[begin : begin + length] = (
        draw.integers(0, 256, length, dtype=np.uint8).tobytes() if draw.random() < 0.5 else (bytes(length))
    )
    return "hole"


def _edit(data: Bytes, draw: np.random.Generator) -> str:
    """One number of one field of one part of the file; every kind of part is as likely as another."""
    places = fields(bytes(data))
    kinds = sorted({place.of for place in places})
    kind = kinds[int(draw.integers(len(kinds)))]
    own = [place for place in places if place.of == kind]
    place = own[int(draw.integers(len(own)))]
    width = int(draw.choice([1, 2, 4, 8]))
    at = int(draw.integers(place.begin, max(place.begin + 1, place.end - width)))
    value = int(draw.choice(np.array(_EXTREMES))) if draw.random() < 0.7 else int(draw.integers(0, 2**32))
    data[at : at + width] = (value % 256**width).to_bytes(width, "big" if draw.random() < 0.5 else "little")
    return f"edit:{kind}"


_DAMAGE: tuple[Callable[[Bytes, np.random.Generator], str], ...] = (_flip, _cut, _hole, _edit, _edit, _edit)


def damaged(data: bytes, draw: np.random.Generator) -> tuple[bytes, str]:
    """Returns the bytes of a file after one damage, and its kind."""
    changed = bytearray(data)
    kind = _DAMAGE[int(draw.integers(len(_DAMAGE)))](changed, draw)
    return bytes(changed), kind
