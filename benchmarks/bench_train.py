"""One full-size training step (batch 128): ours against the released code, the same batch, steps in turn, one process.

    python benchmarks/bench_train.py [--official DIR] [--rounds 5] [--batch 128] [--device cpu] [--precision fp32]
    python benchmarks/bench_train.py --wait 20

--official: a checkout of the released code (github.com/ChanHyeok-Choi/C-MET), whose network, losses and order of work
are then the other side; without it, every token goes through torch.nn.TransformerEncoder and AdamW's plain loop, as in
the released code. On a CPU: CPU seconds of one thread, the smallest and the median of the rounds. On a GPU: steps a
second. --wait N trains N steps from a packed corpus and tells how long the loop waited for its batches.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench_sampler import PEOPLE, tree
from torch import Tensor, nn

from cmet.connector import Connector
from cmet.training.corpus import TrainingCorpus
from cmet.training.objective import Objective, Tensors, TrainingPass, make_optimizer, train_step
from cmet.training.packed import PackedCorpus
from cmet.training.plan import Plan, Seat
from cmet.training.sampler import SampleOptions
from cmet.training.trainer import Trainer

Step = Callable[[], object]


class StockFusion(nn.Module):
    """The fusion with all 2T + 1 tokens through the stock transformer; the last ones are cut off afterwards."""

    def __init__(self, fusion: nn.Module) -> None:
        super().__init__()
        self.fusion = fusion

    def forward(self, reference: Tensor, speech: Tensor, expression: Tensor, keep: int) -> Tensor:
        tokens = self.fusion.tokens(reference, speech, expression)  # type: ignore[operator]
        return self.fusion.transformer_encoder(tokens)[:, -keep:]  # type: ignore[operator]


def batch_of(size: int, device: torch.device) -> Tensors:
    """A made-up batch."""
    source = torch.Generator().manual_seed(0)
    codes = [torch.randn(size, 5, 10, generator=source) for _ in range(4)]
    speech = torch.randn(size, 1, 1024, generator=source)
    parts = (codes[0], speech, codes[1], codes[2], codes[3], torch.arange(size) % 8)
    return Tensors(*(part.to(device) for part in parts))


def our_step(batch: Tensors, dtype: torch.dtype) -> tuple[Step, Connector]:
    """Our training step and its network."""
    module = TrainingPass(Connector(), Objective()).to(batch.speech.device).train()
    optimizer = make_optimizer(module)
    return (lambda: train_step(module, optimizer, batch, dtype)), module.connector


def stock_step(batch: Tensors) -> tuple[Step, nn.Module]:
    """The released order of work with PyTorch's own layers."""
    module = TrainingPass(Connector(), Objective()).to(batch.speech.device).train()
    stock = StockFusion(module.connector.fusion_transformer_encoder)
    module.connector.fusion_transformer_encoder = stock  # type: ignore[assignment]
    optimizer = torch.optim.AdamW(module.connector.parameters(), lr=1e-4, weight_decay=1e-5, foreach=False)
    return (lambda: train_step(module, optimizer, batch, torch.float32).tolist()), module.connector


def official_step(batch: Tensors, checkout: Path) -> tuple[Step, nn.Module]:
    """The released network, losses and optimiser, in the order in which the released loop uses them."""
    sys.path.insert(0, str(checkout))
    import loss as released
    from src.connector import Connector_exp

    device = str(batch.speech.device)
    sizes = {"mm_projector_type": "mlp2x_gelu", "mm_hidden_size": 1024}
    projector = {"path": None, "exp": {**sizes, "hidden_size": 10}, "speaker": {**sizes, "hidden_size": 1024}}
    fusion = {"T": 5, "hidden_size": 1024, "nlayer": 4, "nhead": 4, "dim_feedforward": 1024, "dropout": 0.1}
    network = Connector_exp(projector, fusion, device).to(device)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-4, weight_decay=1e-5)
    focal = {"weights": None, "activate": "sigmoid", "beta": 0.2, "gamma": 1}

    def step() -> list[float]:
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

    return step, network


def difference(batch: Tensors, ours: nn.Module, theirs: nn.Module) -> float:
    """Largest difference of the directions of both sides, the same weights given, without dropout."""
    found = []
    for network in (ours, theirs):
        network.eval()
        with torch.no_grad():
            found.append(network(batch.reference, batch.speech, batch.first)[0])
        network.train()
    return float((found[0] - found[1]).abs().max())


def compare(batch: Tensors, official: Path | None, dtype: torch.dtype, rounds: int) -> None:
    """Measure both sides in turn and print the ratio."""
    device = batch.speech.device
    mine, ours = our_step(batch, dtype)
    their_step, theirs = official_step(batch, official) if official else stock_step(batch)
    if official:
        theirs.load_state_dict(ours.state_dict())
        print(f"directions of both sides differ by at most {difference(batch, ours, theirs):.1e}")
    sides = {"released" if official else "stock": their_step, "ours": mine}
    times: dict[str, list[float]] = {name: [] for name in sides}
    repeat = 1 if device.type == "cpu" else 20
    clock = time.process_time if device.type == "cpu" else time.perf_counter
    for _ in range(rounds + 1):
        for name, step in sides.items():
            began = clock()
            for _ in range(repeat):
                step()
            if device.type == "cuda":
                torch.cuda.synchronize()
            times[name].append((clock() - began) / repeat)
    rest = {name: values[1:] for name, values in times.items()}  # the first steps allocate
    for name, values in rest.items():
        kind = "CPU seconds a step" if device.type == "cpu" else "seconds a step"
        print(f"{name:>8}: {min(values):.4f} {kind} of {len(batch.label)} (median {statistics.median(values):.4f})")
    slow, fast = rest.values()
    pairs = [a / b for a, b in zip(slow, fast, strict=True)]
    print(f"ratio: {min(slow) / min(fast):.3f}x (median of pairs {statistics.median(pairs):.3f}x)")


def wait(steps: int, batch: int, device: torch.device, precision: str) -> None:
    """Train from a packed corpus and print how long the loop waited."""
    with tempfile.TemporaryDirectory() as folder:
        packed = PackedCorpus(PackedCorpus.build(tree(Path(folder) / "tree"), Path(folder) / "corpus.pack"))
        corpus = TrainingCorpus(packed, PEOPLE)
        plan = Plan(batch=batch, steps=steps, precision=precision, checkpoint_every=0, evaluate_every=0, log_every=0)
        out = Path(folder) / "run"
        trainer = Trainer(out, corpus, None, SampleOptions(), Objective(), plan, {}, Seat(device=device))
        began = time.perf_counter()
        trainer.run()
        wall = time.perf_counter() - began
    print(f"{steps} steps in {wall:.1f} s, of which {trainer.waited_seconds:.3f} s waiting for batches")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--official", type=Path, default=None)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="fp32")
    parser.add_argument("--wait", type=int, default=0, metavar="STEPS")
    given = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    device = torch.device(given.device)
    if given.wait:
        wait(given.wait, given.batch, device, given.precision)
        return
    dtype = torch.bfloat16 if given.precision == "bf16" else torch.float32
    compare(batch_of(given.batch, device), given.official, dtype, given.rounds)


if __name__ == "__main__":
    main()
