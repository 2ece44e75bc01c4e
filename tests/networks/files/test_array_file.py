"""Whatever an npy file's header claims, reading it ends in an array of numbers or in one short sentence."""

from __future__ import annotations

import io
import os
import struct
from pathlib import Path

import numpy as np
import pytest

from harness.errors import UsageError
from networks.files.array_file import read_array


def npy(header: str, version: int = 1) -> bytes:
    size = struct.pack("<H" if version == 1 else "<I", len(header))
    return b"\x93NUMPY" + bytes([version, 0]) + size + header.encode() + bytes(400)


def of_shape(shape: str, kind: str = "'<f4'") -> bytes:
    return npy(f"{{'descr': {kind}, 'fortran_order': False, 'shape': {shape}, }}\n")


def stored() -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.arange(100, dtype=np.float32))
    return stream.getvalue()


EXTREME = {
    "nested": of_shape("(" * 3000 + ")" * 3000),
    "nested, of version 2": npy("[" * 9000, 2),
    "nested signs": npy("-" * 9000),
    "longer than numpy takes": npy("(" * 60000),
    "longer than the file": b"\x93NUMPY\x02\x00\xff\xff\xff\xff {",
    "5000 digits": of_shape("(" + "9" * 5000 + ",)"),
    "30 digits": of_shape("(" + "9" * 30 + ",)"),
    "10^12 items": of_shape("(1000000000000,)"),
    "10^24 items": of_shape("(1000000, 1000000, 1000000, 1000000)"),
    "half an item": of_shape("(1.5,)"),
    "a yes": of_shape("(True,)"),
    "a type of 10^10 bytes": of_shape("(1,)", "'<f9999999999'"),
    "objects": of_shape("(1,)", "'|O'"),
    "an open text": npy("{'descr': '<f4\n"),
    "a call": npy("__import__('os')"),
    "cut": stored()[:-3],
    "cut in its header": stored()[:50],
    "of a later version": stored()[:6] + b"\x09" + stored()[7:],
    "empty": b"",
    "text": b"0.1 0.2 0.3\n",
    "a cut archive": b"PK\x03\x04" + bytes(60),
}


@pytest.mark.parametrize("kind", EXTREME)
def test_an_extreme_header_is_one_sentence(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    path.write_bytes(EXTREME[kind])
    with pytest.raises(UsageError, match="no readable numpy array of numbers") as caught:
        read_array(path)
    assert "\n" not in caught.value.what
    assert len(caught.value.what) < 250 + len(str(path))


def test_numbers_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    path.write_bytes(stored())
    np.testing.assert_array_equal(read_array(path), np.arange(100))
    path.write_bytes(of_shape("(0, 1000000000000)"))
    assert read_array(path).shape == (0, 10**12)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="a system without named pipes")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.npy")
    with pytest.raises(UsageError, match="no regular file"):
        read_array(tmp_path / "a.npy")
