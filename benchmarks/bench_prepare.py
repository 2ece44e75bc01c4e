"""`prepare` on 200 raw clips: jobs 2 against 1, against the official order of work, and a second run on 1000 clips.

    python benchmarks/bench_prepare.py [--clips 200] [--official 4] [--again 1000]

Official order: for each clip one process that loads the detector and calls it once a frame, one that loads the speech
encoder, one that loads the expression encoder and calls it once a frame. It is timed on a few clips. The detector is
the real MTCNN, the encoders are small and seeded, so decoding, cropping, encoding and starting weigh more than in
reality, where the expression encoder takes most of the time in either order. CPU seconds unless wall is said.
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
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
os.environ["OMP_NUM_THREADS"] = "1"

from datasets.prepare import Prepared, prepare  # noqa: E402
from datasets.prepare_stages import STAGES, Network, Plan  # noqa: E402
from datasets.puppets import Puppets  # noqa: E402
from harness.media import VideoReader, VideoWriter, read_audio  # noqa: E402

PLAN = Plan(
    STAGES,
    Network("evaluators.mtcnn:detector", {}),
    Network("tests.prepare_networks:speech", {}),
    Network("tests.prepare_networks:codes", {}),
)

_OFFICIAL = {
    "crop": """
from evaluators.mtcnn import Mtcnn
from harness.face_track import joined, square
from harness.media import VideoReader, VideoWriter, read_audio, write_wav
import cv2, numpy as np
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
np.save(out + ".npy", speech()(read_audio(out + ".wav").samples))
""",
    "codes": """
from tests.prepare_networks import codes
from harness.media import VideoReader
import numpy as np
encode = codes()
frames = np.concatenate(list(VideoReader(out + ".mp4")))
np.save(out + "_ED_exp.npy", np.concatenate([encode([frame[None]])["exp"] for frame in frames]))
""",
}


def make_raw(folder: Path, clips: int) -> list[Path]:
    """`clips` films of puppets, 640x480 at 30 fps, named like CREMA-D; four films under many names."""
    dataset = Puppets()
    seeds = []
    for sample in dataset.samples()[::17][:4]:
        dataset.materialise(sample)
        assert sample.source_video is not None
        seeds.append(_placed(sample.source_video, folder.parent / f"seed{len(seeds)}.mp4").read_bytes())
    folder.mkdir()
    paths = []
    for number in range(clips):
        name = f"{1001 + number // 6}_DFA_{('ANG', 'DIS', 'FEA', 'HAP', 'NEU', 'SAD')[number % 6]}_XX"
        paths.append(folder / f"{name}.mp4")
        tail = struct.pack(">I", 8 + len(name)) + b"free" + name.encode()
        paths[-1].write_bytes(seeds[number % len(seeds)] + tail)
    return paths


def _placed(source: Path, target: Path) -> Path:
    with VideoWriter(target, 640, 480, fps=30, audio=read_audio(source).samples) as writer:
        for chunk in VideoReader(source):
            for frame in chunk:
                canvas = np.full((480, 640, 3), 128, np.uint8)
                canvas[112:368, 190:446] = frame
                writer.write(canvas)
    return target


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """(wall, CPU) seconds, children included."""

    def cpu() -> float:
        usages = (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
        return sum(usage.ru_utime + usage.ru_stime for usage in usages)

    wall, spent = time.perf_counter(), cpu()
    work()
    return time.perf_counter() - wall, cpu() - spent


def official(paths: list[Path], out: Path) -> None:
    """The official order: three processes a clip."""
    out.mkdir()
    for path in paths:
        for script in _OFFICIAL.values():
            body = f"source, out = {str(path)!r}, {str(out / path.stem)!r}\n{script}"
            subprocess.run([sys.executable, "-c", body], check=True, cwd=ROOT)


def starts_only(out: Path) -> None:
    """What three process starts cost: the imports and networks of the official order, no work."""
    for name in ("evaluators.mtcnn:detector", "tests.prepare_networks:speech", "tests.prepare_networks:codes"):
        body = f"from harness import registry\nimport harness.media\nregistry.load({name!r})()"
        subprocess.run([sys.executable, "-c", body], check=True, cwd=ROOT)


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
    shutil.copyfile(results / "prepare.json", out / "prepare.json")


def untouched(done: Prepared) -> None:
    """Fail if a run that should find everything ready did something."""
    if done.made or done.failures:
        raise SystemExit(f"expected nothing to do, got: {done.text()}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=200)
    parser.add_argument("--official", type=int, default=4)
    parser.add_argument("--again", type=int, default=1000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = make_raw(folder / "raw", given.clips)
        two = timed(lambda: prepare("crema_d", folder / "raw", folder / "two", PLAN, jobs=2))
        one = timed(lambda: prepare("crema_d", folder / "raw", folder / "one", PLAN, jobs=1))
        for path in (folder / "one").glob("*.*"):
            assert path.name.startswith(".") or path.read_bytes() == (folder / "two" / path.name).read_bytes(), path
        print(
            f"{given.clips} clips: jobs 1 {one[0]:.1f} s wall, jobs 2 {two[0]:.1f} s wall: {one[0] / two[0]:.2f} times"
        )
        slow = timed(lambda: official(paths[: given.official], folder / "official"))
        starts = timed(lambda: starts_only(folder))
        ours, theirs = one[1] / given.clips, slow[1] / given.official
        print(f"CPU a clip: ours {ours:.3f} s, official order {theirs:.3f} s: {theirs / ours:.1f} times")
        print(f"  without process starts: {theirs - starts[1]:.3f} s: {(theirs - starts[1]) / ours:.1f} times")
        many, done = folder / "many", folder / "again"
        stand_ins(paths, folder / "one", many, done, given.again)
        again = timed(lambda: untouched(prepare("crema_d", many, done, PLAN)))
        print(f"second run on {given.again} prepared clips: {again[0]:.2f} s wall (wanted < 3 s)")


if __name__ == "__main__":
    main()
