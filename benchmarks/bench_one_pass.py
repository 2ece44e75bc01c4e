"""All four card metrics in one pass, against the reference programs one after another: CPU seconds, one thread.

    python benchmarks/bench_one_pass.py --clips DIR [--number 4] [--seconds 5] [--syncnet-python DIR] [--full]

DIR holds real clips with sound; they are cut to `--number` pieces of `--seconds` at 256 px (the target is stated for
20; that takes about 20 minutes). "Made" clips are the pieces blurred, their truth the pieces themselves. Every program
is a process of its own, start-up included; CPU seconds are those of its whole process tree.

Reference way: joonson/syncnet_python's two programs on each clip (`--syncnet-python`: a checkout of commit 6efbb1c;
needs ffmpeg, scenedetect<0.6 and python_speech_features for `--python`); PNG frames and pytorch-fid; facenet-pytorch
one picture at a time; files of faces and Emotion-FAN (see benchmarks/one_pass/). Our way: `bench.py score`.
Weights are full-size stand-ins, the same files on both sides, so numbers must agree where the protocol is the same.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.one_pass.programs import Bench, Scores


def reference_exact(bench: Bench, files: Mapping[str, Path]) -> tuple[float, Scores]:
    """Our dialect `sp` on the same clips, in this process (its start-up is not counted): seconds and scores."""
    import torch

    from evaluators.faces.s3fd import load
    from evaluators.sync.inputs import Networks
    from evaluators.sync.lse import LipSync
    from evaluators.sync.syncnet import SyncNet
    from evaluators.sync.syncnet_stream import LipRunner
    from harness.evaluator import Chunk, ClipContext
    from harness.media import VideoReader, read_audio

    torch.set_num_threads(1)
    net = SyncNet()
    net.load_state_dict(torch.load(files["syncnet"], weights_only=True))
    net.eval().requires_grad_(False)
    judge = LipSync({"dialect": "sp"}, "cpu")
    # Given its networks: S3FD's file has a published hash, which stand-in weights cannot have.
    judge._networks = Networks(net, LipRunner(net), "seeded", "cpu", load(files["s3fd"]))
    found, began = {}, time.process_time()
    for clip in sorted(bench.made.glob("*.mp4")):
        measurement = judge.start(ClipContext(None, clip, read_audio(clip).samples))  # type: ignore[arg-type]
        first = 0
        for frames in VideoReader(clip):
            measurement.feed(Chunk(first, frames))
            first += len(frames)
        c, d, offset = (float(getattr(row, "value", None) or 0.0) for row in measurement.finish())
        found[clip.stem] = (c, d, round(offset))
    return time.process_time() - began, found


def compare_wav2lip(bench: Bench, files: Mapping[str, Path], checkout: Path) -> None:
    """The dialect w2l-lrs, which our side reproduces to the pixel, against its program."""
    seconds, theirs = bench.wav2lip(checkout)
    mine = bench.ours("w2l", files, ["w2l-lrs"])
    rows = list(bench.rows("w2l").values())
    c, d = (sum(r.value for r in rows if r.metric == name) / (len(rows) / 3) for name in ("lse_c", "lse_d"))
    print(f"LSE, Wav2Lip's LRS program: {seconds:.1f} CPU s, ours w2l-lrs {mine:.1f}, ratio {seconds / mine:.2f};")
    print(f"  mean LSE-C {c:.6f} and {theirs[0]:.6f}, mean LSE-D {d:.6f} and {theirs[1]:.6f}")


def compare(bench: Bench, files: Mapping[str, Path], checkout: Path | None, parts: bool) -> None:
    """Both ways, and the differences of their numbers."""
    from evaluators.packing import unpack

    theirs: dict[str, float] = {}
    theirs["fid"], fid = bench.fid()
    theirs["identity"], cosines = bench.identity()
    theirs["emotion"], probabilities = bench.emotion(files)
    if checkout is not None:
        theirs["lse"], scores = bench.sync(checkout, files)
    judges = list(theirs)
    whole = bench.ours("all", files, judges)
    single = {name: bench.ours(f"only-{name}", files, [name]) for name in judges} if parts else {}
    for name in judges:
        alone = f"{single[name]:8.1f} {theirs[name] / single[name]:7.2f}" if parts else ""
        print(f"{name:10} reference {theirs[name]:8.1f} CPU s   ours alone, ratio: {alone or 'not asked for'}")
    total = sum(theirs.values())
    print(f"{'together':10} reference {total:8.1f} CPU s   ours {whole:8.1f}   ratio {total / whole:.2f}")
    rows = bench.rows("all")
    pooled = json.loads((bench.work / "all/report/scores.json").read_text(encoding="utf-8"))["summary"]
    value = next(row["value"] for row in pooled if row["metric"] == "fid")
    print(f"FID {value:.6e} and {fid:.6e}: relative difference {abs(value / fid - 1):.1e}")
    worst = max(abs(rows[clip, "identity_sim"].value - cosine) for clip, cosine in cosines.items())
    print(f"identity: largest difference of a clip's cosine {worst:.1e} of {len(cosines)}")
    mine = {clip: unpack(rows[clip, "emotion_acc"].statistics)["probabilities"] for clip in probabilities}
    worst = max(abs(mine[clip] - values).max() for clip, values in probabilities.items())
    print(f"emotion: largest difference of a probability {worst:.1e}")
    if checkout is not None:
        _compare_sync(bench, files, scores, total, theirs["lse"], whole, single)


def _compare_sync(
    bench: Bench,
    files: Mapping[str, Path],
    scores: Scores,
    total: float,
    theirs: float,
    whole: float,
    single: Mapping[str, float],
) -> None:
    seconds, exact = reference_exact(bench, files)
    pairs = [(exact[clip], scores[clip]) for clip in scores]
    c, d = (max(abs(one[k] - other[k]) for one, other in pairs) for k in (0, 1))
    same = sum(one[2] == other[2] for one, other in pairs)
    print(f"LSE, dialect sp: {seconds:.1f} CPU s, ratio {theirs / seconds:.2f}; same offset {same} of {len(pairs)};")
    scale = max(score[1] for score in scores.values())
    print(f"  largest difference LSE-C {c:.1e}, LSE-D {d:.1e} (LSE-D is up to {scale:.2f})")
    if single:
        exactly = whole - single["lse"] + seconds
        print(f"together with dialect sp in place of clean: about {exactly:.1f} CPU s, ratio {total / exactly:.2f}")


def full_sampling(bench: Bench, files: Mapping[str, Path], number: int, frames: int) -> None:
    """Our pass over every frame against the bare convolutions."""
    from benchmarks.one_pass.convolutions import seconds_a_frame
    from harness.media import VideoReader

    pictures = next(iter(VideoReader(bench.made / "00.mp4", chunk=16)))
    bare = seconds_a_frame(pictures)
    every, windows = number * frames, number * (frames - 5)
    times = {"lip": windows, "sound": windows, "inception": 2 * every, "facenet": every, "resnet18": every}
    times["faces"] = every
    needed = sum(bare[name] * count for name, count in times.items())
    seconds = bench.ours("full", files, ["lse", "fid", "identity", "emotion"], full=True)
    print("convolutions, ms a frame: " + ", ".join(f"{name} {1e3 * value:.1f}" for name, value in bare.items()))
    print(f"every frame: ours {seconds:.1f} CPU s, bare convolutions {needed:.1f}: {seconds / needed:.2f} times")


def main() -> None:
    """Cut, run, compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=Path, required=True)
    parser.add_argument("--number", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--syncnet-python", type=Path, help="checkout of joonson/syncnet_python; else LSE is left out")
    parser.add_argument("--wav2lip", type=Path, help="checkout of Rudrabha/Wav2Lip; needs --syncnet-python")
    parser.add_argument("--python", default=sys.executable, help="interpreter of the reference programs")
    parser.add_argument("--parts", action="store_true", help="our metrics one at a time too")
    parser.add_argument("--full", action="store_true", help="also every frame against the bare convolutions")
    parser.add_argument("--only-full", action="store_true")
    given = parser.parse_args()
    from benchmarks.one_pass.inputs import FILES, clips, weights

    frames = round(given.seconds * 25)
    with tempfile.TemporaryDirectory(prefix="cmet-bench-one-pass-") as folder:
        bench = Bench(Path(folder), given.python)
        clips(given.clips, bench.work, frames, given.number)
        files = weights(bench.work / "weights")
        for name, place in (("inception", "torch/hub/checkpoints"), ("facenet", "torch/checkpoints")):
            (bench.work / place).mkdir(parents=True)
            os.link(files[name], bench.work / place / FILES[name])
        print(f"{given.number} clips of {given.seconds:g} s at 256 px; CPU seconds of one thread, start-up included")
        if not given.only_full:
            compare(bench, files, given.syncnet_python, given.parts)
            if given.wav2lip is not None:
                compare_wav2lip(bench, files, given.wav2lip)
        if given.full or given.only_full:
            full_sampling(bench, files, given.number, frames)


if __name__ == "__main__":
    main()
