"""This module says how many worker processes a machine has room for: cores that it may use, and memory that is free."""

from __future__ import annotations

import math
import os
import re
from dataclasses import dataclass
from pathlib import Path

GIB = 2**30
MOST_JOBS = 8  # each holds its own networks

#: What a worker was measured to hold at most (docs/speed.md, 'Memory of a worker'): with the small networks, and with
#: networks of published size, an edit and the judges of a long clip together.
WORKER_BYTES = {"demo": 1.0 * GIB}
FULL_SIZE_BYTES = 3.5 * GIB
READER_BYTES = 0.5 * GIB  # of a process that decodes clips, and loads no network

_MEMORY = Path("/proc/meminfo")
_CGROUP = Path("/sys/fs/cgroup")
_OWN_GROUP = Path("/proc/self/cgroup")


@dataclass(frozen=True)
class Room:
    """Holds what a machine (or a container's share of it) has free: cores, and bytes; None where nobody says."""

    cores: int
    free_bytes: int | None

    def jobs(self, bytes_each: float) -> int:
        """Returns how many workers of so many bytes there is room for, at least 1."""
        fitting = MOST_JOBS if self.free_bytes is None else int(self.free_bytes // bytes_each)
        return max(1, min(MOST_JOBS, self.cores, fitting))

    def in_words(self, bytes_each: float) -> str:
        """Returns the facts that decide, for the first line of a run."""
        cores = f"{self.cores} core{'' if self.cores == 1 else 's'}"
        if self.free_bytes is None:
            return cores
        return f"{cores}, {self.free_bytes / GIB:.1f} GiB free, {bytes_each / GIB:.1f} GiB a job"


def room(memory: Path = _MEMORY, cgroup: Path = _CGROUP, own: Path = _OWN_GROUP) -> Room:
    """Returns what this process may use: cores of its affinity and its control groups, memory of machine and groups."""
    groups = _groups(cgroup, own)
    frees = [free for free in (_machine_free(memory), *map(_group_free, groups)) if free is not None]
    return Room(_cores(groups), min(frees) if frees else None)


def _groups(cgroup: Path, own: Path) -> list[Path]:
    """The folders of the control groups that this process is in, of either version, and of those around them."""
    found = [cgroup, cgroup / "memory"]
    for line in _text(own).splitlines():
        _, controllers, place = line.split(":", 2)
        root = cgroup / "memory" if "memory" in controllers.split(",") else cgroup
        group = root / place.lstrip("/")
        found += [one for one in (group, *group.parents) if one.is_relative_to(root) and one not in found]
    return found


def _cores(groups: list[Path]) -> int:
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    for group in groups:
        share = _text(group / "cpu.max").split()  # "200000 100000", or "max 100000"
        if len(share) == 2 and share[0].isdecimal():
            allowed = min(allowed, math.ceil(int(share[0]) / int(share[1])))
    return max(1, allowed)


def _machine_free(memory: Path) -> int | None:
    match = re.search(r"^MemAvailable:\s+(\d+) kB$", _text(memory), re.MULTILINE)
    return 1024 * int(match[1]) if match else None


def _group_free(group: Path) -> int | None:
    """The limit of a control group, version 2 or 1, less what it holds and could not give back."""
    for limit, used in (("memory.max", "memory.current"), ("memory.limit_in_bytes", "memory.usage_in_bytes")):
        most, held = _text(group / limit).strip(), _text(group / used).strip()
        if most.isdecimal() and held.isdecimal():
            spare = re.search(r"^(?:total_)?inactive_file (\d+)$", _text(group / "memory.stat"), re.MULTILINE)
            return max(0, int(most) - int(held) + (int(spare[1]) if spare else 0))
    return None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""
