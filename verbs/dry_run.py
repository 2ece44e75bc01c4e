"""This module says what a run would do: clips, missing weights, disk, time; two clips are made where nobody knows."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import click
from tqdm import tqdm

from harness import runner
from harness.errors import EXIT_FINE, EXIT_MISSING
from harness.pace import Seconds, estimated
from verbs.earlier import EarlierRun, earlier_runs, read
from verbs.outcome import in_one_command
from verbs.session import Session

_TRIAL_CLIPS = 2  # the first loads networks
_BEYOND_CLIPS = 1.2  # times the clips' bytes: store and report lie beside them
_MB = 1e6


@dataclass(frozen=True)
class Expected:
    """Holds what clips of each method take: seconds and bytes; `source` says where that is known from."""

    seconds: Mapping[str, Seconds]
    clip_bytes: Mapping[str, float]
    source: str


def tell(session: Session, folder: Path, resume: bool, jobs: int) -> int:
    """Prints what the run would do and returns its exit code: 5 where the disk is too small for it, else 0."""
    left = Counter(item.method for item in session.left(folder, resume))
    count, samples, methods = sum(left.values()), len(session.samples), session.plan.methods
    there = samples * len(methods) - count
    click.echo(f"Clips: {count} to be made and judged, {there} are there ({samples} samples, {', '.join(methods)}).")
    for line in _lacking(session) or ["no file of the judges is missing"]:
        click.echo(f"Weights: {line}" if line.startswith("no ") else f"Missing: {line}")
    if not count:
        return EXIT_FINE
    expected = _expected(session, folder, left)
    seconds = estimated(expected.seconds, left, jobs)
    if seconds is not None:
        words = f"about {tqdm.format_interval(seconds)} with {jobs} job{'' if jobs == 1 else 's'}"
        click.echo(f"Time: {words}, by {expected.source}.")
    return _disk(folder, sum(count * expected.clip_bytes.get(method, 0.0) for method, count in left.items()))


def _disk(folder: Path, clip_bytes: float) -> int:
    needed = _BEYOND_CLIPS * clip_bytes
    there = next(place for place in (folder, *folder.parents) if place.exists())
    free = shutil.disk_usage(there).free
    click.echo(f"Disk: about {needed / _MB:.0f} MB in '{folder}', {free / _MB:.0f} MB are free.")
    click.echo("Nothing was made. Leave --dry-run out to start.")
    return EXIT_MISSING if needed > free else EXIT_FINE


def _lacking(session: Session) -> list[str]:
    """What judges of the protocol lack, with the commands that bring it."""
    judges = {id(judge): judge for judge, *_ in session.judge.columns()}.values()
    return in_one_command(str(lack) for judge in judges for lack in judge.missing())


def _expected(session: Session, folder: Path, methods: Iterable[str]) -> Expected:
    """From the newest earlier run that tells about every method, else from a trial."""
    wanted = set(methods)
    for run in earlier_runs(folder):
        alike = (run.protocol, run.dataset) == (session.asked.protocol, session.asked.dataset)
        if alike and run.device == session.plan.device and all(map(run.knows, wanted)):
            return Expected(run.taken, run.clip_bytes(), f"the record of '{run.folder}'")
    with tempfile.TemporaryDirectory() as place:
        run = _trial(session, Path(place) / "trial", wanted)
        return Expected(run.taken, run.clip_bytes(), f"{_TRIAL_CLIPS} clips of each method")


def _trial(session: Session, folder: Path, methods: set[str]) -> EarlierRun:
    """The record of a small run of these methods, whose clips are thrown away."""
    click.echo(f"No earlier run tells: {_TRIAL_CLIPS} clips of each method are made and thrown away.", err=True)
    plan = replace(session.plan, methods={name: spec for name, spec in session.plan.methods.items() if name in methods})
    asked = replace(session.asked, methods=tuple(plan.methods), limit=_TRIAL_CLIPS)
    samples = runner.with_limit(session.samples, _TRIAL_CLIPS)
    with runner.open_store(folder, asked, resume=False) as store:
        runner.run(store, runner.at(plan, folder), samples, session.judge, asked, 1, every=session.every)
    found = read(folder)
    assert found is not None  # this machine wrote it
    return found
