"""This module writes a training run's losses, and the settings it must be continued with, next to its checkpoints."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cmet.training.objective import Objective
    from cmet.training.plan import TrainingPlan
    from cmet.training.sampler import SampleOptions

LOSSES = "losses.jsonl"
SETTINGS = "settings.json"


_FREE = ("steps", "keep", "keep_every", "log_every")
"""What of the plan may change when a run goes on."""


def settings_of(
    options: SampleOptions,
    objective: Objective,
    widths: Mapping[str, int | float],
    plan: TrainingPlan,
    identities: Sequence[str],
    ranks: int,
) -> dict[str, Any]:
    """Returns the settings a run must be continued with, as plain values."""
    return {
        "options": asdict(options),
        "objective": asdict(objective),
        "widths": dict(widths),
        "plan": {name: value for name, value in asdict(plan).items() if name not in _FREE},
        "identities": list(identities),
        "ranks": ranks,
    }


class Lines:
    """Appends JSON lines to a file, or to nothing."""

    def __init__(self, path: Path | None) -> None:
        self._stream = path.open("a", encoding="utf-8") if path else None

    def __enter__(self) -> Callable[[dict[str, float]], None]:
        return self._write

    def _write(self, line: dict[str, float]) -> None:
        if self._stream:
            self._stream.write(json.dumps(line) + "\n")
            self._stream.flush()

    def __exit__(self, *_: object) -> None:
        if self._stream:
            self._stream.close()


def cut_log(path: Path, step: int) -> None:
    """Drops lines of steps that will be done again, and a line that was cut by a kill."""
    if not path.is_file():
        return
    kept = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            if json.loads(line)["step"] < step:
                kept.append(line + "\n")
        except ValueError:
            continue
    path.write_text("".join(kept), encoding="utf-8")


def differences(part: str, before: Any, now: Any) -> list[str]:
    """Returns the names of changed settings; one that an older run did not know counts as switched off."""
    if isinstance(now, dict) and isinstance(before, dict):
        return [key for key in now if (key in before or now[key]) and before.get(key) != now[key]]
    return [] if before == now else [part]
