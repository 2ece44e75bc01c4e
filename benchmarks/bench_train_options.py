"""What the training options beyond the released recipe change, on a made-up corpus with an answer to find.

    python benchmarks/bench_train_options.py [--steps 300]

Made-up people: an emotion is a direction in speech and one in expression, level k is k thirds of it, people differ by
an offset, frames by noise. Small connector, same seed and steps for every row; measured on people that were held out.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from cmet.packed import EMOTIONS, FEATURES, PackedCorpus
from cmet.sampler import SampleOptions, assemble, draw
from cmet.trainer import Trainer
from cmet.training import Objective, Tensors, to_tensors
from cmet.training_corpus import NEUTRAL, TrainingCorpus
from cmet.training_plan import Plan

PEOPLE = tuple(f"M{number:03d}" for number in range(1, 7))
HELD_OUT = 2
WIDTHS: dict[str, int | float] = {"hidden": 64, "layers": 1, "feedforward": 64, "dropout": 0.1}

VARIANTS: dict[str, dict[str, Any]] = {
    "released": {},
    "--reference-dropout 0.5": {"reference_dropout": 0.5},
    "--scheduled-sampling 0.5": {"scheduled_sampling": 0.5},
    "--level-balance": {"level_balance": True},
    "--ema 0.98": {"ema": 0.98},
    "dropout 0.5 + balance + ema": {"reference_dropout": 0.5, "level_balance": True, "ema": 0.98},
}


def corpus(root: Path) -> PackedCorpus:
    """Write and pack the made-up people."""
    source = np.random.default_rng(0)
    speech_axes, code_axes = source.standard_normal((8, 1024)) * 0.4, source.standard_normal((8, 10)) * 3
    for who in PEOPLE:
        voice, face = source.standard_normal(1024) * 0.4, source.standard_normal(10)
        for e, emotion in enumerate(EMOTIONS):
            for level in (1,) if e == NEUTRAL else (1, 2, 3):
                strength = 0.0 if e == NEUTRAL else level / 3
                folder = root / "tree" / who / "front" / emotion / f"level_{level}"
                (folder / FEATURES).mkdir(parents=True)
                for n in (*range(1, 6), *(range(31, 36) if e == NEUTRAL else range(21, 26))):
                    codes = face + strength * code_axes[e] + source.standard_normal((40 + n, 10))
                    vector = voice + strength * speech_axes[e] + 0.3 * source.standard_normal(1024)
                    np.save(folder / f"{n:03d}_ED_exp.npy", codes.astype(np.float32))
                    np.save(folder / FEATURES / f"{n:03d}.npy", vector.astype(np.float32))
    return PackedCorpus(PackedCorpus.build(root / "tree", root / "corpus.pack"))


def questions(held_out: TrainingCorpus) -> tuple[Tensors, torch.Tensor]:
    """All kinds of pairs of held-out people, and which rows go from neutral to the strongest level."""
    options = SampleOptions(level_balance=True)
    choices = draw(held_out, options, np.random.default_rng(1), np.arange(2000))
    strongest = (choices.emotion[:, 0] == NEUTRAL) & (choices.level[:, 1] == 3)
    return to_tensors(assemble(held_out, options, choices), torch.device("cpu")), torch.from_numpy(strongest)


@torch.no_grad()
def errors(trainer: Trainer, batch: Tensors, strongest: torch.Tensor) -> list[float]:
    """Relative error of the direction: reference given; reference zero; zero, neutral to level 3."""
    network = (trainer.averaged or trainer.connector).eval()
    wanted = batch.direction
    found = []
    for reference in (batch.reference, torch.zeros_like(batch.reference)):
        directions, _ = network(reference, batch.speech, batch.first)
        found.append(((directions.reshape(wanted.shape) - wanted).norm(dim=-1) / wanted.norm(dim=-1)).mean(dim=1))
    given, fresh = found
    return [float(given.mean()), float(fresh.mean()), float(fresh[strongest].mean())]


def main() -> None:
    """Train every variant and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=300)
    steps = parser.parse_args().steps
    torch.set_num_threads(1)
    print("| option | error, reference given | first window | first window, neutral → level 3 | CPU s |")
    print("|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        packed = corpus(Path(folder))
        training, held_out = (TrainingCorpus(packed, names) for names in (PEOPLE[:-HELD_OUT], PEOPLE[-HELD_OUT:]))
        batch, strongest = questions(held_out)
        for number, (name, changes) in enumerate(VARIANTS.items()):
            rest = dict(changes)
            options = SampleOptions(level_balance=rest.pop("level_balance", False))
            plan = Plan(batch=64, steps=steps, learning_rate=1e-3, checkpoint_every=0, evaluate_every=0, **rest)
            began = time.process_time()
            trainer = Trainer(Path(folder) / str(number), training, None, options, Objective(), plan, WIDTHS)
            trainer.run()
            cells = [f"{value:.3f}" for value in errors(trainer, batch, strongest)]
            print(f"| {name} | {' | '.join(cells)} | {time.process_time() - began:.0f} |", flush=True)


if __name__ == "__main__":
    main()
