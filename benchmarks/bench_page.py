"""This script says how large and how slow the page of a large run is, with the metrics of a real one.

    python benchmarks/bench_page.py RUN [--samples 1143] [--methods 5]

It repeats the samples of a finished run under new names, with numbers that differ, writes the whole report, and prints
the CPU seconds and the size of index.html. Series and clips are not counted.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import click
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from reports.model import RunData, RunRow


def enlarged(run: RunData, samples: int, methods: tuple[str, ...]) -> RunData:
    """Returns the run with so many samples of these methods."""
    rng = np.random.default_rng(0)
    known: dict[str, list[RunRow]] = defaultdict(list)
    for row in run.rows:
        known[row.sample] += [row] if row.method in methods else []
    old = [list(known)[k % len(known)] for k in range(samples)]
    names = [f"{name}_{k:04d}" for k, name in enumerate(old)]
    rows = [
        replace(row, sample=name, value=None if row.value is None else row.value * (1 + 0.05 * rng.standard_normal()))
        for name, before in zip(names, old, strict=True)
        for row in known[before]
    ]
    confusions = tuple(
        replace(
            one, taken={name: one.taken[before] for name, before in zip(names, old, strict=True) if before in one.taken}
        )
        for one in run.confusions
        if one.method in methods
    )
    return replace(
        run,
        rows=tuple(sorted(rows, key=lambda row: row.method)),
        summary=tuple(row for row in run.summary if row.method in methods),
        comparisons=tuple(one for one in run.comparisons if {one.first, one.second} <= {*methods}),
        confusions=confusions,
        clips={(method, name): f"clips/{method}/{name}.mp4" for method in methods for name in names},
    )


@click.command(help=__doc__)
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--samples", default=1143, show_default=True)
@click.option("--methods", default=5, show_default=True)
def main(run: Path, samples: int, methods: int) -> None:
    """Print what one report costs."""
    import reports
    from reports.load import load_run

    read = load_run(run)
    large = enlarged(read, samples, tuple(dict.fromkeys(row.method for row in read.summary))[:methods])
    with tempfile.TemporaryDirectory() as folder:
        began = time.process_time()
        page = reports.write(replace(large, folder=None), Path(folder))[0]
        spent = time.process_time() - began
        print(f"{len(large.rows)} rows: {spent:.1f} CPU s, index.html {page.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
