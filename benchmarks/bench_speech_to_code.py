"""speech-to-code with settings that are chosen without the test speaker: leave-one-speaker-out inside leave-one-out.

    python benchmarks/bench_speech_to_code.py --speech DIR --codes DIR [--seeds 3] [--processes 2] [--json FILE]

For every speaker X: each candidate (the defaults, or one of them changed) is trained on all but one of the *other*
speakers and tested on the one left out, in turn, with several seeds; the candidate with the best mean is then trained
on all of them and tested on X. Nothing of X takes part in the choice. Beside it: the defaults, one by one and together.
--json keeps every result, one a line; what it holds already is not trained again.
"""

from __future__ import annotations

import argparse
import itertools
import json
import multiprocessing
import os
import sys
from dataclasses import replace
from multiprocessing.pool import Pool
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("OMP_NUM_THREADS", "1")
import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from cmet.speech_to_code.results import recognise
from cmet.speech_to_code.sampler import Settings
from cmet.speech_to_code.speech_bank import SpeechBank, read_bank
from cmet.speech_to_code.training import train

CANDIDATES: dict[str, dict[str, Any]] = {
    "defaults": {},
    "speech_bias 0": {"speech_bias": 0.0},
    "cross_entropy 0": {"cross_entropy": 0.0},
    "noise 0.6": {"noise": 0.6},
}


class Job(NamedTuple):
    """One training: candidate, speakers trained on, the one tested, members side by side, how many of them answer."""

    candidate: str
    trained: tuple[str, ...]
    tested: str
    members: int
    together: int


Results = dict[Job, tuple[list[float], list[float]]]
"""Macro accuracy of each group of members that answer together, and of each member alone."""

_bank: SpeechBank


def _start(speech: Path, codes: Path) -> None:
    global _bank
    torch.set_num_threads(1)
    _bank = read_bank(speech, codes)


def _run(job: Job) -> tuple[Job, tuple[list[float], list[float]]]:
    settings = replace(Settings(), members=job.members, **CANDIDATES[job.candidate])
    members = train(_bank, job.trained, settings)
    groups = [members[i : i + job.together] for i in range(0, job.members, job.together)]
    together, alone = (
        [recognise(group, _bank, job.tested).macro_accuracy for group in some]
        for some in (groups, [[member] for member in members])
    )
    return job, (together, alone)


def results(pool: Pool, jobs: list[Job], kept: Path | None) -> Results:
    """Of all jobs; those that the file `kept` holds are not done again."""
    found: Results = {}
    for line in kept.read_text(encoding="utf-8").splitlines() if kept and kept.is_file() else []:
        (name, trained, tested, members, together), values = json.loads(line)
        found[Job(name, tuple(trained), tested, members, together)] = (values[0], values[1])
    found = {job: values for job, values in found.items() if job in jobs}
    for job, values in pool.imap_unordered(_run, [job for job in jobs if job not in found]):
        found[job] = values
        if kept:
            with kept.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps([job, values]) + "\n")
    return found


def inner_jobs(speakers: tuple[str, ...], seeds: int) -> list[Job]:
    """Every candidate on every (test speaker left away, validation speaker): what the choice may look at."""
    splits = {
        (tuple(s for s in speakers if s not in (test, validation)), validation)
        for test, validation in itertools.permutations(speakers, 2)
    }
    return [Job(name, *split, seeds, 1) for name in CANDIDATES for split in sorted(splits)]


def choose(found: Results, speakers: tuple[str, ...], test: str) -> tuple[str, dict[str, float]]:
    """The best candidate for `test`, and the mean of each over single members, from trainings that never met `test`."""
    scores: dict[str, list[float]] = {name: [] for name in CANDIDATES}
    for job, value in found.items():
        if test not in (*job.trained, job.tested) and len(job.trained) == len(speakers) - 2:
            scores[job.candidate] += value[1]
    means = {name: float(np.mean(values)) for name, values in scores.items()}
    return max(means, key=lambda name: means[name]), means


def outer_jobs(speakers: tuple[str, ...], chosen: dict[str, str], seeds: int, members: int) -> list[Job]:
    """The chosen candidate and the defaults on the speakers themselves: `seeds` ensembles of `members` each."""
    return [
        Job(name, tuple(s for s in speakers if s != test), test, seeds * members, members)
        for test in speakers
        for name in dict.fromkeys(("defaults", chosen[test]))
    ]


def spread(values: list[float]) -> str:
    """Mean ± standard deviation, lowest and count."""
    return f"{np.mean(values):.3f} ± {np.std(values, ddof=1):.3f} (lowest {min(values):.3f}, n {len(values)})"


def print_inner(choices: dict[str, tuple[str, dict[str, float]]]) -> None:
    """What the choice for each test speaker rests on."""
    print("| candidate | " + " | ".join(f"inner mean, {test} unseen" for test in choices) + " |")
    print("|---|" + "---|" * len(choices))
    for name in CANDIDATES:
        print(f"| {name} | " + " | ".join(f"{means[name]:.3f}" for _, means in choices.values()) + " |", flush=True)


def main() -> None:
    """Choose, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--speech", type=Path, required=True)
    parser.add_argument("--codes", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--members", type=int, default=5)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--json", type=Path, default=None, help="Every single result.")
    given = parser.parse_args()
    speakers = read_bank(given.speech, given.codes).speakers
    context = multiprocessing.get_context("spawn")
    with context.Pool(given.processes, _start, (given.speech, given.codes)) as pool:
        inner = results(pool, inner_jobs(speakers, given.seeds), given.json)
        choices = {test: choose(inner, speakers, test) for test in speakers}
        chosen = {test: choice for test, (choice, _) in choices.items()}
        print_inner(choices)
        outer = results(pool, outer_jobs(speakers, chosen, given.seeds, given.members), given.json)
    print("\n| tested | settings | one connector | ensemble |")
    print("|---|---|---|---|")
    for test in speakers:
        for name in dict.fromkeys((chosen[test], "defaults")):
            together, alone = next(v for job, v in outer.items() if (job.tested, job.candidate) == (test, name))
            label = f"chosen: {name}" if name == chosen[test] else name
            print(f"| {test} | {label} | {spread(alone)} | {spread(together)} |")


if __name__ == "__main__":
    main()
