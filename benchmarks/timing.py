"""This module holds the clocks and options that the scripts of this folder share.

A script runs both sides of a comparison in one go and prints their ratio: CPU seconds of one thread, of a call in this
process or of a child process with everything that it started.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

ROOT = Path(__file__).resolve().parents[1]
FILE = click.Path(exists=True, dir_okay=False, path_type=Path, resolve_path=True)
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path, resolve_path=True)
_ONE_THREAD = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "MKL", "OPENBLAS")}


@dataclass(frozen=True)
class Spent:
    """Holds the cost of a child process and its own children: CPU seconds, MiB of the largest one; and its standard
    output.
    """

    seconds: float
    peak_mib: float
    output: str


def child(command: Sequence[object], folder: Path = ROOT, **variables: object) -> Spent:
    """Run `command` in `folder` on one thread, with these environment variables; end the program if it fails."""
    environment = {**os.environ, **_ONE_THREAD, **{name: str(value) for name, value in variables.items()}}
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        process = subprocess.Popen(list(map(str, command)), cwd=folder, env=environment, stdout=out, stderr=err)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        for stream in (out, err):
            stream.seek(0)
        if process.returncode:
            sys.exit(f"{command[1]} ended with {process.returncode}:\n{out.read()[-1000:]}\n{err.read()[-3000:]}")
        return Spent(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, out.read())


def cpu_seconds(work: Callable[[], Any]) -> tuple[float, Any]:
    """Returns CPU seconds of one call in this process, and its result."""
    began = time.process_time()
    result = work()
    return time.process_time() - began, result


def in_turn(sides: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """Returns seconds of every side in every round; a side is a call that returns its seconds. The sides take turns."""
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, side in sides.items():
            seconds[name].append(side())
    return seconds


def versus(what: str, theirs: Callable[[], Any], ours: Callable[[], Any], rounds: int) -> tuple[Any, Any]:
    """Print the least CPU seconds of both sides and their ratio, after one call each; return the calls' results."""
    results = theirs(), ours()
    times = in_turn({"theirs": lambda: cpu_seconds(theirs)[0], "ours": lambda: cpu_seconds(ours)[0]}, rounds)
    first, second = (min(values) for values in times.values())
    print(f"{what}: reference {first:.4f} CPU s, ours {second:.4f}, ratio {first / second:.2f}", flush=True)
    return results


def checkout(option: str, repository: str, holds: str) -> Callable[[Any], Any]:
    """Returns the option that names a checkout of released code; without one the command asks for it in a sentence."""

    def checked(_context: click.Context, _option: click.Parameter, folder: Path | None) -> Path:
        if folder is None or not (folder / holds).exists():
            raise click.UsageError(f"Give {option} a checkout of {repository}: a folder that holds {holds}.")
        return folder

    return click.option(option, type=FOLDER, callback=checked, help=f"A checkout of {repository}.")
