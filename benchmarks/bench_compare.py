"""This script says what the gate's comparison of run folders costs, as a process of its own.

    python benchmarks/bench_compare.py BASELINE RUN [--noise RUN_A RUN_B] [--rounds 5]

It prints the CPU seconds of `compare` with everything that it started, the least and the middle of the rounds (a busy
machine only adds), and which large libraries it loaded. The limit is 2 CPU seconds, without torch.
"""

from __future__ import annotations

import sys
from pathlib import Path
from statistics import median

import click

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.timing import FOLDER, ROOT, child

_LOADED = """import sys, bench
code = bench.main(["compare", *sys.argv[1:]])
print("loaded:", *sorted({"torch", "scipy", "av", "PIL"} & set(sys.modules)))
sys.exit(0 if code in (0, 3, 4) else code)"""


@click.command(help=__doc__)
@click.argument("baseline", type=FOLDER)
@click.argument("run", type=FOLDER)
@click.option("--noise", nargs=2, type=FOLDER, metavar="RUN_A RUN_B")
@click.option("--rounds", default=5, show_default=True)
def main(baseline: Path, run: Path, noise: tuple[Path, Path] | None, rounds: int) -> None:
    """Print what one comparison costs."""
    more = ["--noise", *noise] if noise else []
    command = [sys.executable, "-c", _LOADED, baseline, run, *more]
    spent = [child(command, ROOT) for _ in range(rounds)]
    seconds = [one.seconds for one in spent]
    middle = f"{median(seconds):.2f} in the middle of {rounds}"
    print(f"{min(seconds):.2f} CPU s at least, {middle}; {spent[0].peak_mib:.0f} MiB")
    told = spent[0].output.splitlines()
    print(told[0], told[-1], sep="\n")


if __name__ == "__main__":
    main()
