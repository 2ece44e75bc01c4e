"""`prepare` on 200 raw clips: jobs 2 against 1, against the official order of work, and a second run on 1000 clips.

    python benchmarks/bench_prepare.py [--clips 200] [--frames 30] [--official 6] [--again 1000]

Official order (C-MET's and EDTalk's scripts): the crop is one process a clip that loads the detector and calls it
once a frame; speech and expression codes are one process each for all clips, one encoder call a clip. It is timed on
a few clips; what their processes' starts cost is measured apart. The detector is the real MTCNN on both sides, the
encoders are small and seeded, so decoding, searching, cropping and encoding weigh more than in reality, where the
expression encoder takes most of the time in either order. Ratios of work are of CPU seconds; jobs 2 against 1 is
wall time, with the CPU seconds beside it: on a machine that others use, only those tell.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
os.environ["OMP_NUM_THREADS"] = "1"

from datasets.preparation.prepare import SETTINGS, Prepared, prepare  # noqa: E402
from datasets.preparation.stages import STAGES, Network, Plan  # noqa: E402
from datasets.puppets.dataset import Puppets  # noqa: E402
from harness.media import VideoReader, VideoWriter, read_audio  # noqa: E402

PLAN = Plan(
    STAGES,
    Network("evaluators.faces.mtcnn:detector", {}),
    Network("tests.prepare_networks:speech", {}),
    Network("tests.prepare_networks:codes", {}),
)

#: Scripts of the official order; `clips` is a list of (source, out without extension).
_OFFICIAL = {
    "crop": """
from evaluators.faces.mtcnn import Mtcnn
from harness.media.face_track import joined, square
from harness.media import VideoReader, VideoWriter, read_audio, write_wav
import cv2, numpy as np
(source, out), = clips
frames = np.concatenate(list(VideoReader(source)))
detector = Mtcnn()
boxes = [np.asarray(detector.detect(frame[None])[0].boxes) for frame in frames]
around = square(joined(boxes, source), *frames.shape[1:3])
sound = read_audio(source).samples
write_wav(out + ".wav", sound)
with VideoWriter(out + ".mp4", 256, 256, audio=sound) as writer:
    for frame in frames:
        writer.write(cv2.resize(around.cut(frame), (256, 256), interpolation=cv2.INTER_AREA))
""",
    "speech": """
from tests.prepare_networks import speech
from harness.media import read_audio
import numpy as np
encode = speech()
for source, out in clips:
    np.save(out + ".npy", encode(read_audio(out + ".wav").samples))
""",
    "codes": """
from tests.prepare_networks import codes
from harness.media import VideoReader
import numpy as np
encode = codes()
for source, out in clips:
    found = encode(VideoReader(out + ".mp4"))
    for kind in ("exp", "pose", "lip"):
        np.save(f"{out}_ED_{kind}.npy", found[kind])
