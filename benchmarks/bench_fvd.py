"""FVD's judge against the bare cost of its network: the same windows, with I3D's layer sizes and random weights.

    python benchmarks/bench_fvd.py [--clips 20] [--seconds 5] [--px 256]

Prints CPU seconds of one thread for the judge's pass over clips and references (decoding, windows, features), for the
network inside that pass, and for the network alone on the same windows. Passes and lone networks take turns in this
process, a clip each, either first; each ratio is the median over the clips, so that what else the machine does counts
little.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from evaluators.fvd.fvd import Fvd
from evaluators.fvd.networks import ScriptedI3d
from evaluators.judge import rows_of
from harness.digest import digest
from harness.evaluator import Chunk, ClipContext
from harness.media import VideoReader
from harness.records import Emotion, Sample
from tests.media_samples import film, write_film

#: Channels of Inception-v1's nine blocks: 1x1; 1x1 and 3x3; 1x1 and 3x3; after the pool (Szegedy et al. 2015).
BLOCKS = (
    (64, 96, 128, 16, 32, 32),
    (128, 128, 192, 32, 96, 64),
    (192, 96, 208, 16, 48, 64),
    (160, 112, 224, 24, 64, 64),
    (128, 128, 256, 24, 64, 64),
    (112, 144, 288, 32, 64, 64),
    (256, 160, 320, 32, 128, 128),
    (256, 160, 320, 32, 128, 128),
    (384, 192, 384, 48, 128, 128),
)


def conv(inputs: int, outputs: int, size: int = 1, stride: int = 1) -> nn.Module:
    """Returns a convolution over time and picture, its normalisation and ReLU."""
    layer = nn.Conv3d(inputs, outputs, size, stride, size // 2, bias=False)
    return nn.Sequential(layer, nn.BatchNorm3d(outputs), nn.ReLU())


class Block(nn.Module):
    """Is one inception block over time and picture."""

    def __init__(self, inputs: int, sizes: tuple[int, ...]) -> None:
        super().__init__()
        a, b1, b2, c1, c2, d = sizes
        self.a, self.b = conv(inputs, a), nn.Sequential(conv(inputs, b1), conv(b1, b2, 3))
        self.c = nn.Sequential(conv(inputs, c1), conv(c1, c2, 3))
        self.d = nn.Sequential(nn.MaxPool3d(3, 1, 1), conv(inputs, d))

    def forward(self, x: Tensor) -> Tensor:
        """Returns the four branches side by side."""
        return torch.cat((self.a(x), self.b(x), self.c(x), self.d(x)), 1)


class LikeI3d(nn.Module):
    """Has I3D's layers (Carreira and Zisserman 2017) and StyleGAN-V's call, with random weights."""

    def __init__(self) -> None:
        super().__init__()
        near, pools = nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1)), {2: nn.MaxPool3d(3, 2, 1), 7: nn.MaxPool3d(2, 2)}
        layers: list[nn.Module] = [conv(3, 64, 7, 2), near, conv(64, 64), conv(64, 192, 3), near]
        width = 192
        for k, sizes in enumerate(BLOCKS):
            layers += [*([pools[k]] if k in pools else []), Block(width, sizes)]
            width = sizes[0] + sizes[2] + sizes[4] + sizes[5]
        self.layers = nn.Sequential(*layers)
        self.logits = nn.Linear(width, 400)

    def forward(self, x: Tensor, rescale: bool = False, resize: bool = False, return_features: bool = False) -> Tensor:
        """Returns 400 numbers of video (n, 3, frames, height, width) in [0, 255]."""
        small = torch.nn.functional.interpolate(x, size=(x.shape[2], 224, 224), mode="trilinear", align_corners=False)
        return self.logits(self.layers(small / 127.5 - 1).mean((2, 3, 4)))


def judged(judge: Fvd, clip: Path, truth: Path, frames: int) -> Any:
    """Returns the rows of one clip."""
    sample = Sample("s", "test", "who", Emotion("happy"), clip, clip, frames, reference_video=truth)
    chunks, first = [], 0
    for part in VideoReader(clip):
        chunks.append(Chunk(first, part))
        first += len(part)
    return rows_of(judge, ClipContext(sample, clip, None), chunks)


class Timed:
    """Is a video network that adds up the CPU seconds it takes and keeps the windows of the last clip."""

    def __init__(self, net: ScriptedI3d) -> None:
        self._net, self.seconds = net, 0.0
        self.width, self.seen = net.width, list[Any]()
        self.load, self.fields, self.long, self.missing = net.load, net.fields, net.long, net.missing

    def features(self, window: Any) -> Any:
        """Returns the network's numbers for one window."""
        self.seen.append(window)
        start = time.process_time()
        row = self._net.features(window)
        self.seconds += time.process_time() - start
        return row

    def again(self) -> float:
        """Returns the CPU seconds that the network alone takes on the windows it saw."""
        start = time.process_time()
        for window in self.seen:
            self._net.features(window)
        return time.process_time() - start


def passed(judge: Fvd, network: Timed, pair: tuple[Path, Path], frames: int) -> tuple[float, float]:
    """Returns the CPU seconds of the judge's pass over a clip and its reference, and those of its network within."""
    network.seen, network.seconds = [], 0.0
    start = time.process_time()
    judged(judge, *pair, frames)
    return time.process_time() - start, network.seconds


@click.command(help=__doc__)
@click.option("--clips", default=20, show_default=True)
@click.option("--seconds", default=5.0, show_default=True)
@click.option("--px", default=256, show_default=True)
def main(clips: int, seconds: float, px: int) -> None:
    """Measure both, clip by clip in turn."""
    torch.set_num_threads(1)
    frames = round(25 * seconds)
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "like_i3d.pt"
        torch.jit.script(LikeI3d().eval()).save(str(program))
        judge = Fvd({"weights": str(program)}, "cpu")
        network = Timed(ScriptedI3d({"weights": str(program)}, "cpu", digest(program)))
        judge.net = network
        judge.load()
        for _ in range(3):  # torch optimises a program in its first calls
            network.features(film(16, (px, px)))
        judged(judge, *(write_film(Path(folder) / f"{n}.mp4", film(16, (px, px))) for n in "ct"), 16)  # imports
        spent = []
        for k in range(clips):
            rng = np.random.default_rng(k)
            noise = rng.integers(0, 20, (frames, px, px, 3), dtype=np.uint8)
            clip, truth = (write_film(Path(folder) / f"{n}{k}.mp4", film(frames, (px, px)) + noise) for n in "ct")
            pair = (clip, truth)
            if k % 2 and network.seen:
                alone, (whole, inside) = network.again(), passed(judge, network, pair, frames)
            else:
                (whole, inside), alone = passed(judge, network, pair, frames), network.again()
            spent.append((whole, inside, alone))
            print(f"{k}: {whole:.2f} {inside:.2f} {alone:.2f}", flush=True)
    whole, inside, alone = np.median(np.array(spent), axis=0)
    ratios = np.median([(one[0] / one[1], one[0] / one[2]) for one in spent], axis=0)
    print(
        f"{clips} clips of {frames} frames, {len(judge.rule.of(frames))} windows a side; CPU seconds a clip, medians:"
    )
    print(f"judge {whole:.2f}, its network {inside:.2f}, the network alone {alone:.2f}")
    print(f"judge / its network {ratios[0]:.3f}, judge / the network alone {ratios[1]:.3f}")


if __name__ == "__main__":
    main()
