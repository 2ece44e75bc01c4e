"""Unfinished files: their owner sweeps all, anyone sweeps those whose writer is dead, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.atomic import PARTIAL_PREFIX, partial_path, sweep_abandoned
from tests.harness.test_runner import go, plan_for
from tests.places import ROOT

#: Writes half a file, and half of a remembered hash, and waits to be killed.
WRITER = """
import sys, time
from pathlib import Path
from harness.atomic import partial_path
cache = Path(sys.argv[1])
for name in ("derived/clip.mp4", "digests.json"):
    path = partial_path(cache / name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"half")
folder = partial_path(cache / "copies")
folder.mkdir()
(folder / "big.safetensors").write_bytes(b"half")
print("ready", flush=True)
time.sleep(600)
"""


def test_what_a_kill_left_in_the_cache_is_swept_by_a_later_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = tmp_path / "cache"
    monkeypatch.setenv("CMET_BENCH_CACHE", str(cache))
    writer = subprocess.Popen([sys.executable, "-c", WRITER, cache], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    assert writer.stdout.readline() == "ready\n"
    kept = [cache / name for name in ("derived/whole.mp4", "weights/big.pth.part")]
    for path in kept:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"whole")
    sweep_abandoned(cache)
    assert len(list(cache.rglob(f"{PARTIAL_PREFIX}*"))) == 3  # its writer lives
    writer.kill()
    writer.communicate()
    go(tmp_path / "run", plan_for(tmp_path / "run"), limit=1)
    assert not list(cache.rglob(f"{PARTIAL_PREFIX}*"))
    assert all(path.is_file() for path in kept)


def test_files_of_other_machines_and_versions_are_left_until_they_are_old(tmp_path: Path) -> None:
    names = (
        f"{PARTIAL_PREFIX}0000ffff.12ab-a.npy",
        f"{PARTIAL_PREFIX}0badcafe-b.npy",
        partial_path(tmp_path / "c.npy").name,
    )
    for name in names:
        (tmp_path / name).write_bytes(b"half")
    sweep_abandoned(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == set(names)
    then = time.time() - 3 * 86_400
    for name in names:
        os.utime(tmp_path / name, (then, then))
    sweep_abandoned(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [names[2]]  # this process lives
