"""This script damages small films in 500 ways, by a seed, and lets `score` judge them beside healthy ones.

    python benchmarks/bench_damaged.py [--files 500] [--seed 0] [--keep FOLDER]

First each file is read in a process of its own kind (every picture, all sound): what it raises, how long it takes, how
much memory. Then `score --protocol demo` judges all of them in one folder with healthy clips, and the healthy ones
alone: their rows must be the same. It ends with 1 where a file raised something that is no reason, took more than 30 s,
or 2 GiB, or where a neighbour's row moved.
"""

from __future__ import annotations

import json
import resource
import shutil
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.damaged_files import KINDS, damaged, healthy
from benchmarks.timing import ROOT, child
from harness.errors import MediaError
from harness.guard import Crash
from harness.media import VideoReader, read_audio
from harness.parallel import each

NEIGHBOURS = ("talking", "hard_4frames", "hard_vfr")
MOST_SECONDS, MOST_BYTES = 30.0, 2 << 30


@dataclass(frozen=True)
class Reading:
    """Holds what reading a file came to: the reasons of picture and sound ("" for none), seconds, peak bytes."""

    reasons: tuple[str, str]
    seconds: float
    peak_bytes: int


def read(path: Path) -> Reading:
    """Reads every picture and all sound of a file. Raises what is no MediaError."""
    began = time.monotonic()
    reasons = (_reason(lambda: sum(map(len, VideoReader(path)))), _reason(lambda: read_audio(path)))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return Reading(reasons, time.monotonic() - began, peak)


def _reason(work) -> str:  # type: ignore[no-untyped-def]
    try:
        work()
    except MediaError as error:
        return error.reason
    return ""


def make(folder: Path, files: int, seed: int) -> dict[Path, str]:
    """Writes the damaged files; returns the kind of damage of each."""
    folder.mkdir(parents=True)
    draw = np.random.default_rng(seed)
    whole = {ending: healthy(folder / f"seed.{ending}", ending) for ending in KINDS}
    for ending in KINDS:
        (folder / f"seed.{ending}").unlink()
    made = {}
    for number in range(files):
        ending = list(KINDS)[number % len(KINDS)]
        data, kind = damaged(whole[ending], draw)
        path = folder / f"{number:04d}.{ending}"
        path.write_bytes(data)
        made[path] = kind
    return made


def _score(clips: Path, out: Path, jobs: int) -> tuple[dict[tuple[str, str], object], float, float]:
    """Rows by (sample, metric), CPU seconds, and MiB of the largest process."""
    command = [sys.executable, ROOT / "bench.py", "score", "--clips", clips, "--protocol", "demo", "--out", out]
    spent = child([*command, "--jobs", jobs], CMET_BENCH_CACHE=out.parent / "cache")
    rows = json.loads((out / "report" / "scores.json").read_text(encoding="utf-8"))["rows"]
    own = {(row["sample"], row["metric"]): (row["value"], row.get("reason")) for row in rows}
    return own, spent.seconds, spent.peak_mib


@click.command()
@click.option("--files", default=500, show_default=True)
@click.option("--seed", default=0, show_default=True)
@click.option("--jobs", default=2, show_default=True)
@click.option("--keep", type=click.Path(path_type=Path), default=None, help="Leave the files and the runs here.")
def main(files: int, seed: int, jobs: int, keep: Path | None) -> None:
    """Damage, read, judge, compare."""
    folder = keep or Path(tempfile.mkdtemp())
    try:
        sys.exit(1 if _all(folder, files, seed, jobs) else 0)
    finally:
        if keep is None:
            shutil.rmtree(folder)


def _all(folder: Path, files: int, seed: int, jobs: int) -> bool:
    made = make(folder / "all", files, seed)
    bad = _read_all(made, jobs)
    (folder / "healthy").mkdir()
    for name in NEIGHBOURS:
        for where in ("all", "healthy"):
            shutil.copyfile(ROOT / "tests" / "golden" / "clips" / f"{name}.mp4", folder / where / f"{name}.mp4")
    alone, _, _ = _score(folder / "healthy", folder / "run-healthy", jobs)
    among, seconds, peak = _score(folder / "all", folder / "run-all", jobs)
    moved = [key for key, row in alone.items() if among.get(key) != row and not _pooled(row)]
    codes = Counter(str(reason) for (sample, metric), (_, reason) in among.items() if metric == "frames")
    crashed = sorted(
        {sample for (sample, _), (_, reason) in among.items() if reason in ("crashed", "generation_failed")}
    )
    print(
        f"judged {files} damaged beside {len(NEIGHBOURS)} healthy: {seconds:.0f} CPU s, largest process {peak:.0f} MiB"
    )
    print("reasons of `frames`:", dict(codes.most_common()))
    print(f"crashed: {crashed or 'none'}; rows of healthy clips that moved: {moved or 'none'} of {len(alone)}")
    return bool(bad or moved or crashed)


def _pooled(row: object) -> bool:
    return isinstance(row, tuple) and row[1] in ("pooled", "too_few")


def _read_all(made: dict[Path, str], jobs: int) -> bool:
    found = {done.item: done.result for done in each(read, list(made), jobs, apart=True)}
    crashes = {path.name: one.reason for path, one in found.items() if isinstance(one, Crash)}
    readings = {path: one for path, one in found.items() if isinstance(one, Reading)}
    slow = max(readings.values(), key=lambda one: one.seconds)
    peak = max(one.peak_bytes for one in readings.values())
    whole = sum(one.reasons[0] == "" for one in readings.values())
    print(f"read {len(found)} damaged files: {whole} pictures still decode, {len(crashes)} raised what is no reason")
    print("damage:", dict(Counter(kind.split(":")[0].rstrip("0123456789") for kind in made.values())))
    print("boxes edited:", " ".join(sorted({kind[5:] for kind in made.values() if kind.startswith("edit:")})))
    print(f"slowest {slow.seconds:.2f} s, largest process {peak / 2**20:.0f} MiB")
    for name, reason in crashes.items():
        print("  ", name, reason)
    return bool(crashes) or slow.seconds > MOST_SECONDS or peak > MOST_BYTES


if __name__ == "__main__":
    main()
