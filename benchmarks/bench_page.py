"""This script says how large and how slow the page of a large run is, with the metrics of a real one.

    python benchmarks/bench_page.py RUN [--samples 1143] [--methods 5]

It repeats the samples of a finished run under new names, with numbers that differ, and its store with the samples'
records and curves; writes the whole report, and prints the CPU seconds, the size of index.html, and that of the series
beside it. Limits: 20 CPU s and 1 MB, without series and clips.
"""

from __future__ import annotations

import shutil
import sqlite3
import sys
import tempfile
import time
from collections import defaultdict
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import click
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from reports.model import RunData, RunRow


def names_of(run: RunData, samples: int, methods: tuple[str, ...]) -> list[tuple[str, str]]:
    """Returns (old name, new name) of so many samples."""
    known = list(dict.fromkeys(row.sample for row in run.rows if row.method in methods))
    old = [known[k % len(known)] for k in range(samples)]
    return [(name, f"{name}_{k:04d}") for k, name in enumerate(old)]


def enlarged(run: RunData, samples: int, methods: tuple[str, ...]) -> RunData:
    """Returns the run with so many samples of these methods."""
    rng = np.random.default_rng(0)
    known: dict[str, list[RunRow]] = defaultdict(list)
    for row in run.rows:
        known[row.sample] += [row] if row.method in methods else []
    old, names = map(list, zip(*names_of(run, samples, methods), strict=True))
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


def stored(run: Path, out: Path, names: list[tuple[str, str]]) -> None:
    """Write the run's store with these samples: their records, and the curves of all methods."""
    shutil.copyfile(run / "run.json", out / "run.json")
    with closing(sqlite3.connect(run / "run.sqlite")) as source, closing(sqlite3.connect(out / "run.sqlite")) as copy:
        source.backup(copy)
        for table, own in (("samples", "identity, emotion, record"), ("series", "method, metric, signature, data")):
            copy.execute(f"CREATE TEMP TABLE old AS SELECT * FROM {table}")
            copy.execute(f"DELETE FROM {table}")
            place = "position, " if table == "samples" else ""
            for k, (old, new) in enumerate(names):
                copy.execute(
                    f"INSERT INTO {table} (dataset, sample, {place}{own}) "
                    f"SELECT dataset, ?, {'?, ' if place else ''}{own} FROM old WHERE sample = ?",
                    (new, *([k] if place else []), old),
                )
            copy.execute("DROP TABLE old")
        copy.commit()


@click.command(help=__doc__)
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--samples", default=1143, show_default=True)
@click.option("--methods", default=5, show_default=True)
def main(run: Path, samples: int, methods: int) -> None:
    """Print what one report costs."""
    import reports
    from reports.load import load_run

    read = load_run(run)
    chosen = tuple(dict.fromkeys(row.method for row in read.summary))[:methods]
    large = enlarged(read, samples, chosen)
    with tempfile.TemporaryDirectory() as folder:
        stored(run, Path(folder), names_of(read, samples, chosen))
        began = time.process_time()
        page = reports.write(replace(large, folder=Path(folder)), Path(folder) / "report")[0]
        spent = time.process_time() - began
        parts = [path.stat().st_size for path in (page.parent / "series").glob("*.js")]
        print(f"{len(large.rows)} rows: {spent:.1f} CPU s, index.html {page.stat().st_size / 1e3:.0f} kB")
        print(
            f"series of {len(parts)} samples: {sum(parts) / 1e6:.1f} MB, the largest {max(parts or [0]) / 1e3:.0f} kB"
        )


if __name__ == "__main__":
    main()
