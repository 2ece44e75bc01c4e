"""This script measures training options beyond the released recipe on held-out people; several seeds, paired.

    python benchmarks/simulate_options.py --speech DIR --codes DIR [--seeds 3] [--steps 300] [--processes 2]

The folders are those of `train --preset speech-to-code`: real emotion2vec vectors of real speakers and EDTalk's stored
codes, the last speaker held out. The features there are of level 3 only, so weaker levels are mixtures with neutral
speech, and expression tracks are the stored code, scaled by level, plus a person's offset and noise per frame. Small
connector, learning rate 1e-3.

Columns: relative error of the direction (0: exact, 1: as wrong as no edit): reference given (what the training loss
sees); first window (reference zero, as every edit begins); tenth window (references are its own predictions, as every
edit goes on); first window from neutral to level 3 (what one asks for); accuracy: nearest of the eight codes there.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("OMP_NUM_THREADS", "1")
import numpy as np
import numpy.typing as npt
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from cmet.speech_to_code.speech_bank import read_bank
from cmet.training.corpus import NEUTRAL, TrainingCorpus
from cmet.training.objective import Objective, Tensors, to_tensors
from cmet.training.packed import FEATURES, PackedCorpus
from cmet.training.packing import EMOTIONS
from cmet.training.plan import TrainingPlan
from cmet.training.sampler import SampleOptions, assemble, draw
from cmet.training.trainer import Trainer

WIDTHS: dict[str, int | float] = {"hidden": 64, "layers": 1, "feedforward": 64, "dropout": 0.1}
COLUMNS = ("reference given", "first window", "tenth window", "first, neutral → level 3", "accuracy")

VARIANTS: dict[str, dict[str, Any]] = {
    "released": {},
    "reference-dropout 0.5": {"reference_dropout": 0.5},
    "scheduled-sampling 0.5": {"scheduled_sampling": 0.5},
    "level-balance": {"level_balance": True},
    "ema 0.98": {"ema": 0.98},
    "dropout 0.5, balance, ema": {"reference_dropout": 0.5, "level_balance": True, "ema": 0.98},
}

Floats = npt.NDArray[np.float32]


class World(NamedTuple):
    """Holds speech[person][emotion] (n, 1024) at level 3; codes (8, 10); who is held out."""

    speech: dict[str, dict[str, Floats]]
    codes: Floats
    held_out: tuple[str, ...]


def real(speech: Path, codes: Path) -> World:
    """Returns the speakers of a folder; the last one is held out."""
    bank = read_bank(speech, codes)
    return World({s: dict(bank.features[s]) for s in bank.speakers}, bank.codes, bank.speakers[-1:])


def write(world: World, root: Path, source: np.random.Generator) -> PackedCorpus:
    """Returns the world as C-MET's tree, packed."""
    neutral = world.codes[NEUTRAL]
    for who, cells in world.speech.items():
        face, middle = source.standard_normal(10), cells["neutral"].mean(axis=0)
        for e, emotion in enumerate(EMOTIONS):
            for level in (1,) if e == NEUTRAL else (1, 2, 3):
                strength = 1.0 if e == NEUTRAL else level / 3
                folder = root / "tree" / who / "front" / emotion / f"level_{level}"
                (folder / FEATURES).mkdir(parents=True)
                vectors = middle + strength * (cells[emotion] - middle)
                for n, vector in zip((*range(1, 11), *range(31 if e == NEUTRAL else 21, 41)), vectors, strict=False):
                    np.save(folder / FEATURES / f"{n:03d}.npy", vector.astype(np.float32))
                for n in (*range(1, 6), *(range(31, 36) if e == NEUTRAL else range(21, 26))):
                    still = neutral + strength * (world.codes[e] - neutral) + face
                    track = still + source.standard_normal((40 + n, 10))
                    np.save(folder / f"{n:03d}_ED_exp.npy", track.astype(np.float32))
    return PackedCorpus(PackedCorpus.build(root / "tree", root / "corpus.pack"))


