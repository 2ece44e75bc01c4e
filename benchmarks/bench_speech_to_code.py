"""speech-to-code with settings that are chosen without the test speaker: leave-one-speaker-out inside leave-one-out.

    python benchmarks/bench_speech_to_code.py --speech DIR --codes DIR [--seeds 3] [--processes 2] [--json FILE]

For every speaker X: each candidate (the defaults, or one of them changed) is trained on all but one of the *other*
speakers and tested on the one left out, in turn, with every seed; the candidate with the best mean is then trained on
all of them and tested on X. Nothing of X takes part in the choice. Beside it: the defaults, single and as ensembles.
"""

from __future__ import annotations

import argparse
import itertools
import json
import multiprocessing
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("OMP_NUM_THREADS", "1")
import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from cmet.speech_bank import SpeechBank, read_bank
from cmet.speech_to_code_results import recognise
from cmet.speech_to_code_training import Settings, train, train_members

CANDIDATES: dict[str, dict[str, Any]] = {
    "defaults": {},
    "speech_bias 0": {"speech_bias": 0.0},
    "cross_entropy 0": {"cross_entropy": 0.0},
    "cross_entropy 3": {"cross_entropy": 3.0},
    "noise 0.15": {"noise": 0.15},
    "noise 0.6": {"noise": 0.6},
    "single_share 1": {"single_share": 1.0},
    "pair_share 0.5": {"pair_share": 0.5},
    "hidden 128": {"hidden": 128, "feedforward": 128},
    "steps 200": {"steps": 200},
    "steps 800": {"steps": 800},
    "dropout 0.3": {"dropout": 0.3},
    "learning_rate 1e-3": {"learning_rate": 1e-3},
}


class Job(NamedTuple):
    """One training: candidate, seed, speakers trained on, the one tested, members of the ensemble."""

    candidate: str
    seed: int
    trained: tuple[str, ...]
    tested: str
    members: int = 1


_bank: SpeechBank


def _start(speech: Path, codes: Path) -> None:
    global _bank
    torch.set_num_threads(1)
    _bank = read_bank(speech, codes)


def _run(job: Job) -> tuple[Job, float]:
    settings = replace(Settings(), seed=job.seed, members=job.members, **CANDIDATES[job.candidate])
    members = train_members(_bank, job.trained, settings) if job.members > 1 else [train(_bank, job.trained, settings)]
    return job, recognise(members, _bank, job.tested).macro_accuracy


def inner_jobs(speakers: tuple[str, ...], seeds: int) -> list[Job]:
    """Every candidate on every (test speaker left away, validation speaker): what the choice may look at."""
    splits = {
        (tuple(s for s in speakers if s not in (test, validation)), validation)
        for test, validation in itertools.permutations(speakers, 2)
    }
    return [Job(name, seed, *split) for name in CANDIDATES for split in sorted(splits) for seed in range(seeds)]


def choose(found: dict[Job, float], speakers: tuple[str, ...], test: str) -> tuple[str, dict[str, float]]:
    """The best candidate for `test`, and the mean of each, from trainings that never met `test`."""
    scores: dict[str, list[float]] = {name: [] for name in CANDIDATES}
    for job, value in found.items():
        if test not in (*job.trained, job.tested) and len(job.trained) == len(speakers) - 2:
            scores[job.candidate].append(value)
    means = {name: float(np.mean(values)) for name, values in scores.items()}
    return max(means, key=lambda name: means[name]), means


def outer_jobs(speakers: tuple[str, ...], chosen: dict[str, str], seeds: int, members: int) -> list[Job]:
    """The chosen candidate and the defaults, alone and as ensembles, on the speakers themselves."""
    jobs = []
    for test in speakers:
        others = tuple(s for s in speakers if s != test)
        for name in dict.fromkeys(("defaults", chosen[test])):
            jobs += [Job(name, seed, others, test, count) for seed in range(seeds) for count in (members, 1)]
    return jobs


def spread(found: dict[Job, float], test: str, name: str, members: int) -> str:
    """Mean ± standard deviation over seeds, and the lowest."""
    values = [v for j, v in found.items() if (j.tested, j.candidate, j.members) == (test, name, members)]
    return f"{np.mean(values):.3f} ± {np.std(values, ddof=1):.3f} (lowest {min(values):.3f})"


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
        inner = dict(pool.imap_unordered(_run, inner_jobs(speakers, given.seeds)))
        choices = {test: choose(inner, speakers, test) for test in speakers}
        chosen = {test: choice for test, (choice, _) in choices.items()}
        print_inner(choices)
        outer = dict(pool.imap_unordered(_run, outer_jobs(speakers, chosen, given.seeds, given.members)))
    if given.json:
        given.json.write_text(json.dumps([[*job, value] for job, value in [*inner.items(), *outer.items()]], indent=0))
    many = f"{given.members} members"
    print(f"\n| tested | chosen | single | {many} | defaults, single | defaults, {many} |")
    print("|---|---|---|---|---|---|")
    for test in speakers:
        cells = [spread(outer, test, name, n) for name in (chosen[test], "defaults") for n in (1, given.members)]
        print(f"| {test} | {chosen[test]} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
