"""A linear network as an ONNX file, written field by field: the tests need no onnx package."""

from __future__ import annotations

from pathlib import Path

import numpy as np


def _varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, value: bytes | str) -> bytes:
    raw = value.encode() if isinstance(value, str) else value
    return _varint(field << 3 | 2) + _varint(len(raw)) + raw


def _node(kind: str, inputs: list[str], output: str, attributes: dict[str, int]) -> bytes:
    named = b"".join(
        _bytes(5, _bytes(1, key) + _number(3, value) + _number(20, 2)) for key, value in attributes.items()
    )
    return b"".join(_bytes(1, name) for name in inputs) + _bytes(2, output) + _bytes(4, kind) + named


def _tensor(name: str, values: np.ndarray) -> bytes:
    shape = b"".join(_number(1, size) for size in values.shape)
    return shape + _number(2, 1) + _bytes(8, name) + _bytes(9, values.astype("<f4").tobytes())


def _value(name: str, shape: tuple[int, ...]) -> bytes:
    dimensions = b"".join(_bytes(1, _number(1, size)) for size in shape)
    return _bytes(1, name) + _bytes(2, _bytes(1, _number(1, 1) + _bytes(2, dimensions)))


def write_linear(path: Path, weight: np.ndarray, size: int) -> None:
    """y = flatten(x) @ weight for x (1, 3, size, size); weight (3 * size * size, outputs)."""
    graph = (
        _bytes(1, _node("Flatten", ["x"], "flat", {"axis": 1}))
        + _bytes(1, _node("MatMul", ["flat", "w"], "y", {}))
        + _bytes(2, "linear")
        + _bytes(5, _tensor("w", weight))
        + _bytes(11, _value("x", (1, 3, size, size)))
        + _bytes(12, _value("y", (1, weight.shape[1])))
    )
    path.write_bytes(_number(1, 8) + _bytes(7, graph) + _bytes(8, _number(2, 13)))


def write_means(path: Path, shape: tuple[int, ...]) -> None:
    """y (1, shape[1]): the means of x over all axes but the first two, for x of this shape."""
    graph = (
        _bytes(1, _node("GlobalAveragePool", ["x"], "mean", {}))
        + _bytes(1, _node("Flatten", ["mean"], "y", {"axis": 1}))
        + _bytes(2, "means")
        + _bytes(11, _value("x", shape))
        + _bytes(12, _value("y", shape[:2]))
    )
    path.write_bytes(_number(1, 8) + _bytes(7, graph) + _bytes(8, _number(2, 13)))
