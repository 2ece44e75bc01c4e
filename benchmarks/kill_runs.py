"""Kills `run` at random moments while it stores clips, resumes it, and holds the end against an uninterrupted run.

    python benchmarks/kill_runs.py                     # 30 kills over a light run: the true clips and a still face
    python benchmarks/kill_runs.py --kills 10 --method cmet

Each start is killed (SIGKILL, in turn the command alone and its whole group) some moments after it stored another clip.
Checked: no process of it lives on; in the end every row, every clip's bytes, and the absence of half-written files in
the run and in the cache. Exit code 1 at the first difference. Prints what it did, a line a kill.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
METHODS = {"light": ("still_face", "ground_truth"), "cmet": ("cmet",)}
#: No network for the light run: it is to store clips, many a second.
PIXELS = '[[metric]]\nevaluator = "pixels"\n'
PROTOCOLS = {"light": PIXELS, "cmet": f'{PIXELS}\n[[metric]]\nevaluator = "identity"\nnet = "demo"\n'}
_PATIENCE_SECONDS = 900.0
_MARK = "CMET_BENCH_KILLED_RUN"


class Campaign:
    """Runs one command line over and over, in a folder with a cache of its own."""

    def __init__(self, place: Path, arguments: argparse.Namespace) -> None:
        self.out, self.cache = place / "run", place / "cache"
        place.mkdir()
        (place / "kill.toml").write_text(PROTOCOLS[arguments.method], encoding="utf-8")
        methods = [part for name in METHODS[arguments.method] for part in ("--method", name)]
        more = ["--limit", str(arguments.limit), "--jobs", str(arguments.jobs), "--protocol", str(place / "kill.toml")]
        self._command = [sys.executable, "bench.py", "run", *methods, "--no-anchors", *more, "--out", str(self.out)]

    def start(self) -> subprocess.Popen[bytes]:
        """Start, or go on, as a leader of a group of its own."""
        environment = {**os.environ, "CMET_BENCH_CACHE": str(self.cache), _MARK: str(self.out)}
        return subprocess.Popen(
            [*self._command, "--resume"],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    def finish(self) -> None:
        """Let it end by itself. SystemExit where it does not end well."""
        program = self.start()
        err = program.communicate()[1].decode()
        if program.returncode:
            raise SystemExit(f"the run ended with {program.returncode}:\n{err[-2000:]}")

    def stored(self) -> int:
        """How many clips are in the store."""
        if not (self.out / "run.sqlite").is_file():
            return 0
        store = sqlite3.connect(self.out / "run.sqlite", timeout=60)
        try:
            return int(store.execute("SELECT count(*) FROM clips").fetchone()[0])
        except sqlite3.OperationalError:  # the table is not there yet
            return 0
        finally:
            store.close()

    def living(self) -> list[str]:
        """The processes that were started by it and are still there."""
        found = []
        for place in Path("/proc").glob("[0-9]*/environ"):
            try:
                if f"{_MARK}={self.out}\0".encode() in place.read_bytes():
                    found.append(place.parent.name)
            except OSError:
                continue
        return found

    def outcome(self) -> dict[str, Any]:
        """What must be equal: rows, summary, and the bytes of every clip."""
        scores = json.loads((self.out / "report" / "scores.json").read_text(encoding="utf-8"))
        rows = sorted(json.dumps(row, sort_keys=True) for row in scores["rows"])
        clips = {
            f"{path.parent.name}/{path.name}": hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted((self.out / "clips").rglob("*.mp4"))
        }
        return {"rows": rows, "summary": scores["summary"], "clips": clips}

    def halves(self) -> list[str]:
        """Files that were not finished."""
        return [str(path) for folder in (self.out, self.cache) for path in folder.rglob(".partial*")]


def killed(campaign: Campaign, chance: random.Random, whole_group: bool) -> bool:
    """Start, kill once another clip is stored, and see that nobody is left; False where it ended before."""
    before, program = campaign.stored(), campaign.start()
    until = time.monotonic() + _PATIENCE_SECONDS
    while campaign.stored() <= before and program.poll() is None and time.monotonic() < until:
        time.sleep(0.01)
    time.sleep(chance.uniform(0.0, 1.0))
    ended = program.poll() is not None
    if whole_group and not ended:
        os.killpg(program.pid, signal.SIGKILL)
    program.kill()
    program.communicate()
    until = time.monotonic() + 60.0
    while campaign.living():
        if time.monotonic() > until:
            raise SystemExit(f"processes live on: {campaign.living()}")
        time.sleep(0.05)
    return not ended


def main() -> int:
    """Kills, resumes, compares."""
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("--kills", type=int, default=30)
    given.add_argument("--method", choices=sorted(METHODS), default="light")
    given.add_argument("--limit", type=int, default=22)
    given.add_argument("--jobs", type=int, default=2)
    given.add_argument("--seed", type=int, default=0)
    arguments = given.parse_args()
    chance, kills, rounds = random.Random(arguments.seed), 0, 0
    with tempfile.TemporaryDirectory(prefix="cmet-bench-kills-") as folder:
        plain = Campaign(Path(folder, "plain"), arguments)
        plain.finish()
        expected = plain.outcome()
        while kills < arguments.kills:
            rounds += 1
            campaign = Campaign(Path(folder, f"killed{rounds}"), arguments)
            while kills < arguments.kills and killed(campaign, chance, whole_group=kills % 2 == 1):
                kills += 1
                print(
                    f"kill {kills}: {campaign.stored()} clips stored, {len(campaign.halves())} half files", flush=True
                )
            campaign.finish()
            found = campaign.outcome()
            differing = [key for key in expected if found[key] != expected[key]]
            if differing or campaign.halves():
                print(f"NOT EQUAL: {differing}; half files: {campaign.halves()}")
                return 1
            print(f"round {rounds}: {len(found['rows'])} rows and {len(found['clips'])} clips equal", flush=True)
    print(f"{kills} kills, {rounds} rounds: every end equals the uninterrupted run; no process, no half file left")
    return 0


if __name__ == "__main__":
    sys.exit(main())
