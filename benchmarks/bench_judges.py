"""Measures judges against the programs and packages that published each metric, in CPU seconds of one thread.

    python benchmarks/bench_judges.py card --clips DIR --number 20 [--syncnet-python DIR]
    python benchmarks/bench_judges.py every-frame --clips DIR --number 1
    python benchmarks/bench_judges.py sync CLIP · faces CLIP · frechet
    python benchmarks/bench_judges.py memory --clip CLIP --minutes 10

DIR holds real clips with sound. Weights are full-size stand-ins, the same files on both sides, so numbers must agree
where the protocol is the same.
"""

from __future__ import annotations

import json
import os
import pickle
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"  # read when numpy is imported

from benchmarks import material
from benchmarks.judge_parts import convolutions, faces, frechet, sync
from benchmarks.timing import FILE, FOLDER, ROOT, child
from evaluators.packing import unpack
from harness.media import VideoReader
from harness.store import RunStore

PROGRAMS = ROOT / "benchmarks" / "reference_judges.py"
FID_FRAMES, EVERY = 5, 5
clips_option = click.option("--clips", type=FOLDER, required=True, help="Real clips with sound.")
number_option = click.option("--number", default=4, show_default=True, help="Pieces that they are cut to.")
seconds_option = click.option("--seconds", default=5.0, show_default=True, help="Length of a piece.")


@click.group(help=__doc__)
def main() -> None:
    """Choose a measurement."""


for part in (sync, faces, frechet):
    main.add_command(part)


@dataclass(frozen=True)
class Work:
    """Holds a folder with both sides' clips and weights, and runs the programs there."""

    folder: Path
    files: dict[str, Path]
    python: str

    @classmethod
    def made(cls, folder: Path, clips: Path, frames: int, number: int, python: str = sys.executable) -> Work:
        """Cut the clips, write the weights, and put those that packages look for where they look."""
        material.clips(clips, folder, frames, number)
        files = material.weights(folder / "weights")
        for name, place in (("inception", "torch/hub/checkpoints"), ("facenet", "torch/checkpoints")):
            (folder / place).mkdir(parents=True)
            os.link(files[name], folder / place / material.FILES[name])
        return cls(folder, files, python)

    def reference(self, *words: object, folder: Path | None = None) -> tuple[float, str]:
        """Returns CPU seconds and output of `python words…`."""
        spent = child([self.python, *words], folder or self.folder, TORCH_HOME=self.folder / "torch")
        return spent.seconds, spent.output

    def ours(self, name: str, judges: Sequence[str], every_frame: bool = False) -> float:
        """Returns CPU seconds of `bench.py score` with these judges and an empty cache; the run is folder/name."""
        protocol = material.protocol(self.folder / f"{name}.toml", self.files, judges, every_frame)
        return judged(self.folder, name, protocol).seconds

    def sync(self, checkout: Path) -> float:
        """Returns CPU seconds of syncnet_python's two programs on every clip."""
        home = self.folder / "syncnet_python"
        shutil.copytree(checkout, home, ignore=shutil.ignore_patterns(".git", "data"))
        shutil.copytree(self.files["syncnet"].parent, home / "data")
        (home / "detectors/s3fd/weights").mkdir(parents=True, exist_ok=True)
        shutil.copy(self.files["s3fd"], home / "detectors/s3fd/weights/sfd_face.pth")
        seconds = 0.0
        for clip in sorted((self.folder / "made").glob("*.mp4")):
            named = ("--videofile", clip, "--reference", clip.stem, "--data_dir", self.folder / "sp")
            for program in ("run_pipeline.py", "run_syncnet.py"):
                seconds += self.reference(PROGRAMS, "on-cpu", program, *named, folder=home)[0]
            found = (self.folder / "sp/pywork" / clip.stem / "activesd.pckl").read_bytes()
            if len(pickle.loads(found)) != 1:
                sys.exit(f"syncnet_python found no track in {clip.name}: its seconds would mean nothing.")
        return seconds

    def fid(self) -> tuple[float, float]:
        """Returns CPU seconds and FID of writing PNG files of both sides and of pytorch-fid on them."""
        sides = [self.folder / f"png-{side}" for side in ("made", "truth")]
        spent = [self.reference(PROGRAMS, "frames", self.folder / s.name[4:], s, FID_FRAMES)[0] for s in sides]
        more, output = self.reference("-m", "pytorch_fid", "--device", "cpu", "--num-workers", "0", *sides)
        return sum(spent) + more, float(output.split("FID:")[1])


