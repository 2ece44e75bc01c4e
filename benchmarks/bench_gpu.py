"""Measures a GPU: frames a second of the full-size generator by precision and batch, and clips a minute judged.

    python benchmarks/bench_gpu.py generator [--frames 256]
    python benchmarks/bench_gpu.py judges --clips DIR [--number 16] [--device cuda]

Stand-in weights. Seconds are medians of three after one that warms up, between synchronisations. The error of a
precision is against float32 with TF32 off, in grey levels of the 8-bit picture. The share of the card is the
operations of convolutions and products (counted by PyTorch) over what a large product of that precision reaches here.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import click
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import material
from benchmarks.timing import FOLDER
from cmet.seeded_checkpoints import seeded_network

GPU = "cuda"
TYPES = {"fp32": torch.float32, "tf32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@click.group(help=__doc__)
def main() -> None:
    """Choose a measurement."""


@main.command()
@click.option("--frames", default=256, show_default=True)
def generator(frames: int) -> None:
    """Print frames a second rendered and encoded, memory, and the error of each precision."""
    if not torch.cuda.is_available():
        raise click.UsageError("There is no CUDA device here: run it where there is one.")
    ceilings = {name: _ceiling(name) for name in TYPES}
    print(torch.cuda.get_device_name(0), *(f"{name} {rate / 1e12:.0f} TFLOP/s" for name, rate in ceilings.items()))
    network: Any = seeded_network("edtalk").to(GPU).requires_grad_(False)
    noise = torch.Generator().manual_seed(1)
    picture = torch.rand(1, 3, 256, 256, generator=noise).to(GPU) * 2 - 1
    codes = [(torch.randn(frames, width, generator=noise).cumsum(0) * 0.05).to(GPU) for width in (20, 6, 10)]
    with torch.no_grad(), _precision("fp32"):
        exact = torch.cat([chunk.clamp(-1, 1) for chunk in network.frames(picture, *codes, batch=16)])
    for name in TYPES:
        _rendering(name, picture, codes, exact, ceilings[name])
    _encoding(network, torch.rand(frames, 3, 256, 256, generator=noise).to(GPU) * 2 - 1)


def _rendering(name: str, picture: Tensor, codes: list[Tensor], exact: Tensor, ceiling: float) -> None:
    """One line a batch size."""
    network: Any = seeded_network("edtalk").to(GPU).to(TYPES[name]).requires_grad_(False)
    with torch.no_grad(), _precision(name):
        source = network.source(picture.to(TYPES[name]))
        for batch in (1, 8, 32, 128):

            def work(batch: int = batch) -> Tensor:
                return torch.cat(list(network.frames(source, *codes, batch=batch)))

            torch.cuda.reset_peak_memory_stats()
            spent, peak = _seconds(work), torch.cuda.max_memory_allocated() / 2**30
            with FlopCounterMode(display=False) as counter:
                error = 127.5 * (work().float().clamp(-1, 1) - exact).abs()
            share = 100 * counter.get_total_flops() / spent / ceiling
            print(
                f"render {name} batch {batch:3d}: {len(exact) / spent:5.0f} frames/s, {share:4.1f} % of the card, ",
                end="",
            )
            print(f"{peak:.1f} GiB; error mean {float(error.mean()):.4f}, max {float(error.max()):.2f}", flush=True)


def _encoding(network: Any, frames: Tensor) -> None:
    exact = network.codes([frames])
    for name in ("fp32", "tf32"):
        for batch in (1, 32):
            with _precision(name):
                spent = _seconds(lambda batch=batch: network.codes([frames], batch=batch))  # type: ignore[misc]
                found = network.codes([frames], batch=batch)
            error = max(float((getattr(found, n) - getattr(exact, n)).abs().max()) for n in ("exp", "pose", "lip"))
            print(f"encode {name} batch {batch:2d}: {len(frames) / spent:.0f} frames/s, largest code error {error:.1e}")


@contextlib.contextmanager
def _precision(name: str) -> Iterator[None]:
    """float32 products with or without TF32."""
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = name == "tf32"
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False


def _seconds(work: Callable[[], Any]) -> float:
    """Median wall seconds of three calls, once warm."""
    times = []
    for _ in range(4):
        torch.cuda.synchronize()
        began = time.perf_counter()
        work()
        torch.cuda.synchronize()
        times.append(time.perf_counter() - began)
    return median(times[1:])


def _ceiling(name: str) -> float:
    """Operations a second of a large product in this precision."""
    a, b = (torch.randn(8192, 8192, device=GPU, dtype=TYPES[name]) for _ in range(2))
    with _precision(name):
        return 2 * 8192**3 / _seconds(lambda: a @ b)


@main.command()
@click.option("--clips", type=FOLDER, required=True, help="Real clips with sound.")
@click.option("--number", default=16, show_default=True, help="Pieces that they are cut to.")
@click.option("--seconds", default=5.0, show_default=True, help="Length of a piece.")
@click.option("--device", default=GPU, show_default=True)
def judges(clips: Path, number: int, seconds: float, device: str) -> None:
    """Print clips a minute that one process judges by the four card metrics, after one clip to warm up."""
    from datasets.folder import Folder
    from evaluators.judge import Judge
    from harness.records import Clip

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["CMET_BENCH_CACHE"] = str(folder / "cache")
        material.clips(clips, folder, round(25 * seconds), number)
        judge = Judge(str(material.protocol(folder / "card.toml", material.weights(folder / "weights"))), device)
        dataset: Any = Folder(folder / "made", references=folder / "truth")
        began = 0.0
        for sample in [*dataset.samples()[:1], *dataset.samples()]:
            dataset.materialise(sample)
            rows = judge.rows(sample, Clip(dataset.clip(sample), sample.frames, 256, 256, "none"))
            began = began or time.perf_counter()
            if bad := [row for row in rows if type(row).__name__ != "Scored"]:
                sys.exit(f"no number for {bad}")
        print(f"{60 * number / (time.perf_counter() - began):.1f} clips of {seconds:g} s a minute on {device}")


if __name__ == "__main__":
    main()
