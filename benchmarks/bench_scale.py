"""This script says whether ten times the samples take a run at most ten times the time, and the same memory.

    python benchmarks/bench_scale.py [--small 2] [--method cmet]

Runs `bench.py run` on the built-in dataset with N and 10 N samples, each in a fresh process with the dataset's files
made beforehand, and prints CPU seconds and the peak memory of its largest process.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import click

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.timing import child


@click.command(help=__doc__)
@click.option("--small", default=2, show_default=True, help="Samples of the smaller run.")
@click.option("--method", default="cmet", show_default=True)
def main(small: int, method: str) -> None:
    """Print both runs and their ratios."""
    from datasets.puppets.dataset import Puppets
    from harness.runner import with_limit

    dataset = Puppets()
    for sample in with_limit(dataset.samples(), 10 * small):
        dataset.materialise(sample)
    spent = []
    with tempfile.TemporaryDirectory() as folder:
        for count in (small, 10 * small):
            command: list[object] = [sys.executable, "bench.py", "run", "--method", method, "--no-anchors"]
            spent.append(child([*command, "--limit", count, "--jobs", 1, "--out", f"{folder}/{count}"]))
            print(f"{count:4d} samples: {spent[-1].seconds:.1f} CPU s, peak {spent[-1].peak_mib:.0f} MiB", flush=True)
    seconds, memory = spent[1].seconds / spent[0].seconds, spent[1].peak_mib / spent[0].peak_mib
    print(f"10 times the samples: {seconds:.2f} times the CPU seconds, {memory:.2f} times the memory")


if __name__ == "__main__":
    main()
