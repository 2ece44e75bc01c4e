"""FID: the Fréchet term and the Inception features beside pytorch-fid's, in CPU seconds of one thread, in one run.

    python benchmarks/bench_fid.py [--samples 200] [--frames 32] [--rounds 2]

The reference is the installed pytorch-fid wheel: its Inception with the same seeded weights, and its Fréchet distance
on the same features (written out with scipy's `sqrtm` where the wheel's own call no longer runs). Rounds are
interleaved, the best of each side counts; values are compared.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import torch

from evaluators.fid.fid import Inception, frechet
from evaluators.fid.inputs import TF_FID
from evaluators.fid.interval import half_sample_interval
from evaluators.full_reference.pixels import ssim
from harness.seeded import fill, seeded_array


def cpu_seconds(work: Callable[[], Any]) -> tuple[float, Any]:
    """CPU seconds of one call, and its result."""
    began = time.process_time()
    result = work()
    return time.process_time() - began, result


def versus(name: str, rounds: int, ours: Callable[[], Any], theirs: Callable[[], Any]) -> tuple[Any, Any]:
    """Print the best of interleaved rounds of both sides; return their results."""
    best = [float("inf"), float("inf")]
    results: list[Any] = [None, None]
    for _ in range(rounds):
        for side, work in enumerate((ours, theirs)):
            seconds, results[side] = cpu_seconds(work)
            best[side] = min(best[side], seconds)
    print(f"{name}: ours {best[0]:.4f} s, reference {best[1]:.4f} s, ratio {best[1] / best[0]:.1f}")
    return results[0], results[1]


def reference_frechet(first: np.ndarray, second: np.ndarray) -> float:
    """pytorch-fid's distance on features; the same formula by hand where scipy no longer takes its arguments."""
    from pytorch_fid.fid_score import calculate_frechet_distance
    from scipy import linalg

    moments = [(x.mean(axis=0), np.cov(x, rowvar=False)) for x in (first, second)]
    try:
        return float(calculate_frechet_distance(*moments[0], *moments[1]))
    except TypeError:
        (mean1, s1), (mean2, s2) = moments
        root = np.real(linalg.sqrtm(s1 @ s2))
        return float(np.square(mean1 - mean2).sum() + np.trace(s1 + s2 - 2 * root))


def features(samples: int, which: str) -> np.ndarray:
    """Stand-in features (samples, 2048) with a falling spectrum, as real ones have."""
    noise = seeded_array(f"bench/{which}.weight", (samples, 2048)).astype(np.float64) * np.sqrt(2048)
    return noise * np.arange(1, 2049) ** -0.5 + (0.01 if which == "b" else 0.0)


def frechet_term(samples: int) -> None:
    """The distance alone; the reference runs once, it takes half a minute."""
    first, second = features(samples, "a"), features(samples, "b")
    repeat = 10
    seconds, value = cpu_seconds(lambda: max(frechet(first, second) for _ in range(repeat)))
    theirs, reference = cpu_seconds(lambda: reference_frechet(first, second))
    ours = seconds / repeat
    print(
        f"Frechet term, n = {samples}, d = 2048: ours {ours:.4f} s, reference {theirs:.2f} s, ratio {theirs / ours:.0f}"
    )
    print(f"  values {value:.9f} and {reference:.9f}, relative difference {abs(value / reference - 1):.1e}")
    clips = [first[k : k + 5].astype(np.float32) for k in range(0, samples, 5)]
    truth = [second[k : k + 5].astype(np.float32) for k in range(0, samples, 5)]
    names = [str(k) for k in range(len(clips))]
    seconds, _ = cpu_seconds(lambda: half_sample_interval(clips, truth, names, 200, np.random.default_rng(0)))
    print(f"  interval from 200 half-samples: {seconds:.2f} s")


def inception_features(frames: int, rounds: int) -> None:
    """Features of `frames` pictures of 256 px, batches of 16."""
    import pytorch_fid.inception as wheel

    network = Inception().eval()
    fill(network)
    wheel.load_state_dict_from_url = lambda *_, **__: network.state_dict()
    theirs = wheel.InceptionV3([3], resize_input=True).eval()
    folded = network.folded()
    pictures = np.random.default_rng(0).integers(0, 256, (frames, 256, 256, 3), dtype=np.uint8)

    def reference() -> np.ndarray:
        x = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255
        return np.concatenate([theirs(part)[0][:, :, 0, 0].numpy() for part in x.split(16)])

    def ours() -> np.ndarray:
        parts = [pictures[k : k + 16] for k in range(0, frames, 16)]
        return np.concatenate([folded(TF_FID(part)).numpy() for part in parts])

    with torch.inference_mode():
        mine, wanted = versus(f"Inception features of {frames} frames", rounds, ours, reference)
    print(f"  largest difference {np.abs(mine - wanted).max():.1e} of {np.abs(wanted).max():.2f}")


def structural_similarity(rounds: int) -> None:
    """SSIM of one 256 px RGB pair beside scikit-image, where that is installed."""
    try:
        from skimage.metrics import structural_similarity as reference
    except ImportError:
        return
    a, b = np.random.default_rng(0).integers(0, 256, (2, 256, 256, 3), dtype=np.uint8)
    versus("SSIM (uniform 7x7)", rounds, lambda: ssim(a, b, "u7", "sample"), lambda: reference(a, b, channel_axis=2))


def main() -> None:
    """Run all parts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=200)
    parser.add_argument("--frames", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=2)
    given = parser.parse_args()
    torch.set_num_threads(1)
    inception_features(given.frames, given.rounds)
    structural_similarity(5)
    frechet_term(given.samples)


if __name__ == "__main__":
    main()
