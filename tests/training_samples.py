"""What the tests of training share: a packed corpus of two people, runs on it, runs that die, their losses."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cmet.training.corpus import TrainingCorpus
from cmet.training.objective import Objective
from cmet.training.packed import FEATURES, PackedCorpus
from cmet.training.packing import EMOTIONS
from cmet.training.plan import ProcessRank, TrainingPlan
from cmet.training.record import LOSSES
from cmet.training.sampler import SampleOptions
from cmet.training.trainer import Trainer

WIDTHS: dict[str, int | float] = {"hidden": 64, "layers": 1, "feedforward": 32, "dropout": 0.1}


forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs forked children")


def packed_corpus(root: Path) -> Path:
    """Two people, two clips of every emotion, packed."""
    random = np.random.default_rng(0)
    for who in ("W001", "W009"):
        for emotion in EMOTIONS:
            folder = root / "tree" / who / "front" / emotion / "level_1"
            (folder / FEATURES).mkdir(parents=True)
            for number in (1, 2):
                codes = random.standard_normal((12, 10)).astype(np.float32)
                np.save(folder / f"{number:03d}_ED_exp.npy", codes)
                np.save(folder / FEATURES / f"{number:03d}.npy", random.standard_normal(1024).astype(np.float32))
    return PackedCorpus.build(root / "tree", root / "features.safetensors")


def trainer(
    folder: Path,
    packed: Path,
    resume: bool = False,
    balance: Any = "bmse",
    process: ProcessRank | None = None,
    dropout: float = 0.1,
    **plan: Any,
) -> Trainer:
    corpus = PackedCorpus(packed)
    settings = {"batch": 8, "steps": 9, "log_every": 1, "checkpoint_every": 2, "evaluate_every": 3, "ema": 0.9}
    return Trainer(
        folder,
        TrainingCorpus(corpus, ["W001"]),
        TrainingCorpus(corpus, ["W009"]),
        SampleOptions(),
        Objective(balance),
        TrainingPlan(**{**settings, "reference_dropout": 0.3, "scheduled_sampling": 0.3, **plan}),
        {**WIDTHS, "dropout": dropout},
        process,
        resume,
    )


def losses(folder: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / LOSSES).read_text().splitlines()]


def run_and_die(folder: Path, packed: Path, step: int, **changes: Any) -> None:
    """A child that kills itself in the middle of `step`, as kill -9 would."""
    child = os.fork()
    if child == 0:
        run = trainer(folder, packed, **changes)
        run.scalars = lambda _, value, now: os.kill(os.getpid(), signal.SIGKILL) if now == step else None
        run.run()
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
