"""This module makes a run the new baseline: its scores.json, and where it comes from."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime, timezone
from pathlib import Path

from harness.atomic import replacing
from harness.errors import UsageError
from reports import scores
from reports.gate.verdict import Verdict
from reports.load import load_any, load_run

SCORES = "scores.json"


def place(baseline: Path) -> Path:
    """Returns the file that an accepted baseline is written to. UsageError for a run folder, which is a run's own."""
    if (baseline / "run.sqlite").is_file():
        raise UsageError(
            f"'{baseline}' is a run, and stays one.",
            f"Name a file to accept into: compare baseline/{SCORES} RUN --accept.",
        )
    return baseline if baseline.is_file() or baseline.suffix == ".json" else baseline / SCORES


def accept(run: Path, baseline: Path, verdict: Verdict | None) -> Path:
    """Write the run's scores.json as the baseline, with when, over what and by which verdict, and return its path.

    verdict: of the comparison with the baseline before, if there was one. Raises UsageError for a run without numbers.
    """
    path = place(baseline)
    text = _scores(run)
    if not any(row.n_scored for row in load_any(run).summary):
        raise UsageError(f"'{run}' has no number that could be a baseline.", "Finish it with --resume first.")
    accepted = {
        "at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "verdict": verdict.state if verdict else None,
    }
    if path.is_file():
        accepted["instead_of"] = hashlib.sha256(path.read_bytes()).hexdigest()
    first, _, rest = text.partition("\n")
    with replacing(path) as partial:
        partial.write_text(f'{first}\n  "accepted": {json.dumps(accepted)},\n{rest}', encoding="utf-8", newline="\n")
    return path


def _scores(run: Path) -> str:
    """The scores.json of a run folder, or the file itself, without the record of an earlier acceptance."""
    if run.is_dir() and not (run / SCORES).is_file():
        return scores.to_json([load_run(run)])
    lines = (run / SCORES if run.is_dir() else run).read_text(encoding="utf-8-sig").splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith('  "accepted": '))
