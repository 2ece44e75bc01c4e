"""npz bytes are read as numpy reads them."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import numpy as np
import pytest

from evaluators.packing import pack
from harness.npz import arrays

KINDS: dict[str, Any] = {
    "number": 3.5,
    "flag": True,
    "text": "sarcastic ☃",
    "names": np.array(["happy", "sad", ""]),
    "empty": np.zeros((0, 4), np.float32),
    "matrix": np.arange(12.0).reshape(3, 4),
    "columns": np.asfortranarray(np.arange(6, dtype=np.int16).reshape(2, 3)),
    "half": np.array([1.5, np.nan], np.float16),
    "big_endian": np.arange(3, dtype=">i4"),
    "no_text": np.array(""),
}


def by_numpy(data: bytes) -> dict[str, Any]:
    with np.load(io.BytesIO(data), allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}


def same(first: dict[str, Any], second: dict[str, Any]) -> bool:
    return list(first) == list(second) and all(
        first[k].dtype == second[k].dtype and first[k].shape == second[k].shape and first[k].flags.writeable
        and first[k].tobytes() == second[k].tobytes()
        for k in first
    )  # fmt: skip


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_is_read_as_numpy_reads_it(name: str) -> None:
    data = pack(**{name: KINDS[name]})
    assert same(arrays(data), by_numpy(data))


def test_all_together_stored_or_deflated() -> None:
    plain = io.BytesIO()
    np.savez(plain, **KINDS)
    for data in (pack(**KINDS), plain.getvalue()):
        assert same(arrays(data), by_numpy(data))


def test_other_archives_are_left_to_numpy() -> None:
    kept = by_numpy(data := pack(a=np.arange(5)))
    with zipfile.ZipFile(noted := io.BytesIO(data), "a") as archive:
        archive.comment = b"a comment"
    assert same(arrays(noted.getvalue()), kept)


def test_a_changed_byte_is_no_other_number() -> None:
    data = bytearray(pack(a=np.arange(200.0)))
    data[len(data) // 2] ^= 0xFF
    with pytest.raises((ValueError, zipfile.BadZipFile, OSError)):
        arrays(bytes(data))


def test_objects_are_refused() -> None:
    stream = io.BytesIO()
    np.savez(stream, a=np.array([{}], dtype=object))
    with pytest.raises(ValueError, match="allow_pickle"):
        arrays(stream.getvalue())


def test_no_archive_at_all() -> None:
    with pytest.raises((ValueError, EOFError)):
        arrays(b"")
