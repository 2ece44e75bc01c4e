"""Training samples per CPU second, one thread: our batches against the released sampler (40 files per sample).

    python benchmarks/bench_sampler.py [--official DIR] [--seconds 5]

Both read the same made-up MEAD tree (2 people, all emotions and levels) and make the same kind of sample.
--official: a checkout of the released code (github.com/ChanHyeok-Choi/C-MET), whose dataset class is then the other
side; without it, a re-enactment that opens 20 expression and 20 speech files per sample, as the released code does.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from cmet.training.corpus import NEUTRAL, TrainingCorpus, listed_numbers, track_numbers
from cmet.training.packed import FEATURES, PackedCorpus
from cmet.training.packed_format import EMOTIONS
from cmet.training.sampler import SampleOptions, draw_batch

PEOPLE = ("M001", "W001")
WINDOW, BATCH = 5, 128


def tree(root: Path) -> Path:
    """Write the made-up corpus."""
    source = np.random.default_rng(0)
    for who in PEOPLE:
        for e, emotion in enumerate(EMOTIONS):
            for level in (1,) if e == NEUTRAL else (1, 2, 3):
                folder = root / who / "front" / emotion / f"level_{level}"
                (folder / FEATURES).mkdir(parents=True)
                for n in range(1, 41 if e == NEUTRAL else 31):
                    (folder / f"{n:03d}.mp4").touch()  # the released code lists clips by their videos
                    codes = source.standard_normal((60 + (7 * n) % 41, 10)).astype(np.float32)
                    np.save(folder / f"{n:03d}_ED_exp.npy", codes)
                    np.save(folder / FEATURES / f"{n:03d}.npy", source.standard_normal(1024).astype(np.float32))
    return root


class Released:
    """The released sampler's order of work: clips by name, every file opened when it is needed."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.clips = [
            (who, e, level, n)
            for who in PEOPLE
            for e in range(len(EMOTIONS))
            for level in ((1,) if e == NEUTRAL else (1, 2, 3))
            for n in listed_numbers(e)
        ]
        self.speech = {
            (e, level): [
                path for who in PEOPLE for path in sorted((self.folder(who, e, level) / FEATURES).glob("*.npy"))
            ]
            for e in range(len(EMOTIONS))
            for level in ((1,) if e == NEUTRAL else (1, 2, 3))
        }

    def folder(self, who: str, emotion: int, level: int) -> Path:
        return self.root / who / "front" / EMOTIONS[emotion] / f"level_{level}"

    def sample(self, index: int) -> tuple[npt.NDArray[np.float32], ...]:
        who, first, level, _ = self.clips[random.randint(0, len(self.clips) - 1)]
        second = first
        while second == first:
            second = random.choice(range(len(EMOTIONS)))
        cells = [(e, 1 if e == NEUTRAL else level) for e in (first, second)]
        means = []
        for stride, cell in zip((1, 7), cells, strict=True):
            files = self.speech[cell]
            means.append(np.mean([np.load(files[(index + stride * i) % len(files)]) for i in range(10)], axis=0))
        tracks: tuple[list[npt.NDArray[np.float32]], list[npt.NDArray[np.float32]]] = ([], [])
        for _ in range(10):
            for some, cell in zip(tracks, cells, strict=True):
                name = f"{random.choice(track_numbers(cell[0])):03d}_ED_exp.npy"
                some.append(np.load(self.folder(who, *cell) / name))
        averages = []
        for some in tracks:
            longest = max(len(track) for track in some)
            tiled = [np.tile(track, (-(-longest // len(track)), 1))[:longest] for track in some]
            averages.append(np.mean(tiled, axis=0))
        length = min(len(average) for average in averages)
        one, two = (average[:length] for average in averages)
        direction = np.repeat((two - one).mean(axis=0)[None], length, axis=0)
        start = random.randint(0, length - WINDOW)
        past = direction[max(0, start - WINDOW) : start]
        reference = np.concatenate((np.zeros((WINDOW - len(past), 10), np.float32), past))
        window = slice(start, start + WINDOW)
        return means[1] - means[0], reference, one[window], two[window], direction[window]


def official(checkout: Path, root: Path) -> Callable[[int], object]:
    """The released dataset's `__getitem__`; `root` is its dataset/MEAD/FPS25, below the working directory."""
    sys.path.insert(0, str(checkout))
    from src.dataset_emo12 import Dataset

    for split in ("train", "test"):
        (root.parent / f"{split}.txt").write_text("\n".join(PEOPLE) + "\n", encoding="utf-8")
    with contextlib.redirect_stdout(None):
        sample: Callable[[int], object] = Dataset("train", T=WINDOW).__getitem__
    return sample


def rate(work: Callable[[int], int], seconds: float) -> float:
    """Samples per CPU second of `work(step) -> number of samples`."""
    began, done, step = time.process_time(), 0, 0
    while time.process_time() - began < seconds:
        done += work(step)
        step += 1
    return done / (time.process_time() - began)


def measure(folder: Path, checkout: Path | None, seconds: float) -> None:
    """Both sides in turn, three times; their rates and the ratio of the medians."""
    root = tree(folder / "dataset" / "MEAD" / "FPS25")
    os.chdir(folder)
    sample = official(checkout, root) if checkout else Released(root).sample
    began = time.process_time()
    corpus = TrainingCorpus(PackedCorpus(PackedCorpus.build(root, folder / "corpus.pack")), PEOPLE)
    packing = time.process_time() - began
    options = SampleOptions(window=WINDOW)

    def one(step: int) -> int:
        sample(step)
        return 1

    def batch(step: int) -> int:
        draw_batch(corpus, options, 0, step, BATCH)
        return BATCH

    began = time.process_time()
    batch(0)
    start = time.process_time() - began
    rates = [(rate(one, seconds), rate(batch, seconds)) for _ in range(3)]
    slow, fast = (statistics.median(side) for side in zip(*rates, strict=True))
    who = "released code" if checkout else "released order of work"
    print(f"{who}: {slow:.0f} samples per CPU second (files in the page cache)")
    print(f"ours, batches of {BATCH}: {fast:.0f}, after {packing:.1f} s of packing and {start:.2f} s of tables")
    ratios = ", ".join(f"{b / a:.0f}x" for a, b in rates)
    print(f"ratio: {fast / slow:.0f}x (rounds: {ratios})")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--official", type=Path, default=None)
    parser.add_argument("--seconds", type=float, default=5.0, help="CPU seconds for each side and round")
    given = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder).resolve(), given.official and given.official.resolve(), given.seconds)


if __name__ == "__main__":
    main()
