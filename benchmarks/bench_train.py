"""Measures training against the released C-MET code: a full-size step, the sampler; and the speech-to-code experiment.

    python benchmarks/bench_train.py step --official DIR [--device cuda]
    python benchmarks/bench_train.py samples --official DIR
    python benchmarks/bench_train.py wait --steps 20
    python benchmarks/bench_train.py speech-to-code --speech DIR --codes DIR --tested W009

DIR of --official: a checkout of the released code, whose network, losses and data set class then run in this process
and thread, in turn with ours. The effect of options is simulated by simulate_options.py.
"""

from __future__ import annotations

import contextlib
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.bench_corpora import tree
from benchmarks.timing import FOLDER, checkout, in_turn
from cmet.connector import Connector
from cmet.training.corpus import TrainingCorpus
from cmet.training.objective import Objective, Tensors, TrainingPass, make_optimizer, train_step
from cmet.training.packed import PackedCorpus
from cmet.training.sampler import SampleOptions, draw_batch

PEOPLE = ("M000", "M001")
BATCH = 128
official_option = checkout("--official", "the released C-MET code", "src/connector.py")
device_option = click.option("--device", default="cpu", show_default=True)


@click.group(help=__doc__)
def main() -> None:
    """Choose a measurement."""
    torch.set_num_threads(1)
    torch.manual_seed(0)


@main.command()
@official_option
@device_option
@click.option("--rounds", default=5, show_default=True)
@click.option("--batch", default=BATCH, show_default=True)
def step(official: Path, device: str, rounds: int, batch: int) -> None:
    """Time one full-size step, the same batch on both sides: CPU seconds, or seconds of twenty steps on a GPU."""
    draw = torch.Generator().manual_seed(0)
    reference, first, second, direction = torch.randn(4, batch, 5, 10, generator=draw)
    speech, label = torch.randn(batch, 1, 1024, generator=draw), torch.arange(batch) % 8
    tensors = Tensors(*(part.to(device) for part in (reference, speech, first, second, direction, label)))
    module = TrainingPass(Connector(), Objective()).to(device).train()
    optimizer = make_optimizer(module)
    work, network = _released_step(tensors, official)
    network.load_state_dict(module.connector.state_dict())
    gap = (_directions(module.connector, tensors) - _directions(network, tensors)).abs().max()
    print(f"directions of both sides differ by at most {float(gap):.1e}")
    sides = {
        "released": lambda: _seconds(work, device),
        "ours": lambda: _seconds(lambda: train_step(module, optimizer, tensors, torch.float32), device),
    }
    times = [values[1:] for values in in_turn(sides, rounds + 1).values()]  # the first steps allocate
    pairs = statistics.median(a / b for a, b in zip(*times, strict=True))
    slow, fast = map(min, times)
    ratio = f"{slow / fast:.2f} (median of pairs {pairs:.2f})"
    print(f"released {slow:.4f} s a step of {batch}, ours {fast:.4f}, ratio {ratio}")


def _seconds(work: Callable[[], object], device: str) -> float:
    """CPU seconds of one call; on a GPU wall seconds a call, of twenty."""
    clock, repeat = (time.process_time, 1) if device == "cpu" else (time.perf_counter, 20)
    began = clock()
    for _ in range(repeat):
        work()
    if device != "cpu":
        torch.cuda.synchronize()
    return (clock() - began) / repeat


@torch.no_grad()
def _directions(network: Any, batch: Tensors) -> torch.Tensor:
    """A network's directions without dropout; it is left in training mode."""
    found: torch.Tensor = network.eval()(batch.reference, batch.speech, batch.first)[0]
    network.train()
    return found


def _released_step(batch: Tensors, official: Path) -> tuple[Callable[[], object], Any]:
    """The released network, losses and optimiser, in the order in which the released loop uses them."""
    sys.path.insert(0, str(official))
    import loss as released
    from src.connector import Connector_exp

    device = str(batch.speech.device)
    sizes = {"mm_projector_type": "mlp2x_gelu", "mm_hidden_size": 1024}
    projector = {"path": None, "exp": {**sizes, "hidden_size": 10}, "speaker": {**sizes, "hidden_size": 1024}}
    fusion = {"T": 5, "hidden_size": 1024, "nlayer": 4, "nhead": 4, "dim_feedforward": 1024, "dropout": 0.1}
    network = Connector_exp(projector, fusion, device).to(device)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-4, weight_decay=1e-5)
    focal = {"weights": None, "activate": "sigmoid", "beta": 0.2, "gamma": 1}

    def work() -> list[float]:
        wanted = batch.direction.reshape(-1, 10)
        network.train()
        optimizer.zero_grad()
        there, (_, speech, first) = network(batch.reference, batch.speech, batch.first)
        back, (_, opposite, second) = network(-batch.reference, -batch.speech, batch.second)
        visual = second - first
        regression = released.weighted_focal_mse_loss(there, wanted, **focal)
        regression = regression + released.weighted_focal_mse_loss(back, -wanted, **focal)
        one = released.criterion_Cnt(torch.mean(-visual, dim=1), speech.squeeze(1), batch.label)
        two = released.criterion_Cnt(torch.mean(visual, dim=1), opposite.squeeze(1), batch.label)
        contrast, opposition = (one + two) / 2, released.criterion_Dir(there, back)
        (regression + 0.1 * contrast + 0.05 * opposition).backward()
        optimizer.step()
        return [term.item() for term in (regression, contrast, opposition)]

    return work, network


