"""CPU seconds of one full-size training step (batch 128), one thread: ours against the stock layers of PyTorch.

    python benchmarks/bench_train.py [--rounds 3] [--batch 128]

The other side runs the same step with every token through torch.nn.TransformerEncoder and AdamW's plain loop, as the
released code does. Both see the same batch, steps alternate, the smallest time of each counts.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from torch import Tensor, nn

from cmet.connector import Connector
from cmet.training import Objective, Tensors, TrainingPass, make_optimizer, train_step


class StockFusion(nn.Module):
    """The fusion with all 2T + 1 tokens through the stock transformer; the last ones are cut off afterwards."""

    def __init__(self, fusion: nn.Module) -> None:
        super().__init__()
        self.fusion = fusion

    def forward(self, reference: Tensor, speech: Tensor, expression: Tensor, keep: int) -> Tensor:
        tokens = self.fusion.tokens(reference, speech, expression)  # type: ignore[operator]
        return self.fusion.transformer_encoder(tokens)[:, -keep:]  # type: ignore[operator]


def batch_of(size: int) -> Tensors:
    """A made-up batch."""
    source = torch.Generator().manual_seed(0)
    codes = [torch.randn(size, 5, 10, generator=source) for _ in range(4)]
    speech = torch.randn(size, 1, 1024, generator=source)
    return Tensors(codes[0], speech, codes[1], codes[2], codes[3], torch.arange(size) % 8)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch", type=int, default=128)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    batch = batch_of(arguments.batch)
    sides = {}
    for name in ("stock", "ours"):
        torch.manual_seed(0)
        module = TrainingPass(Connector(dropout=0.1), Objective()).train()
        optimizer: torch.optim.Optimizer = make_optimizer(module)
        if name == "stock":
            module.connector.fusion_transformer_encoder = StockFusion(module.connector.fusion_transformer_encoder)
            optimizer = torch.optim.AdamW(module.connector.parameters(), lr=1e-4, weight_decay=1e-5, foreach=False)
        sides[name] = module, optimizer
    best = dict.fromkeys(sides, float("inf"))
    for _ in range(arguments.rounds + 1):  # the first steps allocate; the smallest time leaves them out
        for name, (module, optimizer) in sides.items():
            began = time.process_time()
            train_step(module, optimizer, batch, torch.float32)
            best[name] = min(best[name], time.process_time() - began)
    for name, seconds in best.items():
        print(f"{name:>6}: {seconds:.2f} CPU seconds a step of {arguments.batch}")
    print(f"ratio: {best['stock'] / best['ours']:.3f}x")


if __name__ == "__main__":
    main()
