"""What a GPU gives: frames edited and training steps a second, judge frames a second, and what bounds each.

    python benchmarks/bench_gpu.py [--frames 256] [--parts render,encode,edit,train,judges]

Full-size networks with stand-in weights. Times are medians of three after one that warms up, between
synchronisations. The error of a precision is against float32 with TF32 off, in grey levels of the 8-bit picture. The
share of the card is the convolutions' and products' operations (counted by PyTorch) over what a large product of the
same precision reaches in this run.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from cmet.connector import Connector
from cmet.seeded_checkpoints import seeded_network
from cmet.training.objective import Objective, Tensors, TrainingPass, make_optimizer, train_step
from harness.media import VideoReader, VideoWriter
from harness.seeded import fill
from networks.edtalk.generator import Generator
from networks.edtalk.talker import Networks, Talker, shown

GPU = "cuda"
TYPES = {"fp32": torch.float32, "tf32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@contextlib.contextmanager
def precision(name: str) -> Iterator[None]:
    """float32 products with or without TF32."""
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = name == "tf32"
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False


def seconds(work: Callable[[], Any], rounds: int = 3) -> float:
    """Median wall seconds of `work`, once warm."""
    times = []
    for _ in range(rounds + 1):
        torch.cuda.synchronize()
        began = time.perf_counter()
        work()
        torch.cuda.synchronize()
        times.append(time.perf_counter() - began)
    return median(times[1:])


def operations(work: Callable[[], Any]) -> float:
    """Floating-point operations of `work`'s convolutions and products."""
    with FlopCounterMode(display=False) as counter:
        work()
    return float(counter.get_total_flops())


def ceiling(name: str) -> float:
    """Operations a second of a large product in this precision."""
    a, b = (torch.randn(8192, 8192, device=GPU, dtype=TYPES[name]) for _ in range(2))
    with precision(name):
        return 2 * 8192**3 / seconds(lambda: a @ b)