def judged(folder: Path, name: str, protocol: Path) -> Any:
    """Returns the cost of `bench.py score` of folder/made against folder/truth; the run is folder/name."""
    command: list[object] = [sys.executable, "bench.py", "score", "--clips", folder / "made", "--jobs", 1]
    command += ["--reference", folder / "truth", "--protocol", protocol, "--out", folder / name]
    return child(command, CMET_BENCH_CACHE=folder / f"cache-{name}")


@main.command()
@clips_option
@number_option
@seconds_option
@click.option("--syncnet-python", type=FOLDER, help="A checkout of joonson/syncnet_python (6efbb1c); else without LSE.")
@click.option("--python", default=sys.executable, help="Interpreter of the reference programs.")
def card(clips: Path, number: int, seconds: float, syncnet_python: Path | None, python: str) -> None:
    """Time the four card metrics in one pass, against the reference programs one after another; compare the numbers.

    Every program is a process, start-up included. syncnet_python needs ffmpeg, scenedetect<0.6 and
    python_speech_features for --python. Our LSE is the dialect `clean`, whose numbers are not those of that program.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        work = Work.made(folder, clips, round(25 * seconds), number, python)
        theirs: dict[str, float] = {}
        theirs["fid"], fid = work.fid()
        theirs["identity"], told = work.reference(PROGRAMS, "identity", folder / "made", EVERY)
        cosines = json.loads(told)
        weights = work.files["emotion"]
        theirs["emotion"], told = work.reference(PROGRAMS, "emotion", folder / "made", folder / "chips", weights, EVERY)
        probabilities = json.loads(told)
        if syncnet_python is not None:
            theirs["lse"] = work.sync(syncnet_python)
        whole, total = work.ours("run", list(theirs)), sum(theirs.values())
        with RunStore(folder / "run", create=False) as store:
            rows: dict[Any, Any] = {(row.sample, row.metric): row for row in store.rows()}
        pooled = json.loads((folder / "run/report/scores.json").read_text(encoding="utf-8"))["summary"]
    parts = ", ".join(f"{name} {value:.1f}" for name, value in theirs.items())
    print(f"reference {total:.1f} CPU s ({parts}), ours {whole:.1f}, ratio {total / whole:.2f}")
    value = next(row["value"] for row in pooled if row["metric"] == "fid")
    cosine = max(abs(rows[clip, "identity_sim"].value - value) for clip, value in cosines.items())
    mine = {clip: unpack(rows[clip, "emotion_acc"].statistics)["probabilities"] for clip in probabilities}
    probability = max(abs(mine[clip] - values).max() for clip, values in probabilities.items())
    print(f"FID differs by {abs(value / fid - 1):.1e}, cosines by {cosine:.1e}, probabilities by {probability:.1e}")


@main.command()
@clips_option
@number_option
@seconds_option
def every_frame(clips: Path, number: int, seconds: float) -> None:
    """Time every frame by every judge, against the bare convolutions that no exact port avoids."""
    frames = round(25 * seconds)
    with tempfile.TemporaryDirectory() as name:
        work = Work.made(Path(name), clips, frames, number)
        bare = convolutions(next(iter(VideoReader(Path(name) / "made" / "00.mp4", chunk=16))))
        spent = work.ours("full", ["lse", "fid", "identity", "emotion"], every_frame=True)
    times = {"lip": frames - 5, "sound": frames - 5, "inception": 2 * frames}
    needed = number * sum(value * times.get(network, frames) for network, value in bare.items())
    print("convolutions, ms a frame: " + ", ".join(f"{name} {1e3 * value:.1f}" for name, value in bare.items()))
    print(f"every frame: ours {spent:.1f} CPU s, bare convolutions {needed:.1f}, ratio {spent / needed:.2f}")


@main.command()
@click.option("--clip", type=FILE, required=True)
@click.option("--minutes", default=10.0, show_default=True)
def memory(clip: Path, minutes: float) -> None:
    """Print the peak memory and CPU seconds of the card metrics on a clip that is repeated to a long one."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        long = folder / "made" / "long.mp4"
        long.parent.mkdir()
        material.repeated(clip, long, 60 * minutes)
        (folder / "truth").mkdir()
        os.link(long, folder / "truth" / "long.mp4")
        (folder / "made" / "labels.csv").write_text("clip,emotion\nlong.mp4,happy\n", encoding="utf-8")
        chosen = material.protocol(folder / "card.toml", material.weights(folder / "weights"))
        spent = judged(folder, "run", chosen)
    print(f"{minutes:g} minutes: peak memory {spent.peak_mib / 1024:.2f} GiB, {spent.seconds:.0f} CPU s")


if __name__ == "__main__":
    main()
