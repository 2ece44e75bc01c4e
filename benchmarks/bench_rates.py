"""This script measures what frame rates cost: lip-sync scores of re-encoded real clips, and decoding by several rules.

    python benchmarks/bench_rates.py lse CLIP... [--frames 100] [--ffmpeg PROGRAM]
    python benchmarks/bench_rates.py decoding CLIP [--rate 30]

`lse`: clips of 25 fps are brought to six other rates (each frame shows the picture on the screen in the middle of its
time), encoded at crf 18, and brought back to 25 by `near`, the rule of most judges, and by those of `-r 25` of ffmpeg
into mp4 (`ff`) and AVI (`ff-avi`, MPEG-4 and JPEG included). The demo sync judge scores each; it learned from puppets.
`--ffmpeg` compares the frames of `near` with those of a program's own filter `fps=25`.
`decoding`: the frames of all three rules from one decoding, against one for each.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import partial
from pathlib import Path

import click

os.environ.setdefault("OMP_NUM_THREADS", "1")
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.timing import FILE
from evaluators.judge import chunks
from evaluators.sync import curve, files, weights
from evaluators.sync.crop import lower_face
from evaluators.sync.ffmpeg.pipeline import PipelineReader
from evaluators.sync.frames import FrameStore, RateReader
from evaluators.sync.syncnet_stream import LipRunner, audio_rows
from evaluators.weights.judge_weights import in_use
from harness.media import VideoReader, VideoWriter, read_audio, to_pcm16

RATES = {name: Fraction(name) for name in ("24000/1001", "24", "30000/1001", "30", "50", "60")}
RULES: dict[str, Callable[[Path], VideoReader]] = {"near": VideoReader, "ff": RateReader, "ff-avi": PipelineReader}


@click.group(help=__doc__)
def main() -> None:
    """Choose a measurement."""


class Scorer:
    """Scores frames and sound by the demo sync judge."""

    def __init__(self) -> None:
        self._net = weights.load(in_use(files.SHIPPED.weights(), {}))
        self._runner = LipRunner(self._net, "cpu")

    def score(self, frames: np.ndarray, sound: np.ndarray) -> curve.LipSyncScore:
        """Returns the score of RGB frames (n, height, width, 3) with 16 kHz sound, windows that exist only."""
        pcm = to_pcm16(sound)[: 640 * len(frames)]
        count = curve.windows(len(frames), len(pcm))
        lip = self._runner.rows(lower_face(frames, self._net.input_px))[:count]
        return curve.score(lip, audio_rows(self._net, curve.mfcc(pcm), count), pad="valid")


def at_rate(frames: np.ndarray, rate: Fraction, target: Path) -> None:
    """Write frames of 25 fps at another rate: each place shows the picture of the middle of its time."""
    places = [int((k + Fraction(1, 2)) / rate * 25) for k in range(int(len(frames) * rate / 25))]
    height, width = frames.shape[1:3]
    with VideoWriter(target, width, height, fps=rate) as writer:
        for place in places:
            writer.write(frames[min(place, len(frames) - 1)])


def by_program(program: str, path: Path, shape: tuple[int, ...]) -> np.ndarray:
    """Returns the frames that an ffmpeg makes of a clip by its filter `fps=25`."""
    command = [
        program,
        "-loglevel",
        "error",
        "-i",
        str(path),
        "-vf",
        "fps=25",
        "-pix_fmt",
        "rgb24",
        "-f",
        "rawvideo",
        "-",
    ]
    raw = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
    return np.frombuffer(raw, np.uint8).reshape(-1, *shape)


@main.command()
@click.argument("clips", type=FILE, nargs=-1, required=True)
@click.option("--frames", "count", default=100, show_default=True, help="Of each clip.")
@click.option("--ffmpeg", "program", default="", help="Compare `near` with this program's `fps=25`.")
def lse(clips: Sequence[Path], count: int, program: str) -> None:
    """Print the change of LSE-C, LSE-D and offset by rate and rule, mean over clips."""
    scorer = Scorer()
    found: dict[tuple[str, str], list[tuple[float, float, int]]] = {}
    unlike = dict.fromkeys(RATES, 0)
    with tempfile.TemporaryDirectory() as folder:
        for clip in clips:
            frames, sound = np.concatenate(list(VideoReader(clip)))[:count], read_audio(clip).samples
            plain = scorer.score(frames, sound)
            click.echo(f"{clip.stem}: LSE-C {plain.lse_c:.2f}, LSE-D {plain.lse_d:.2f}, offset {plain.offset}")
            for name, rate in {"25": Fraction(25), **RATES}.items():
                path = Path(folder) / "clip.mp4"
                at_rate(frames, rate, path)
                for rule, reader in RULES.items():
                    shown = np.concatenate(list(reader(path)))
                    score = scorer.score(shown, sound)
                    change = score.lse_c - plain.lse_c, score.lse_d - plain.lse_d, score.offset - plain.offset
                    found.setdefault((name, rule), []).append(change)
                    if program and rule == "near" and name in unlike:
                        wanted = by_program(program, path, shown.shape[1:])
                        common = min(len(wanted), len(shown))
                        unlike[name] += int((shown[:common] != wanted[:common]).any(axis=(1, 2, 3)).sum())
                        unlike[name] += abs(len(wanted) - len(shown))
    click.echo("| rate | " + " | ".join(f"`{rule}`" for rule in RULES) + " |\n|---|" + "---|" * len(RULES))
    for name in ("25", *RATES):
        cells = [_cell(found[name, rule]) for rule in RULES]
        click.echo(f"| {float(Fraction(name)):.5g} | " + " | ".join(cells) + " |")
    if program:
        click.echo("frames of `near` that are not the program's: " + ", ".join(f"{k} {n}" for k, n in unlike.items()))


def _cell(changes: list[tuple[float, float, int]]) -> str:
    c, d, offset = np.array(changes, float).T
    return f"{c.mean():+.2f} ({c.min():+.2f}), {d.mean():+.2f}; {int((offset != 0).sum())}"


@main.command()
@click.argument("clip", type=FILE)
@click.option("--rate", default="30", show_default=True)
def decoding(clip: Path, rate: str) -> None:
    """Print CPU seconds of the frames of three rules, each decoding the clip, and all from one decoding."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mp4"
        at_rate(np.concatenate(list(VideoReader(clip))), Fraction(rate), path)
        both = [(_spent(lambda: _apart(path)), _spent(lambda: _together(path))) for _ in range(5)]
    if both[0][0][1] != both[0][1][1]:
        raise SystemExit(f"The rules gave {both[0][0][1]} frames apart and {both[0][1][1]} together.")
    apart, together = (min(one[side][0] for one in both) for side in (0, 1))
    click.echo(f"best of 5: apart {apart:.2f} CPU s, together {together:.2f}: {apart / together:.2f}")


def _spent(work: Callable[[], list[int]]) -> tuple[float, list[int]]:
    begun = time.process_time()
    result = work()
    return time.process_time() - begun, result


def _apart(path: Path) -> list[int]:
    return [sum(map(len, reader(path))) for reader in RULES.values()]


def _together(path: Path) -> list[int]:
    fed = VideoReader(path)
    stores = [
        FrameStore(path, partial(RateReader, path, like=fed), fed=fed),
        FrameStore(path, partial(PipelineReader, path, like=fed), fed=fed),
    ]
    near = 0
    for chunk in chunks(fed):
        near += len(chunk.frames)
        for store in stores:
            store.follow(chunk)
    return [near, *(sum(len(one.frames) for one in store.read()) for store in stores)]


if __name__ == "__main__":
    main()