""",
}
_STARTS = {
    "crop": "import cv2, harness.media.face_track, harness.media\nfrom evaluators.faces.mtcnn import Mtcnn\nMtcnn()",
    "speech": "import harness.media\nfrom tests.prepare_networks import speech\nspeech()",
    "codes": "import harness.media\nfrom tests.prepare_networks import codes\ncodes()",
}


def make_raw(folder: Path, clips: int, frames: int) -> list[Path]:
    """`clips` films of puppets, 640x480, `frames` at 30 fps, named like CREMA-D; four films under many names."""
    dataset = Puppets()
    seeds: list[bytes] = []
    for sample in dataset.samples()[::17][:4]:
        dataset.materialise(sample)
        assert sample.source_video is not None
        seeds.append(_placed(sample.source_video, folder.parent / f"seed{len(seeds)}.mp4", frames).read_bytes())
    folder.mkdir()
    paths = []
    for number in range(clips):
        name = f"{1001 + number // 6}_DFA_{('ANG', 'DIS', 'FEA', 'HAP', 'NEU', 'SAD')[number % 6]}_XX"
        paths.append(folder / f"{name}.mp4")
        tail = struct.pack(">I", 8 + len(name)) + b"free" + name.encode()
        paths[-1].write_bytes(seeds[number % len(seeds)] + tail)
    return paths


def _placed(source: Path, target: Path, count: int) -> Path:
    frames = next(iter(VideoReader(source, chunk=count)))
    sound = read_audio(source).samples[: len(frames) * 16000 // 30]
    with VideoWriter(target, 640, 480, fps=30, audio=sound) as writer:
        for frame in frames:
            canvas = np.full((480, 640, 3), 128, np.uint8)
            canvas[112:368, 190:446] = frame
            writer.write(canvas)
    return target


@dataclass(frozen=True)
class Spent:
    """Seconds of one piece of work."""

    wall: float
    own: float  # CPU of this process
    children: float  # CPU of the processes that it started

    @property
    def cpu(self) -> float:
        return self.own + self.children


def timed(work: Callable[[], object]) -> Spent:
    """Wall and CPU seconds of a call."""

    def cpu(who: int) -> float:
        usage = resource.getrusage(who)
        return usage.ru_utime + usage.ru_stime

    whom = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    wall, before = time.perf_counter(), [cpu(who) for who in whom]
    work()
    return Spent(time.perf_counter() - wall, *(cpu(who) - first for who, first in zip(whom, before, strict=True)))


def python(body: str) -> None:
    """One process."""
    subprocess.run([sys.executable, "-c", body], check=True, cwd=ROOT)


def official(paths: list[Path], out: Path) -> dict[str, float]:
    """CPU seconds of each step over all clips: the crop a process a clip, the encoders a process each."""
    out.mkdir()
    clips = [(str(path), str(out / path.stem)) for path in paths]
    parts = {"crop": [[clip] for clip in clips], "speech": [clips], "codes": [clips]}
    return {
        step: sum(timed(lambda: python(f"clips = {part!r}\n{_OFFICIAL[step]}")).cpu for part in parts[step])  # noqa: B023
        for step in _OFFICIAL
    }


def against_official(paths: list[Path], out: Path, ours: float) -> None:
    """Print the ratio of CPU seconds a clip, with and without the processes' starts; `ours`: prepare's."""
    count = len(paths)
    spent = official(paths, out)
    starts = {step: timed(lambda: python(body)).cpu for step, body in _STARTS.items()}  # noqa: B023
    bare = (spent["crop"] - count * starts["crop"] + sum(spent[s] - starts[s] for s in ("speech", "codes"))) / count
    whole = bare + starts["crop"]
    print(f"CPU a clip: prepare {ours:.3f} s, official order {whole:.3f} s: {whole / ours:.1f} times (wanted >= 3)")
    print(
        f"  of that the start of the crop's process {starts['crop']:.3f} s; without it {bare:.3f} s: "
        f"{bare / ours:.1f} times"
    )


def stand_ins(paths: list[Path], results: Path, raw: Path, out: Path, count: int) -> None:
    """`count` raw clips in `raw` and their results in `out`: copies of what was prepared, under new names."""
    raw.mkdir()
    (out / "emotion2vec+large_features").mkdir(parents=True)
    for number in range(count):
        path, name = paths[number % len(paths)], f"clip{number:05d}"
        shutil.copyfile(path, raw / f"{name}.mp4")
        for suffix in (".mp4", ".wav", "_ED_exp.npy", "_ED_pose.npy", "_ED_lip.npy"):
            shutil.copyfile(results / f"{path.stem}{suffix}", out / f"{name}{suffix}")
        feature = Path("emotion2vec+large_features")
        shutil.copyfile(results / feature / f"{path.stem}.npy", out / feature / f"{name}.npy")
    (out / SETTINGS).parent.mkdir()
    shutil.copyfile(results / SETTINGS, out / SETTINGS)


def untouched(done: Prepared) -> None:
    """Fail if a run that should find everything ready did something."""
    if done.made or done.failures:
        raise SystemExit(f"expected nothing to do, got: {done.text()}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=200)
    parser.add_argument("--frames", type=int, default=30, help="Of a raw clip, at 30 fps.")
    parser.add_argument("--official", type=int, default=6)
    parser.add_argument("--again", type=int, default=1000)
    given = parser.parse_args()
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = make_raw(folder / "raw", given.clips, given.frames)
        two = timed(lambda: prepare("crema_d", folder / "raw", folder / "two", PLAN, jobs=2))
        one = timed(lambda: prepare("crema_d", folder / "raw", folder / "one", PLAN, jobs=1))
        for path in (folder / "one").glob("*.*"):
            assert path.name.startswith(".") or path.read_bytes() == (folder / "two" / path.name).read_bytes(), path
        print(
            f"{given.clips} clips, wall: jobs 1 {one.wall:.1f} s, jobs 2 {two.wall:.1f} s: "
            f"{one.wall / two.wall:.2f} times (wanted >= 1.7)"
        )
        longest = two.own + two.children / 2
        print(
            f"  CPU: jobs 1 {one.cpu:.1f} s ({one.cpu / one.wall:.2f} cores had), jobs 2 {two.cpu:.1f} s "
            f"({two.cpu / two.wall:.2f} cores had): {one.cpu / longest:.2f} times where both cores are free"
        )
        against_official(paths[: given.official], folder / "official", one.cpu / given.clips)
        many, done = folder / "many", folder / "again"
        stand_ins(paths, folder / "one", many, done, given.again)
        again = timed(lambda: untouched(prepare("crema_d", many, done, PLAN)))
        print(
            f"second run on {given.again} prepared clips: {again.wall:.2f} s wall, {again.cpu:.2f} s CPU (wanted < 3 s)"
        )


if __name__ == "__main__":
    main()
