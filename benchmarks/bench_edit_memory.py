"""Peak memory of an edit by the length of its sound: is it flat, and where do ten minutes end?

    python benchmarks/bench_edit_memory.py [--weights demo] [--seconds 10 60 600] [--checkpoints DIR] [--compat X]

Each length is one process: `bench.py edit` from a made-up sound and a one-second clip to a video on disk, everything
included; its largest resident size is printed, and what one more minute costs between the first and the last length.
Full-size networks take half a second a frame (ten minutes: two CPU hours): with `--weights official` use short
lengths. `--checkpoints`: stand-ins of full size (python -m cmet.seeded_checkpoints DIR). The codec's threads and the
allocator move the peak by some tens of MiB from run to run.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
LIMIT_MIB = 3 * 1024
CHECKPOINTS = ("edtalk", "audio2lip", "cmet-connector")

EDIT = """
import resource, sys
import torch
torch.set_num_threads(1)
import bench
code = bench.main(sys.argv[1:])
print("peak", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
sys.exit(code)
"""


def make_inputs(folder: Path, seconds: list[float]) -> None:
    """A picture, a clip of one second, features of two emotions, and one noisy sound a length."""
    from PIL import Image

    from harness.media import VideoWriter, write_wav

    rng = np.random.default_rng(7)
    coarse = rng.integers(0, 255, (8, 8, 3), dtype=np.uint8)
    picture = Image.fromarray(coarse).resize((256, 256), Image.Resampling.BICUBIC)
    picture.save(folder / "face.png")
    with VideoWriter(folder / "pose.mp4", 256, 256) as writer:
        for shift in range(25):
            writer.write(np.roll(np.asarray(picture), shift, axis=1))
    for length in seconds:
        write_wav(folder / f"{length:g}.wav", rng.normal(0, 0.05, round(length * 16_000)).astype(np.float32))
    for name in ("happy", "neutral"):
        (folder / name).mkdir()
        np.save(folder / name / "one.npy", rng.normal(0, 0.4, 1024).astype(np.float32))


def peak(folder: Path, length: float, options: argparse.Namespace) -> int:
    """MiB of one edit of `length` seconds; stops the program if the edit fails."""
    from harness.weights import table, variable

    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    if options.checkpoints:
        environment |= {variable(name): str(options.checkpoints / table()[name].file) for name in CHECKPOINTS}
    emotion = "happy" if options.weights == "demo" else str(folder / "happy")
    arguments = [
        "edit", "--source", str(folder / "face.png"), "--audio", str(folder / f"{length:g}.wav"), "--no-face-check",
        "--pose", str(folder / "pose.mp4"), "--emotion-speech", emotion, "--weights", options.weights,
        "-o", str(folder / f"{length:g}.mp4"), *(["--compat", options.compat] if options.compat else []),
    ]  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", EDIT, *arguments], env=environment, stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode:
        sys.exit(done.stdout)
    return int(done.stdout.split()[-1])


def main() -> None:
    """Measure every length and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", choices=["demo", "official"], default="demo")
    parser.add_argument("--checkpoints", type=lambda text: Path(text).resolve())
    parser.add_argument("--seconds", type=float, nargs="+", default=[10.0, 60.0, 600.0])
    parser.add_argument("--compat", choices=["official"])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_inputs(folder, options.seconds)
        peaks = {length: peak(folder, length, options) for length in options.seconds}
    for length, mib in peaks.items():
        print(f"{length:8g} s of sound: {mib:6d} MiB{'' if mib < LIMIT_MIB else '  ABOVE 3 GiB'}")
    (short, low), *_, (long, high) = [*peaks.items()] if len(peaks) > 1 else [*peaks.items()] * 2
    if long > short:
        print(f"one more minute: {(high - low) / (long - short) * 60:.1f} MiB")


if __name__ == "__main__":
    main()
