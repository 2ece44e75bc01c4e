"""Preparing that is killed, out of disk, or loses a worker: what is there is whole, and a second run ends it."""

from __future__ import annotations

import errno
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from cmet.training.packed import PackedCorpus
from datasets.preparation.jobs import FAILURES
from datasets.preparation.prepare import PACKED, prepare
from datasets.preparation.stages import Network, PreparationPlan
from harness.atomic import PARTIAL_PREFIX
from harness.errors import MissingError
from harness.media import write_wav
from tests.datasets.preparation.test_prepare import NETWORKS, QUICK, WHOLE, green_face, raw_mead, tree
from tests.media_samples import voice, write_film
from tests.places import ROOT

pytestmark = pytest.mark.slow

_RUN = """
import sys
from collections.abc import Iterator
from pathlib import Path
from cmet.training.packed import PackedCorpus
from datasets.preparation.prepare import LOCK, PACKED, prepare
from tests.datasets.preparation.test_prepare import WHOLE
prepare("mead", Path(sys.argv[1]), Path(sys.argv[2]), WHOLE, jobs=int(sys.argv[3]), pack="cmet.training.packed:pack")
"""


def _start(raw: Path, out: Path, jobs: int = 1) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", _RUN, str(raw), str(out), str(jobs)], cwd=ROOT)


def _children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _gone(pid: int) -> bool:
    try:
        return "State:\tZ" in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return True


def test_killed_three_times_and_resumed_equals_uninterrupted(tmp_path: Path) -> None:
    """All stages and the pack; killed at random moments, once with workers, which must not outlive their parent."""
    raw = raw_mead(tmp_path / "raw", count=9)
    prepare("mead", raw, tmp_path / "whole", WHOLE, pack="cmet.training.packed:pack")
    total = len(tree(tmp_path / "whole"))
    assert total == 9 * 6 + 4  # results, settings, failures, pack, lock
    out, random = tmp_path / "killed", np.random.default_rng(time.time_ns())
    for jobs, share in ((1, 0.2), (2, 0.5), (1, 0.75)):
        wanted = int(total * share) + int(random.integers(-4, 5))
        process = _start(raw, out, jobs)
        deadline = time.monotonic() + 120
        while len(list(out.rglob("*.*"))) < wanted and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.002)
        time.sleep(float(random.random()) * 0.02)
        workers = _children(process.pid) if Path("/proc/self/task").is_dir() and process.poll() is None else []
        assert jobs == 1 or workers or not Path("/proc/self/task").is_dir()
        process.kill()
        process.wait()
        deadline = time.monotonic() + 120  # a worker that is still importing notices late on a busy machine
        while not all(_gone(worker) for worker in workers) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert all(_gone(worker) for worker in workers)
        assert not (out / PACKED).exists()
    (out / "M003/front/neutral/level_1" / ".partial-00000000-008.mp4").write_bytes(b"what a kill leaves behind")
    prepare("mead", raw, out, WHOLE, pack="cmet.training.packed:pack")
    assert tree(out) == tree(tmp_path / "whole")


def test_a_pack_is_made_again_when_a_run_died_before_it(tmp_path: Path) -> None:
    raw, out = raw_mead(tmp_path / "raw", count=2), tmp_path / "out"
    prepare("mead", raw, out, WHOLE, pack="cmet.training.packed:pack")
    write_film(raw / "M003/video/front/happy/level_1/001.mp4", green_face(18, 40, 30), fps=30, audio=voice(0.6))
    prepare("mead", raw, out, WHOLE)  # as if it had been killed between the last clip and the pack
    prepare("mead", raw, out, WHOLE, pack="cmet.training.packed:pack")
    assert len(PackedCorpus(out / PACKED)) == 3


def test_a_source_that_vanishes_costs_only_itself(tmp_path: Path) -> None:
    raw = raw_mead(tmp_path / "raw", count=2)
    clip = raw / "M003/video/front/neutral/level_1/002.mp4"
    clip.unlink()
    clip.symlink_to(tmp_path / "elsewhere.mp4")
    done = prepare("mead", raw, tmp_path / "out", QUICK)
    assert done.made == 1
    assert [failure[:2] for failure in done.failures] == [("M003/neutral/level_1/002", "crop")]
    assert prepare("mead", raw, tmp_path / "out", QUICK).made == 0


def test_a_full_disk_stops_the_run_and_no_clip_is_blamed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raw, out = raw_mead(tmp_path / "raw", count=2), tmp_path / "out"

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("harness.media.encode.os.replace", full)
        with pytest.raises(MissingError, match="disk is full"):
            prepare("mead", raw, out, QUICK)
    assert not (out / FAILURES).exists()
    assert prepare("mead", raw, out, QUICK).made == 2


def test_jobs_give_the_same_files(tmp_path: Path) -> None:
    raw = raw_mead(tmp_path / "raw", count=5)
    prepare("mead", raw, tmp_path / "one", QUICK, jobs=1)
    seen: list[tuple[int, int]] = []
    prepare("mead", raw, tmp_path / "two", QUICK, jobs=2, progress=lambda done, of: seen.append((done, of)))
    assert tree(tmp_path / "one") == tree(tmp_path / "two")
    assert seen == [(k, 5) for k in range(1, 6)]


def test_a_dying_worker_costs_one_clip(tmp_path: Path) -> None:
    for number, seconds in enumerate((0.3, 0.4, 0.5, 0.6)):
        write_wav(tmp_path / "MELD" / "train_splits" / f"dia{number}_utt0.wav", voice(seconds))
    plan = PreparationPlan(("sound", "speech"), speech=Network(f"{NETWORKS}:dies", {"which": "8000"}))
    done = prepare("meld", tmp_path / "MELD", tmp_path / "out", plan, jobs=2)
    assert [(clip, stage) for clip, stage, _ in done.failures] == [("train/dia2_utt0", "worker")]
    assert "died" in done.failures[0][2]
    assert len(list((tmp_path / "out").rglob("*.npy"))) == 3  # and no half file of the worker that ended beside it


def test_half_files_that_ended_workers_leave_are_gone_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the work is interrupted: what is half written when a worker is ended is not seen by later readers."""
    raw = raw_mead(tmp_path / "raw", count=2)
    half = tmp_path / "out" / f"{PARTIAL_PREFIX}x.npy"

    def interrupted(*_: object) -> Iterator[object]:
        half.write_bytes(b"")
        raise KeyboardInterrupt
        yield

    monkeypatch.setattr("datasets.preparation.prepare.each", interrupted)
    with pytest.raises(KeyboardInterrupt):
        prepare("mead", raw, tmp_path / "out", QUICK, jobs=1)
    assert half.parent.is_dir()
    assert not half.exists()
