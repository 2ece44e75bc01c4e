"""Remembered hashes follow every change of a file, and a cache that others can write is named."""

from __future__ import annotations

import hashlib
import os
import stat
import sys
import time
from pathlib import Path

import pytest

from harness import digest as digests
from harness.digest import cache_dir, digest, recall
from harness.readiness import writable_by_others


def test_digest_follows_a_rewrite_of_equal_size(tmp_path: Path) -> None:
    path = tmp_path / "big.bin"
    path.write_bytes(b"\0" * (9 << 20))
    first = digest(path)
    assert first == hashlib.sha256(b"\0" * (9 << 20)).hexdigest() == digest(path)
    stat = path.stat()
    path.write_bytes(b"\1" * (9 << 20))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    assert digest(path) == hashlib.sha256(b"\1" * (9 << 20)).hexdigest()


def test_a_file_changed_in_place_with_its_time_put_back_is_hashed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(digests, "SETTLED_SECONDS", 0.0)
    path = tmp_path / "big.bin"
    path.write_bytes(b"\0" * (9 << 20))
    time.sleep(0.05)  # the disk's clock ticks
    first, times = digest(path), path.stat()
    assert first in recall(cache_dir() / "digests.json").values()
    with path.open("r+b") as file:
        file.seek(1 << 20)
        file.write(b"\1")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    now = path.stat()
    assert (now.st_ino, now.st_size, now.st_mtime_ns) == (times.st_ino, times.st_size, times.st_mtime_ns)
    assert digest(path) == hashlib.sha256(path.read_bytes()).hexdigest() != first


def test_a_file_that_changed_just_now_is_not_remembered(tmp_path: Path) -> None:
    path = tmp_path / "new.bin"
    path.write_bytes(b"\2" * (9 << 20))
    known = digest(path)
    assert known not in recall(cache_dir() / "digests.json").values()


@pytest.mark.skipif(sys.platform == "win32", reason="owners and modes of POSIX")
def test_a_cache_that_others_can_write_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    (folder / "weights").mkdir(parents=True)
    (folder / "digests.json").write_text("{}")
    assert writable_by_others(folder) is None
    for place in (folder, folder / "weights", folder / "digests.json", tmp_path):
        mode = place.stat().st_mode
        place.chmod(mode | stat.S_IWOTH)
        assert writable_by_others(folder) == place
        place.chmod(mode)
    assert writable_by_others(folder) is None


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="a system without named pipes")
def test_a_pipe_has_no_hash_and_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.mp4")
    with pytest.raises(OSError, match="no regular file"):
        digest(tmp_path / "a.mp4")