def questions(held_out: TrainingCorpus) -> tuple[Tensors, torch.Tensor]:
    """Returns all kinds of pairs of held-out people, and which rows go from neutral to the strongest level."""
    options = SampleOptions(level_balance=True)
    choices = draw(held_out, options, np.random.default_rng(1), np.arange(800))
    strongest = (choices.emotion[:, 0] == NEUTRAL) & (choices.level[:, 1] == 3)
    return to_tensors(assemble(held_out, options, choices), torch.device("cpu")), torch.from_numpy(strongest)


@torch.no_grad()
def measures(trainer: Trainer, batch: Tensors, strongest: torch.Tensor, codes: Floats) -> list[float]:
    """Returns `COLUMNS` of a trained network on the questions."""
    network = (trainer.averaged or trainer.connector).eval()
    wanted = batch.direction

    def ask(reference: torch.Tensor) -> torch.Tensor:
        return network(reference, batch.speech, batch.first)[0].reshape(wanted.shape)

    def error(predicted: torch.Tensor) -> torch.Tensor:
        return ((predicted - wanted).norm(dim=-1) / wanted.norm(dim=-1)).mean(dim=1)

    first = later = ask(torch.zeros_like(wanted))
    for _ in range(9):
        later = ask(later)
    table = torch.from_numpy(codes - codes[NEUTRAL])
    nearest = torch.cdist(first.mean(dim=1)[strongest], table).argmin(dim=1)
    right = (nearest == batch.label[strongest]).float().mean()
    given = error(ask(batch.reference)).mean()
    return [float(v) for v in (given, error(first).mean(), error(later).mean(), error(first)[strongest].mean(), right)]


def run(job: tuple[World, str, int, int]) -> tuple[str, int, list[float]]:
    """Returns the measures of one training, a variant and a seed; the world's tracks depend on the seed too."""
    world, name, seed, steps = job
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        packed = write(world, Path(folder), np.random.default_rng(seed))
        people = [who for who in world.speech if who not in world.held_out]
        training, held_out = (TrainingCorpus(packed, names) for names in (people, world.held_out))
        rest = dict(VARIANTS[name])
        options = SampleOptions(level_balance=rest.pop("level_balance", False))
        plan = TrainingPlan(64, steps, 1e-3, seed=seed, checkpoint_every=0, evaluate_every=0, **rest)
        trainer = Trainer(Path(folder) / "run", training, None, options, Objective(), plan, WIDTHS)
        trainer.run()
        return name, seed, measures(trainer, *questions(held_out), world.codes)


def main() -> None:
    """Train every variant with every seed; print means, and the paired differences from the released recipe."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--speech", type=Path, required=True)
    parser.add_argument("--codes", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args()
    world = real(given.speech, given.codes)
    jobs = [(world, name, seed, given.steps) for name in VARIANTS for seed in range(given.seeds)]
    with multiprocessing.get_context("spawn").Pool(given.processes) as pool:
        found = {}
        for name, seed, values in pool.imap_unordered(run, jobs):
            found[name, seed] = values
            print(f"{len(found)} of {len(jobs)} trainings done", file=sys.stderr, flush=True)
    table = {name: np.array([found[name, seed] for seed in range(given.seeds)]) for name in VARIANTS}
    print(f"held out: {', '.join(world.held_out)}; {given.seeds} seeds, {given.steps} steps; mean (difference ± s.d.)")
    print("| option | " + " | ".join(COLUMNS) + " |")
    print("|---|" + "---|" * len(COLUMNS))
    for name, rows in table.items():
        change = rows - table["released"]
        cells = [
            f"{m:.3f}" + ("" if name == "released" else f" ({d:+.3f} ± {s:.3f})")
            for m, d, s in zip(rows.mean(axis=0), change.mean(axis=0), change.std(axis=0, ddof=1), strict=True)
        ]
        print(f"| {name} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
