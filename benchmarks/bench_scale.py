"""Ten times the samples: does a run take at most ten times the time, and the same memory?

    python benchmarks/bench_scale.py [--small 2] [--method cmet] [--anchors] [--jobs 1]

Runs `bench.py run` on the built-in dataset with N and 10 N samples, each in a fresh process with the dataset's files
made beforehand, and prints CPU seconds and the peak of the summed proportional memory of its processes (Linux).
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SAMPLE_SECONDS = 0.25


def tree(leader: int) -> list[int]:
    """The process and everything it started."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:  # it ended meanwhile
                continue
            children.setdefault(parent, []).append(int(entry.name))
    found = [leader]
    for process in found:
        found += children.get(process, [])
    return found


def proportional_mib(process: int) -> float:
    """Memory of a process with shared pages divided among those who share them."""
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def measured(command: list[str]) -> tuple[float, float]:
    """(CPU seconds, peak MiB) of a command and its processes."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    program = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, env=environment)
    peak, over = 0.0, threading.Event()
    while program.poll() is None:
        peak = max(peak, sum(map(proportional_mib, tree(program.pid))))
        over.wait(SAMPLE_SECONDS)
    if program.returncode:
        sys.exit(f"{' '.join(command)} ended with {program.returncode}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, peak


def main() -> None:
    """Print both runs and their ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", type=int, default=2, help="samples of the smaller run")
    parser.add_argument("--method", default="cmet")
    parser.add_argument("--anchors", action="store_true")
    parser.add_argument("--jobs", type=int, default=1)
    given = parser.parse_args()
    from datasets.puppets.dataset import Puppets
    from harness.runner import with_limit

    dataset = Puppets()
    for sample in with_limit(dataset.samples(), 10 * given.small):
        dataset.materialise(sample)
    results = []
    with tempfile.TemporaryDirectory() as folder:
        for count in (given.small, 10 * given.small):
            command = [sys.executable, "bench.py", "run", "--method", given.method, "--limit", str(count)]
            command += ["--jobs", str(given.jobs), "--out", f"{folder}/{count}"]
            results.append(measured([*command, *([] if given.anchors else ["--no-anchors"])]))
            print(f"{count:4d} samples: {results[-1][0]:7.1f} CPU s, peak {results[-1][1]:6.0f} MiB", flush=True)
    (small, low), (large, high) = results
    print(f"10 times the samples: {large / small:.2f} times the CPU seconds, {high / low:.2f} times the memory")


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main()
