"""This module decides on what a run works, device and jobs, and says it in the first line."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

import click

from harness import devices, run_file
from harness.devices import Choice
from harness.digest import recall
from harness.errors import MissingError
from harness.room import FULL_SIZE_BYTES, WORKER_BYTES, room
from verbs.earlier import earlier_runs

_SPARE = 1.1  # of what a worker was seen to hold


@dataclass(frozen=True)
class Machine:
    """Holds the device and the number of worker processes of a run."""

    device: str
    jobs: int


def machine(asked: str, typed: bool, jobs: int | None, protocol: str, folder: Path, resume: bool) -> Machine:
    """Returns on what a run into `folder` works, and prints it; a run that goes on keeps its device unless one is
    typed. Raises UsageError and MissingError for a device that is not here.
    """
    choice = _kept(folder) if resume and not typed else None
    choice = choice or devices.chosen(asked)
    count, why = _jobs(choice.device, jobs, worker_bytes(protocol, folder))
    say(choice, f", {count} job{'' if count == 1 else 's'} ({why})")
    return Machine(choice.device, count)


def say(choice: Choice, more: str = "") -> None:
    """Print the first line: the device, and why."""
    used = f": {choice.why}" if choice.why and choice.device != "cpu" else ""
    click.echo(f"Runs on {devices.name_of(choice.device)}{used}{more}.", err=True)
    if choice.why and choice.device == "cpu":
        click.echo(f"note: {choice.why}.", err=True)


def device_for_edit(asked: str) -> str:
    """Returns the device of an edit, Apple's GPU included, and prints it. Call it before torch is imported."""
    if asked == devices.AUTO and sys.platform == "darwin":  # what MPS lacks then runs on the CPU
        os.environ.setdefault("PYTORCH_ENABLE_MPS_FALLBACK", "1")
    choice = devices.chosen(asked, ("cuda", "mps"))
    say(choice)
    return choice.device


def jobs_for(asked: int | None, bytes_each: float) -> int:
    """Returns how many processes of so many bytes work: as asked, or as there is room for."""
    return asked or room().jobs(bytes_each)


def _kept(folder: Path) -> Choice | None:
    """The device of the run that goes on; None where it has none yet. MissingError where it is not here."""
    device = recall(folder / run_file.NAME).get("device")
    if not isinstance(device, str) or device == "cpu":
        return Choice("cpu") if device == "cpu" else None
    try:
        return devices.chosen(device)
    except MissingError as error:
        raise MissingError(f"The run in '{folder}' was begun on {device}. {error.what}", "Add --device cpu.") from error


def _jobs(device: str, asked: int | None, bytes_each: float) -> tuple[int, str]:
    here = room()
    if asked is not None:
        return asked, "as asked"
    if device.startswith("cuda"):
        count = max(1, len(devices.gpus(device)))
        return min(count, here.jobs(bytes_each)), f"one a GPU; {here.in_words(bytes_each)}"
    return here.jobs(bytes_each), here.in_words(bytes_each)


def worker_bytes(protocol: str, folder: Path) -> float:
    """Returns what a worker holds: what was measured with all weights, or more where an earlier run by this protocol
    held more.
    """
    seen = max((run.process_bytes for run in earlier_runs(folder) if run.protocol == protocol), default=0)
    return max(_SPARE * seen, WORKER_BYTES.get(protocol, FULL_SIZE_BYTES))
