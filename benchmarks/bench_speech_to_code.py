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
from cmet.speech_to_code_training import Settings, train_members

CANDIDATES: dict[str, dict[str, Any]] = {
    "defaults": {},
    "speech_bias 0": {"speech_bias": 0.0},
    "cross_entropy 0": {"cross_entropy": 0.0},
    "noise 0.15": {"noise": 0.15},
    "noise 0.6": {"noise": 0.6},
    "single_share 1": {"single_share": 1.0},
    "hidden 128": {"hidden": 128, "feedforward": 128},
    "steps 200": {"steps": 200},
    "dropout 0.3": {"dropout": 0.3},
}


class Job(NamedTuple):
    """One training: candidate, seed, speakers trained on, the one tested, members of the ensemble."""

    candidate: str
    seed: int
    trained: tuple[str, ...]
    tested: str
    members: int = 1


Results = dict[Job, list[float]]
_bank: SpeechBank


def _start(speech: Path, codes: Path) -> None:
    global _bank
    torch.set_num_threads(1)
    _bank = read_bank(speech, codes)


def _run(job: Job) -> tuple[Job, list[float]]:
    """Macro accuracy of the ensemble, then of each member alone."""
    settings = replace(Settings(), seed=job.seed, members=job.members, **CANDIDATES[job.candidate])
    members = train_members(_bank, job.trained, settings)
    groups = [members, *([member] for member in members)]
    return job, [recognise(group, _bank, job.tested).macro_accuracy for group in groups]


def inner_jobs(speakers: tuple[str, ...], seeds: int) -> list[Job]:
    """Every candidate on every (test speaker left away, validation speaker): what the choice may look at."""
    splits = {
        (tuple(s for s in speakers if s not in (test, validation)), validation)
        for test, validation in itertools.permutations(speakers, 2)
    }
    return [Job(name, seed, *split) for name in CANDIDATES for split in sorted(splits) for seed in range(seeds)]


def choose(found: Results, speakers: tuple[str, ...], test: str) -> tuple[str, dict[str, float]]:
    """The best candidate for `test`, and the mean of each, from trainings that never met `test`."""
    scores: dict[str, list[float]] = {name: [] for name in CANDIDATES}
    for job, value in found.items():
        if test not in (*job.trained, job.tested) and len(job.trained) == len(speakers) - 2:
            scores[job.candidate].append(value[0])
    means = {name: float(np.mean(values)) for name, values in scores.items()}
    return max(means, key=lambda name: means[name]), means


def outer_jobs(speakers: tuple[str, ...], chosen: dict[str, str], seeds: int, members: int) -> list[Job]:
    """The chosen candidate and the defaults, alone and as ensembles, on the speakers themselves."""
    jobs = []
    for test in speakers:
        others = tuple(s for s in speakers if s != test)
        for name in dict.fromkeys(("defaults", chosen[test])):
            jobs += [Job(name, seed, others, test, members) for seed in range(seeds)]
    return jobs


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
        inner = dict(pool.imap_unordered(_run, inner_jobs(speakers, given.seeds)))
        choices = {test: choose(inner, speakers, test) for test in speakers}
        chosen = {test: choice for test, (choice, _) in choices.items()}
        print_inner(choices)
        outer = dict(pool.imap_unordered(_run, outer_jobs(speakers, chosen, given.seeds, given.members)))
    if given.json:
        given.json.write_text(json.dumps([[*job, values] for job, values in [*inner.items(), *outer.items()]]))
    print("\n| tested | settings | one connector | ensemble |")
    print("|---|---|---|---|")
    for test in speakers:
        for name in dict.fromkeys((chosen[test], "defaults")):
            rows = [values for job, values in outer.items() if (job.tested, job.candidate) == (test, name)]
            label = f"chosen: {name}" if name == chosen[test] else name
            alone = [value for row in rows for value in row[1:]]
            print(f"| {test} | {label} | {spread(alone)} | {spread([row[0] for row in rows])} |")


if __name__ == "__main__":
    main()