@main.command()
@official_option
@click.option("--seconds", default=5.0, show_default=True, help="CPU seconds of each side in each of three rounds.")
def samples(official: Path, seconds: float) -> None:
    """Count samples per CPU second: our batches against the released data set class, on the same made-up tree."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        root = tree(folder / "dataset" / "MEAD" / "FPS25", len(PEOPLE))
        os.chdir(folder)  # the released class reads dataset/MEAD below the working directory
        sys.path.insert(0, str(official))
        from src.dataset_emo12 import Dataset

        for split in ("train", "test"):
            (root.parent / f"{split}.txt").write_text("\n".join(PEOPLE) + "\n", encoding="utf-8")
        with contextlib.redirect_stdout(None):
            released = Dataset("train", T=5)
        corpus = TrainingCorpus(PackedCorpus(PackedCorpus.build(root, folder / "corpus.pack")), PEOPLE)
        options = SampleOptions(window=5)
        sides = {
            "released": lambda: _rate(lambda index: released[index], seconds),
            "ours": lambda: BATCH * _rate(lambda index: draw_batch(corpus, options, 0, index, BATCH), seconds),
        }
        slow, fast = (statistics.median(rates) for rates in in_turn(sides, 3).values())
    print(f"samples per CPU second: released {slow:.0f}, ours {fast:.0f}, ratio {fast / slow:.0f}")


def _rate(work: Callable[[int], object], seconds: float) -> float:
    """Calls per CPU second."""
    began, done = time.process_time(), 0
    while time.process_time() - began < seconds:
        work(done)
        done += 1
    return done / (time.process_time() - began)


@main.command()
@device_option
@click.option("--steps", default=20, show_default=True)
@click.option("--batch", default=BATCH, show_default=True)
def wait(device: str, steps: int, batch: int) -> None:
    """Train from a packed corpus and print how long the loop waited for its batches."""
    from cmet.training.plan import ProcessRank, TrainingPlan
    from cmet.training.trainer import Trainer

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        packed = PackedCorpus(PackedCorpus.build(tree(folder / "tree", len(PEOPLE)), folder / "corpus.pack"))
        corpus, process = TrainingCorpus(packed, PEOPLE), ProcessRank(device=torch.device(device))
        plan = TrainingPlan(batch=batch, steps=steps, checkpoint_every=0, evaluate_every=0, log_every=0)
        trainer = Trainer(folder / "run", corpus, None, SampleOptions(), Objective(), plan, {}, process)
        began = time.perf_counter()
        trainer.run()
        wall = time.perf_counter() - began
    print(f"{steps} steps in {wall:.1f} s, of which {trainer.waited_seconds:.3f} s waiting for batches")


@main.command()
@click.option("--speech", type=FOLDER, required=True)
@click.option("--codes", type=FOLDER, required=True)
@click.option("--tested", required=True, help="The speaker held out.")
@click.option("--trained", multiple=True, help="Speakers trained on. [default: all others]")
@click.option("--members", default=5, show_default=True, help="Connectors of an ensemble.")
@click.option("--ensembles", default=3, show_default=True)
@click.option("--steps", type=int, help="[default: those of `train --preset speech-to-code`]")
def speech_to_code(speech: Path, codes: Path, tested: str, trained: tuple[str, ...], **given: Any) -> None:
    """Print the macro accuracy of single connectors and of disjoint ensembles on a speaker who was held out."""
    from cmet.speech_to_code.results import recognise
    from cmet.speech_to_code.sampler import Settings
    from cmet.speech_to_code.speech_bank import read_bank
    from cmet.speech_to_code.training import train

    bank, size = read_bank(speech, codes), given["members"]
    people = trained or tuple(speaker for speaker in bank.speakers if speaker != tested)
    settings = replace(Settings(), members=size * given["ensembles"])
    members = train(bank, people, replace(settings, steps=given["steps"]) if given["steps"] else settings)
    for name, width in (("one connector", 1), (f"ensemble of {size}", size)):
        groups = [members[k : k + width] for k in range(0, len(members), width)]
        found = [recognise(group, bank, tested).macro_accuracy for group in groups]
        print(f"{name}: {np.mean(found):.3f} ± {np.std(found):.3f}, lowest {min(found):.3f}, n {len(found)}")


if __name__ == "__main__":
    main()
