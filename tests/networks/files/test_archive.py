"""A damaged archive of weights is one sentence: cut, with a wrong table, a bomb, nested, locked, or no archive."""

from __future__ import annotations

import gzip
import io
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from harness.errors import UsageError
from networks.files.torch_file import read_state


def checkpoint(new: bool = True) -> bytes:
    stream = io.BytesIO()
    torch.save({"a": torch.arange(1000.0)}, stream, _use_new_zipfile_serialization=new)
    return stream.getvalue()


def in_table(place: int, value: bytes) -> bytes:
    """The checkpoint's archive with these bytes at this place of every line of its table (central directory)."""
    raw, at = bytearray(checkpoint()), 0
    while (at := raw.find(b"PK\x01\x02", at)) >= 0:
        raw[at + place : at + place + len(value)] = value
        at += 4
    return bytes(raw)


def packed(name: str, content: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return stream.getvalue()


def index(content: bytes) -> Callable[[], bytes]:
    return lambda: packed("x/data.pkl", content)


DAMAGED: dict[str, tuple[Callable[[], bytes], str]] = {
    "cut short": (lambda: checkpoint()[:900], "its archive has no end"),
    "cut at its end": (lambda: checkpoint()[:-30], "its archive has no end"),
    "places past the end": (lambda: in_table(42, b"\xff\xff\xff\x7f"), "Truncated file header"),
    "places of something else": (lambda: in_table(42, b"\5\0\0\0"), "Bad magic number"),
    "sizes past the end": (lambda: in_table(20, b"\xf0\xff\xff\x7f" * 2), "its archive is broken"),
    "an unknown packing": (lambda: in_table(10, b"\x63\0"), "compression method is not supported"),
    "another packing": (lambda: in_table(10, b"\x08\0"), "while decompressing"),
    "of a later version": (lambda: in_table(6, b"\x63\0"), "zip file version 9.9"),
    "its names no text": (lambda: in_table(46, b"\xff\xfe"), "can't decode"),
    "locked": (lambda: in_table(8, b"\1\0"), "locked by a password"),
    "a bomb": (index(bytes(30 << 20)), "claims to unpack"),
    "nested": (lambda: packed("weights.pt", checkpoint()), "it is an archive of 'weights.pt'"),
    "an empty archive": (lambda: b"PK\5\6" + bytes(18), "an empty archive"),
    "no archive": (lambda: b"PK\3\4" + b"and so on" * 99, "its archive has no end"),
    "gzip": (lambda: gzip.compress(checkpoint()), "packed by gzip"),
    "an empty index": (index(b""), "Ran out of input"),
    "an index of 4 EiB": (index(b"\x80\4\x8e" + struct.pack("<Q", 1 << 62) + b"."), "more memory than there is"),
    "an index of 5000 digits": (index(b"\x80\2L" + b"9" * 5000 + b"L\n."), "5000 digits"),
    "an index that nests": (index(b"\x80\2" + b"(" * 50000), "Ran out of input"),
    "a storage that is not there": (index(pickle.dumps({}, 2)[:-1] + b"Q."), "no complete PyTorch checkpoint"),
    "an old file, cut": (lambda: checkpoint(new=False)[:900], "it is cut off"),
    "an old file of 2^61 numbers": (
        lambda: checkpoint(new=False).replace(struct.pack("<Q", 1000), struct.pack("<Q", 1 << 61)),
        "no complete PyTorch checkpoint",
    ),
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_a_damaged_archive_is_one_sentence(kind: str, tmp_path: Path) -> None:
    content, words = DAMAGED[kind]
    path = tmp_path / "weights.pt"
    path.write_bytes(content())
    with pytest.raises(UsageError, match=words) as caught:
        read_state(path, ("state_dict",))
    assert "\n" not in caught.value.what
    assert caught.value.cure


def test_an_archive_that_was_packed_again_is_read(tmp_path: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(checkpoint())) as source, zipfile.ZipFile(tmp_path / "a.pt", "w", 8) as target:
        for name in source.namelist():
            target.writestr(name, source.read(name))
    assert torch.equal(read_state(tmp_path / "a.pt")["a"], torch.arange(1000.0))
