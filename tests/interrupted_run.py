"""A run of slow fakes behind the real command line, as a program of its own: to be interrupted by a test."""

from __future__ import annotations

import sys
from pathlib import Path

import click

import bench
from tests.harness.test_runner import go, plan_for


@click.command("run")
@click.argument("folder", type=click.Path(path_type=Path))
def command(folder: Path) -> None:
    """Twenty slow clips with two workers."""
    go(folder, plan_for(folder, "slow", count=20), resume=True, jobs=2)


if __name__ == "__main__":
    bench.VERBS["run"] = ("tests.interrupted_run", "slow")
    sys.exit(bench.program(sys.argv[1:]))
