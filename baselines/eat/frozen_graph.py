"""A frozen TensorFlow graph gives its constants here, without TensorFlow.

Such a file (.pb) is one protocol-buffers message: a list of nodes, of which those of kind Const hold an array. Only
what names, kinds, shapes and bytes of float32 constants need is read; nothing is executed.
Facts: the wire format of protocol buffers; field numbers of TensorFlow's GraphDef, NodeDef, AttrValue, TensorProto.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from harness.errors import UsageError

Floats = npt.NDArray[np.float32]
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5  # wire types
_NODE = 1  # GraphDef
_NAME, _KIND, _ATTRIBUTE = 1, 2, 5  # NodeDef
_KEY, _VALUE = 1, 2  # an entry of a map
_TENSOR = 8  # AttrValue
_DTYPE, _SHAPE, _CONTENT = 1, 2, 4  # TensorProto
_DIMENSION, _SIZE = 2, 1  # TensorShapeProto
_FLOAT32 = 1
_LONGEST_VARINT = 10  # bytes
_Field = tuple[int, "int | memoryview"]


def float_constants(path: Path) -> dict[str, Floats]:
    """Returns the float32 constants of a frozen graph by node name, without those of a single number.

    Raises UsageError for a file that is cut off or no frozen graph.
    """
    try:
        graph = memoryview(path.read_bytes())
        found = [_constant(_part(value)) for number, value in _fields(graph) if number == _NODE]
    except (ValueError, UnicodeDecodeError) as error:
        raise _refused(path, str(error)) from error
    if not found:
        raise _refused(path, "it holds no nodes")
    return dict(constant for constant in found if constant is not None)


def _refused(path: Path, why: str) -> UsageError:
    size = path.stat().st_size
    cure = "Get it again, and unpack it if it is a zip: it may be cut off."
    return UsageError(f"{path} ({size} bytes) is no frozen TensorFlow graph: {why.rstrip('.')}.", cure)


def _fields(message: memoryview) -> Iterator[_Field]:
    """Yields number and value of each field: an integer, or bytes. ValueError where the message is malformed."""
    place = 0
    while place < len(message):
        tag, place = _varint(message, place)
        number, kind = tag >> 3, tag & 7
        if kind == _VARINT:
            value, place = _varint(message, place)
            yield number, value
            continue
        if kind == _BYTES:
            size, place = _varint(message, place)
        elif kind in (_FIXED32, _FIXED64):
            size = 4 if kind == _FIXED32 else 8
        else:
            raise ValueError(f"byte {place} begins no field")
        if place + size > len(message):
            raise ValueError("it is cut off")
        yield number, message[place : place + size]
        place += size


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    """An integer of seven bits a byte, lowest first, and the place behind it."""
    value = 0
    for count in range(_LONGEST_VARINT):
        if place + count >= len(message):
            raise ValueError("it is cut off")
        byte = message[place + count]
        value |= (byte & 0x7F) << 7 * count
        if byte < 0x80:
            return value, place + count + 1
    raise ValueError(f"byte {place} begins no number")


def _part(value: int | memoryview) -> memoryview:
    if isinstance(value, int):
        raise ValueError("a number stands where a part belongs")
    return value


def _text(value: int | memoryview) -> str:
    return bytes(_part(value)).decode("utf-8")


def _constant(node: memoryview) -> tuple[str, Floats] | None:
    """Name and array of a node; None for a node of another kind, another dtype or a single number."""
    name, kind, tensor = "", "", None
    for number, value in _fields(node):
        if number == _NAME:
            name = _text(value)
        elif number == _KIND:
            kind = _text(value)
        elif number == _ATTRIBUTE:
            entry = dict(_fields(_part(value)))
            if _text(entry.get(_KEY, memoryview(b""))) == "value":
                tensor = dict(_fields(_part(entry.get(_VALUE, memoryview(b""))))).get(_TENSOR)
    if kind != "Const" or tensor is None:
        return None
    array = _array(dict(_fields(_part(tensor))), name)
    return None if array is None else (name, array)


def _array(tensor: dict[int, int | memoryview], name: str) -> Floats | None:
    """The array of a tensor of several float32 numbers, which are kept as bytes."""
    content, shape = tensor.get(_CONTENT), tensor.get(_SHAPE)
    if tensor.get(_DTYPE) != _FLOAT32 or content is None or shape is None:
        return None
    sizes = [dict(_fields(_part(value))) for number, value in _fields(_part(shape)) if number == _DIMENSION]
    given = (size.get(_SIZE, 0) for size in sizes)
    lengths = tuple(length for length in given if isinstance(length, int))
    values = _part(content)
    if math.prod(lengths) * 4 != len(values):
        raise ValueError(f"'{name[:80]}' has {len(values)} bytes and shape {lengths}")
    return np.frombuffer(values, dtype="<f4").reshape(lengths)
