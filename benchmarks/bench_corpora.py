"""This script measures `prepare` against the official order of work, and the start of a packed corpus.

    python benchmarks/bench_corpora.py prepare --clips 200 --frames 20
    python benchmarks/bench_corpora.py packed --people 45

Official order (C-MET's and EDTalk's scripts): the crop is one process a clip that loads the detector and calls it once
a frame; speech and expression codes are one process each for all clips, one encoder call a clip. The detector is the
real MTCNN on both sides, the encoders are small and seeded, so decoding, searching, cropping and encoding weigh more
than in reality, where the expression encoder takes most of the time in either order.
"""

from __future__ import annotations

import shutil
import struct
import sys
import tempfile
from pathlib import Path

import click
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.timing import ROOT, child
from harness.media import VideoReader, VideoWriter, read_audio

PREPARE = """
import sys, time
from pathlib import Path
from datasets.preparation.prepare import prepare
from datasets.preparation.stages import STAGES, Network, PreparationPlan
names = ("evaluators.faces.mtcnn:detector", "tests.prepare_networks:speech", "tests.prepare_networks:codes")
if __name__ == "__main__":
    corpus, raw, out, jobs = sys.argv[1:]
    began = time.perf_counter()
    plan = PreparationPlan(STAGES, *(Network(name, {}) for name in names))
    done = prepare(corpus, Path(raw), Path(out), plan, jobs=int(jobs))
    print(time.perf_counter() - began, done.made, done.text())
    sys.exit(bool(done.failures))
"""

#: Scripts of the official order; `clips` is a list of (source, out without extension).
STARTS = {
    "crop": """
import cv2, numpy as np
from evaluators.faces.mtcnn import Mtcnn
from harness.media.face_track import joined, square
from harness.media import VideoReader, VideoWriter, read_audio, write_wav
detector = Mtcnn()
""",
    "speech": """
import numpy as np
from tests.prepare_networks import speech
from harness.media import read_audio
encode = speech()
""",
    "codes": """
import numpy as np
from tests.prepare_networks import codes
from harness.media import VideoReader
encode = codes()
""",
}
STEPS = {
    "crop": """
(source, out), = clips
frames = np.concatenate(list(VideoReader(source)))
boxes = [np.asarray(detector.detect(frame[None])[0].boxes) for frame in frames]
around = square(joined(boxes, source), *frames.shape[1:3])
sound = read_audio(source).samples
write_wav(out + ".wav", sound)
with VideoWriter(out + ".mp4", 256, 256, audio=sound) as writer:
    for frame in frames:
        writer.write(cv2.resize(around.cut(frame), (256, 256), interpolation=cv2.INTER_AREA))
""",
    "speech": """
for source, out in clips:
    np.save(out + ".npy", encode(read_audio(out + ".wav").samples))
""",
    "codes": """
for source, out in clips:
    found = encode(VideoReader(out + ".mp4"))
    for kind in ("exp", "pose", "lip"):
        np.save(f"{out}_ED_{kind}.npy", found[kind])
""",
}


@click.group(help=__doc__)
def main() -> None:
    """Choose a measurement."""