def tracks(count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Smooth lip, pose and expression codes (count, .) of a made-up clip."""
    noise = torch.Generator().manual_seed(0)
    walks = (torch.randn(count, width, generator=noise).cumsum(0) * 0.05 for width in (20, 6, 10))
    lip, pose, exp = (walk.to(GPU) for walk in walks)
    return lip, pose, exp


def rendering(generator: Generator, count: int, ceilings: dict[str, float]) -> None:
    """Frames a second by precision and batch, with the error that a precision costs."""
    codes = tracks(count)
    noise = torch.Generator().manual_seed(1)
    picture = torch.rand(1, 3, 256, 256, generator=noise).to(GPU) * 2 - 1
    with torch.no_grad(), precision("fp32"):
        exact = torch.cat([chunk.clamp(-1, 1) for chunk in generator.frames(picture, *codes, batch=16)])
    for name, kind in TYPES.items():
        network = seeded_network("edtalk").to(GPU).to(kind).requires_grad_(False)
        with torch.no_grad(), precision(name):
            source = network.source(picture.to(kind))  # type: ignore[operator]
            for batch in (1, 8, 32, 64, 128):

                def work(network: Any = network, source: Any = source, batch: int = batch) -> Tensor:
                    return torch.cat(list(network.frames(source, *codes, batch=batch)))

                torch.cuda.reset_peak_memory_stats()
                spent = seconds(work)
                peak = torch.cuda.max_memory_allocated() / 2**30
                share = operations(work) / spent / ceilings[name]
                error = 127.5 * (work().float().clamp(-1, 1) - exact).abs()
                print(
                    f"render {name} batch {batch:3d}: {count / spent:7.0f} frames/s, {100 * share:4.1f} % of the card, "
                    f"{peak:.1f} GiB; error mean {float(error.mean()):.4f} max {float(error.max()):.2f} levels",
                    flush=True,
                )


def encoding(generator: Generator, count: int) -> None:
    """Frames a second encoded for their codes."""
    noise = torch.Generator().manual_seed(2)
    frames = torch.rand(count, 3, 256, 256, generator=noise).to(GPU) * 2 - 1
    exact = generator.codes([frames])
    for name in ("fp32", "tf32"):
        for batch in (1, 32):
            with precision(name):
                spent = seconds(lambda batch=batch: generator.codes([frames], batch=batch))  # type: ignore[misc]
                found = generator.codes([frames], batch=batch)
            error = max(float((getattr(found, n) - getattr(exact, n)).abs().max()) for n in ("exp", "pose", "lip"))
            print(f"encode {name} batch {batch:2d}: {count / spent:7.0f} frames/s, largest code error {error:.1e}")


def editing(generator: Generator, count: int, folder: Path) -> None:
    """A clip's way from file to file: decoding and encoding a pose clip, lips from sound, rendering, writing H.264."""
    sound = (np.random.default_rng(0).normal(0, 0.05, 640 * count)).astype(np.float32)
    clip, out = folder / "pose.mp4", folder / "edited.mp4"
    with VideoWriter(clip, 256, 256, audio=sound) as writer:
        for index in range(count):
            writer.write(np.full((256, 256, 3), index % 200, np.uint8))
    talker = Talker(Networks(generator, seeded_network("audio2lip").to(GPU)), GPU)  # type: ignore[arg-type]
    picture = np.random.default_rng(1).integers(0, 255, (256, 256, 3), dtype=np.uint8)

    def edit() -> None:
        codes, lips = talker.clip_codes(clip), talker.lips(clip)
        with VideoWriter(out, 256, 256, audio=sound) as writer:
            for frame in shown(talker.render(picture, lips, codes.pose, codes.exp, count)):
                writer.write(frame)

    def write_only() -> None:
        with VideoWriter(out, 256, 256, audio=sound) as writer:
            for frame in np.concatenate(list(VideoReader(clip))):
                writer.write(frame)

    whole, media = seconds(edit), seconds(write_only)
    print(f"edit fp32 file to file: {count / whole:.0f} frames/s; reading and writing H.264 alone {count / media:.0f}")


def training(ceilings: dict[str, float]) -> None:
    """Steps a second at batch 128, full size."""
    noise = torch.Generator().manual_seed(0)
    reference, first, second, direction = torch.randn(4, 128, 5, 10, generator=noise).to(GPU)
    speech = torch.randn(128, 1, 1024, generator=noise).to(GPU)
    batch = Tensors(reference, speech, first, second, direction, (torch.arange(128) % 8).to(GPU))
    for name in ("fp32", "tf32", "bf16"):
        torch.manual_seed(0)
        module = TrainingPass(Connector(), Objective()).train().to(GPU)
        optimizer, kind = make_optimizer(module), torch.bfloat16 if name == "bf16" else torch.float32

        def work(module: Any = module, optimizer: Any = optimizer, kind: torch.dtype = kind) -> Any:
            return train_step(module, optimizer, batch, kind)

        with precision(name):
            spent, count = seconds(lambda work=work: [work() for _ in range(20)]) / 20, operations(work)  # type: ignore[misc]
        share = 100 * count / spent / ceilings[name]
        print(f"train {name}: {1 / spent:.1f} steps/s of 128, {share:.1f} % of the card", flush=True)


def judging(count: int) -> None:
    """Frames a second of the judges' networks, pictures on the host at first."""
    from facenet_pytorch import InceptionResnetV1

    from evaluators.emotion.emotion_fan import EmotionFAN
    from evaluators.faces import s3fd
    from evaluators.fid.fid import Inception
    from evaluators.sync.syncnet import SyncNet
    from evaluators.sync.syncnet_stream import LipRunner

    rng = np.random.default_rng(0)
    networks = {"sync": SyncNet(), "s3fd": s3fd.S3FD(), "fid": Inception(), "fan": EmotionFAN()}
    networks["facenet"] = InceptionResnetV1(pretrained=None)
    for network in networks.values():
        fill(network)
        network.eval().requires_grad_(False).to(GPU)
    lips, mouths = LipRunner(networks["sync"], GPU), rng.integers(0, 255, (count, 224, 224, 3), dtype=np.uint8)  # type: ignore[arg-type]
    print(f"judge lip network: {count / seconds(lambda: lips.rows(mouths)):.0f} frames/s")
    frames = rng.integers(0, 255, (count, 256, 256, 3), dtype=np.uint8)
    print(f"judge S3FD: {count / seconds(lambda: s3fd.detect(networks['s3fd'], frames)):.0f} frames/s")  # type: ignore[arg-type]
    for name, side in (("fid", 299), ("fan", 224), ("facenet", 160)):
        pictures = torch.rand(count, 3, side, side)
        network = networks[name]

        def work(network: Any = network, pictures: Tensor = pictures, name: str = name) -> None:
            with torch.inference_mode():
                for part in pictures.split(64):
                    (network.features if name == "fan" else network)(part.to(GPU))

        print(f"judge {name}: {count / seconds(work):.0f} frames/s", flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=256)
    parser.add_argument("--parts", default="render,encode,edit,train,judges")
    arguments = parser.parse_args()
    if not torch.cuda.is_available():
        raise SystemExit("There is no CUDA device here.")
    parts = arguments.parts.split(",")
    ceilings = {name: ceiling(name) for name in TYPES}
    print(torch.cuda.get_device_name(0), *(f"{name} {rate / 1e12:.0f} TFLOP/s" for name, rate in ceilings.items()))
    generator: Any = seeded_network("edtalk").to(GPU).requires_grad_(False)
    if "render" in parts:
        rendering(generator, arguments.frames, ceilings)
    if "encode" in parts:
        encoding(generator, arguments.frames)
    if "edit" in parts:
        with tempfile.TemporaryDirectory() as folder:
            editing(generator, 4 * arguments.frames, Path(folder))
    if "train" in parts:
        training(ceilings)
    if "judges" in parts:
        judging(arguments.frames)


if __name__ == "__main__":
    main()
