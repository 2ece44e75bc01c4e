"""Damages a finished run's clips on purpose and judges them again: the material of benchmarks/simulate_gate.py.

    python bench.py run --method benchmarks/drawn_cmet.py:DrawnCMet --seed 1 --no-anchors --out DIR/seed1  # and 2, 3, …
    python bench.py run --method no_edit --no-anchors --out DIR/unedited
    python benchmarks/plant_damage.py DIR/seed1 DIR

Planted: the sound 1, 2 and 3 frames late, a Gaussian blur of 0.5, 1 and 2 px, and the clip of another sample. Pictures
are stored without loss, so that nothing but the damage moves a number.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import bench
from evaluators.calibration.corruption import Donors, Take, blurred, shifted_sound
from harness.media import VideoReader, VideoWriter, read_audio
from harness.records import FPS

FRAMES_LATE = (1, 2, 3)
BLURS_PX = (0.5, 1.0, 2.0)


def take_of(path: Path) -> Take:
    """Returns the frames and the whole sound of a clip."""
    return Take(np.concatenate(list(VideoReader(path, fps=float(FPS)))), read_audio(path).samples)


def planted(clip: Path) -> Iterator[tuple[str, Take]]:
    """Yields the name of each damage, and the damaged clip."""
    take, rng = take_of(clip), np.random.default_rng(0)
    for frames in FRAMES_LATE:
        yield f"late{frames}", shifted_sound(take, frames, Donors(), rng)
    for sigma in BLURS_PX:
        yield f"blur{sigma:g}", blurred(take, sigma, Donors(), rng)


def write(take: Take, path: Path) -> None:
    """Write a clip without loss."""
    height, width = take.frames.shape[1:3]
    with VideoWriter(path, width, height, audio=take.sound, lossless=True) as writer:
        for frame in take.frames:
            writer.write(frame)


@click.command()
@click.argument("run", type=click.Path(path_type=Path, exists=True))
@click.argument("out", type=click.Path(path_type=Path))
def main(run: Path, out: Path) -> None:
    """Write the damaged clips of RUN's only method, and judge them into OUT/<damage>."""
    folder = next((run / "clips").iterdir())
    clips = sorted(folder.glob("*.mp4"))
    for place, clip in enumerate(clips):
        for name, take in planted(clip):
            write(take, out / "damaged" / name / clip.name)
        other = clips[(place + len(clips) // 2) % len(clips)]  # half the list on: another person
        (out / "damaged" / "other").mkdir(parents=True, exist_ok=True)
        shutil.copyfile(other, out / "damaged" / "other" / clip.name)
    for damaged in sorted((out / "damaged").iterdir()):
        given = [
            "--clips",
            str(damaged),
            "--name",
            folder.name,
            "--dataset",
            "puppets",
            "--out",
            str(out / damaged.name),
        ]
        bench.main(["score", *given])


if __name__ == "__main__":
    main()
