"""This module writes a stand-in for DeepSpeech's frozen graph, with pseudo-random weights, for tests and dry runs.

It holds the constants of the network alone, in the format of TensorFlow's GraphDef: what `frozen_graph` reads.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from baselines.eat.frozen_graph import Floats
from harness.atomic import replacing
from harness.seeded import seeded_array
from networks.eat.deepspeech import INPUTS, LETTERS, WIDTH


def seeded_constants(width: int = WIDTH) -> Iterator[tuple[str, Floats]]:
    """Yields name and array of each of the network's constants, as the released graph names them, one at a time."""
    sizes = {1: (INPUTS, width), 2: (width, width), 3: (width, 2 * width), 5: (2 * width, width), 6: (width, LETTERS)}
    shapes: dict[str, tuple[int, ...]] = {}
    for layer, size in sizes.items():
        shapes |= {f"h{layer}": size, f"b{layer}": size[1:]}
    for way in ("fw", "bw"):
        cell = f"bidirectional_rnn/{way}/basic_lstm_cell/"
        shapes |= {f"{cell}kernel": (3 * width, 4 * width), f"{cell}bias": (4 * width,)}
    for name, shape in shapes.items():
        values = seeded_array(f"deepspeech.{name}", shape[::-1]).T  # unit gain counts the inputs, the last axis there
        yield name, np.ascontiguousarray(values)


def write_graph(path: Path, width: int = WIDTH) -> Path:
    """Write a graph of a width. Raises MediaError on a full disk."""
    return write_constants(path, seeded_constants(width))


def write_constants(path: Path, constants: Iterable[tuple[str, Floats]]) -> Path:
    """Write a graph of these constants. Raises MediaError on a full disk."""
    with replacing(path) as partial, partial.open("wb") as file:
        for name, array in constants:
            file.write(_part(1, _node(name, array)))
    return path


def _node(name: str, array: Floats) -> bytes:
    shape = b"".join(_part(2, _number(1, length)) for length in array.shape)
    tensor = _number(1, 1) + _part(2, shape) + _part(4, array.astype("<f4").tobytes())
    kind, value = _part(1, b"dtype") + _part(2, _number(6, 1)), _part(1, b"value") + _part(2, _part(8, tensor))
    return _part(1, name.encode()) + _part(2, b"Const") + _part(5, kind) + _part(5, value)


def _part(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _number(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _varint(value: int) -> bytes:
    digits = bytearray()
    while value > 0x7F:
        digits.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*digits, value])
