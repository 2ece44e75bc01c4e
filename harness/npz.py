"""This module reads the small npz files that rows keep: thousands of them are read at once, and numpy's own reader
takes a millisecond for each.

It reads what numpy writes: a zip archive without a comment, whose members are stored or deflated `.npy` files. Whatever
looks otherwise is left to numpy. Facts: APPNOTE.TXT of PKWARE, 4.3 (zip); numpy.lib.format (npy, version 1).
"""

from __future__ import annotations

import ast
import io
import struct
import zlib
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

_END, _ENTRY = struct.Struct("<4s4H2LH"), struct.Struct("<4s6H3L5H2L")
_LOCAL_BYTES, _LOCAL_LENGTHS = 30, struct.Struct("<2H")
_STORED, _DEFLATED = 0, 8
_ENCRYPTED = 1
_ZIP64 = 0xFFFFFFFF
_NPY = b"\x93NUMPY\x01\x00"

Array = npt.NDArray[Any]


def arrays(data: bytes) -> dict[str, Array]:
    """Returns the arrays of npz bytes by name. ValueError, KeyError or zipfile.BadZipFile where they are no such file,
    or hold Python objects.
    """
    try:
        return {name.removesuffix(".npy"): _array(body) for name, body in _members(data)}
    except (_UnusualError, struct.error, zlib.error):
        with np.load(io.BytesIO(data), allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}


class _UnusualError(Exception):
    """Says that an archive is not as numpy writes it."""


def _members(data: bytes) -> Iterator[tuple[str, bytes]]:
    """The name and the content of each member, in order."""
    sign, *_, entries, _, place, comment = _END.unpack_from(data, len(data) - _END.size)
    if sign != b"PK\x05\x06" or comment:
        raise _UnusualError
    for _ in range(entries):
        sign, _, _, flags, how, _, _, checksum, packed, size, name, extra, note, *_, offset = _ENTRY.unpack_from(
            data, place
        )
        if sign != b"PK\x01\x02" or flags & _ENCRYPTED or _ZIP64 in (packed, size, offset):
            raise _UnusualError
        place += _ENTRY.size
        yield data[place : place + name].decode(), _content(data, offset, how, packed, size, checksum)
        place += name + extra + note


def _content(data: bytes, offset: int, how: int, packed: int, size: int, checksum: int) -> bytes:
    own = sum(_LOCAL_LENGTHS.unpack_from(data, offset + _LOCAL_BYTES - _LOCAL_LENGTHS.size))
    body = data[offset + _LOCAL_BYTES + own :][:packed]
    if how == _DEFLATED:
        body = zlib.decompress(body, -zlib.MAX_WBITS, size)
    if how not in (_STORED, _DEFLATED) or len(body) != size or zlib.crc32(body) != checksum:
        raise _UnusualError
    return body


def _array(body: bytes) -> Array:
    if not body.startswith(_NPY):
        raise _UnusualError
    (length,) = struct.unpack_from("<H", body, len(_NPY))
    first = len(_NPY) + 2 + length
    kind, shape, order = _layout(body[len(_NPY) + 2 : first])
    return np.frombuffer(body, kind, offset=first).reshape(shape, order=order).copy(order)


@lru_cache(maxsize=1024)
def _layout(header: bytes) -> tuple[np.dtype[Any], tuple[int, ...], Any]:
    """What a header says of its array: most rows of a metric say the same."""
    told = ast.literal_eval(header.decode("latin1"))
    kind = np.dtype(told["descr"])
    if kind.hasobject or not kind.itemsize:
        raise _UnusualError
    return kind, told["shape"], "F" if told["fortran_order"] else "C"