@main.command()
@click.option("--clips", default=200, show_default=True)
@click.option("--frames", default=30, show_default=True, help="Of a raw clip, at 30 fps.")
@click.option("--official", default=6, show_default=True, help="Clips on which the official order is timed.")
@click.option("--again", default=1000, show_default=True, help="Finished clips of the second run.")
def prepare(clips: int, frames: int, official: int, again: int) -> None:
    """Time `prepare` with two jobs against one (wall), against the official order (CPU), and on finished clips."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = _make_raw(folder, clips, frames)
        two, _ = _prepared(folder / "raw", folder / "two", 2)
        one, ours = _prepared(folder / "raw", folder / "one", 1)
        for path in (folder / "one").glob("[!.]*.*"):
            if path.read_bytes() != (folder / "two" / path.name).read_bytes():
                sys.exit(f"{path.name} differs between one job and two.")
        print(f"{clips} clips, wall: jobs 1 {one:.1f} s, jobs 2 {two:.1f} s, ratio {one / two:.2f}", flush=True)
        _against_official(paths[:official], folder / "official", ours / clips)
        _stand_ins(paths, folder / "one", folder / "many", folder / "again", again)
        wall, _ = _prepared(folder / "many", folder / "again", 1, nothing=True)
        print(f"second run on {again} prepared clips: {wall:.2f} s wall")


def _make_raw(folder: Path, clips: int, frames: int) -> list[Path]:
    """`clips` films of puppets, 640x480, `frames` at 30 fps, named like CREMA-D; four films under many names."""
    from datasets.puppets.dataset import Puppets

    dataset, seeds, paths = Puppets(), [], []
    for sample in dataset.samples()[::17][:4]:
        dataset.materialise(sample)
        assert sample.source_video is not None
        seeds.append(_placed(sample.source_video, folder / f"seed{len(seeds)}.mp4", frames).read_bytes())
    (folder / "raw").mkdir()
    for number in range(clips):
        name = f"{1001 + number // 6}_DFA_{('ANG', 'DIS', 'FEA', 'HAP', 'NEU', 'SAD')[number % 6]}_XX"
        paths.append(folder / "raw" / f"{name}.mp4")
        unlike = struct.pack(">I", 8 + len(name)) + b"free" + name.encode()  # no two files have the same bytes
        paths[-1].write_bytes(seeds[number % len(seeds)] + unlike)
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


def _prepared(raw: Path, out: Path, jobs: int, nothing: bool = False) -> tuple[float, float]:
    """Wall and CPU seconds of `prepare` in a process of its own; `nothing`: it must find everything ready."""
    script = out.with_suffix(".py")
    script.write_text(PREPARE, encoding="utf-8")
    spent = child([sys.executable, script, "crema_d", raw, out, jobs], PYTHONPATH=ROOT)
    wall, made, text = spent.output.split(maxsplit=2)
    if nothing and int(made):
        sys.exit(f"expected nothing to do, got: {text}")
    return float(wall), spent.seconds


def _against_official(paths: list[Path], out: Path, ours: float) -> None:
    """Print the ratio of CPU seconds a clip, with and without the start of the crop's processes."""
    out.mkdir()
    clips = [(str(path), str(out / path.stem)) for path in paths]
    starts = {step: _python(body) for step, body in STARTS.items()}
    crops = sum(_python(f"{STARTS['crop']}clips = {[clip]!r}\n{STEPS['crop']}") - starts["crop"] for clip in clips)
    rest = sum(_python(f"{STARTS[s]}clips = {clips!r}\n{STEPS[s]}") - starts[s] for s in ("speech", "codes"))
    bare = (crops + rest) / len(paths)
    whole = bare + starts["crop"]
    print(f"CPU s a clip: official order {whole:.2f}, prepare {ours:.2f}, ratio {whole / ours:.1f}")
    print(f"  without the start of a process per clip {bare:.2f}, ratio {bare / ours:.1f}", flush=True)


def _python(body: str) -> float:
    return child([sys.executable, "-c", body]).seconds


def _stand_ins(paths: list[Path], results: Path, raw: Path, out: Path, count: int) -> None:
    """`count` raw clips in `raw` and their results in `out`: copies of what was prepared, under new names."""
    from datasets.preparation.prepare import SETTINGS

    raw.mkdir()
    for number in range(count):
        path, name = paths[number % len(paths)], f"clip{number:05d}"
        shutil.copyfile(path, raw / f"{name}.mp4")
        for file in [*results.rglob(f"{path.stem}*"), results / SETTINGS]:
            target = out / file.relative_to(results).with_name(file.name.replace(path.stem, name))
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)


OPEN = """
import sys, time, torch
def anonymous_mib():
    rows = dict(line.split(":") for line in open("/proc/self/status"))
    return int(rows["RssAnon"].split()[0]) / 1024
import numpy as np
from cmet.training.packed import PackedCorpus
before, began = anonymous_mib(), time.perf_counter()
corpus = PackedCorpus(sys.argv[1])
corpus.expression(len(corpus) // 2).sum() + corpus.speech(len(corpus) // 2).sum()
seconds = time.perf_counter() - began
print(f"first sample of {len(corpus)} clips: {seconds:.3f} s; index {anonymous_mib() - before:.0f} MiB")
"""


@main.command()
@click.option("--people", default=45, show_default=True, help="670 clips each.")
def packed(people: int) -> None:
    """Print the time to the first sample of a packed corpus of random codes, and the memory of its index (Linux)."""
    from cmet.training.packed import PackedCorpus

    with tempfile.TemporaryDirectory() as folder:
        file = PackedCorpus.build(tree(Path(folder) / "FPS25", people), Path(folder) / "corpus.pack")
        print(child([sys.executable, "-c", OPEN, file]).output, end="")


def tree(root: Path, people: int) -> Path:
    """Write C-MET's tree, with random numbers: 670 clips of 60 to 100 frames a person, all emotions and levels."""
    from cmet.training.packed import FEATURES
    from cmet.training.packing import EMOTIONS

    source = np.random.default_rng(0)
    for person in range(people):
        for emotion in EMOTIONS:
            for level in (1,) if emotion == "neutral" else (1, 2, 3):
                folder = root / f"M{person:03d}" / "front" / emotion / f"level_{level}"
                (folder / FEATURES).mkdir(parents=True)
                for n in range(1, 41 if emotion == "neutral" else 31):
                    (folder / f"{n:03d}.mp4").touch()  # the released code lists clips by their videos
                    codes = source.standard_normal((60 + (7 * n) % 41, 10)).astype(np.float32)
                    np.save(folder / f"{n:03d}_ED_exp.npy", codes)
                    np.save(folder / FEATURES / f"{n:03d}.npy", source.standard_normal(1024).astype(np.float32))
    return root


if __name__ == "__main__":
    main()
