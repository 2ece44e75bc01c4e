"""Lip sync: our pass against a re-enactment of the reference's order of work, side by side, one thread, one run.

    python benchmarks/bench_lse.py CLIP.mp4 [--seconds 5]

The reference way (Wav2Lip's evaluation, syncnet_python) is re-enacted with our own network class, so that only the
order of work differs: JPEG files on disk, all frames stacked as float windows, batches of twenty 5-frame windows,
distances window by window. Weights are stand-ins (speed does not depend on them). CPU seconds, not wall time.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from evaluators.faces.mtcnn import detector
from evaluators.sync import crop as sync_crop
from evaluators.sync import curve
from evaluators.sync.audio import heard
from evaluators.sync.ffmpeg.mjpeg import JpegPass, JpegReader, jpeg_planes
from evaluators.sync.syncnet import SyncNet
from evaluators.sync.syncnet_stream import LipRunner, LipStream, audio_rows
from evaluators.sync.tracks import build, extended
from harness.evaluator import ClipContext
from harness.media import VideoReader, read_audio
from harness.media.container import open_media
from harness.seeded import fill

BATCH = 20


def cpu_seconds(work: Callable[[], object]) -> float:
    """CPU seconds of one call."""
    start = time.process_time()
    work()
    return time.process_time() - start


def reference_way(net: SyncNet, clip: Path, frames: int) -> curve.LipSyncScore:
    """Files, stacked windows, batches of twenty, distances one window at a time."""
    from av.video.reformatter import VideoReformatter

    with tempfile.TemporaryDirectory() as folder, open_media(clip) as container:
        jpeg: JpegPass | None = None
        for index, frame in enumerate(container.decode(container.streams.video[0])):
            jpeg = jpeg or JpegPass(frame.width, frame.height)
            data = jpeg.encode(jpeg_planes(frame, VideoReformatter(), frame.width, frame.height))
            (Path(folder) / f"{index:06d}.jpg").write_bytes(data)
        pictures = [cv2.imread(str(path)) for path in sorted(Path(folder).glob("*.jpg"))[:frames]]
    stack = np.stack([cv2.resize(picture, (224, 224)) for picture in pictures if picture is not None], axis=3)
    video = torch.from_numpy(stack[None].transpose(0, 3, 4, 1, 2).astype(float)).float()  # (1, 3, t, 224, 224)
    sound = heard(_context(clip), "direct")
    coefficients = torch.from_numpy(curve.mfcc(sound).T[None, None].astype(float)).float()
    last = curve.windows(frames, len(sound))
    lip, audio = [], []
    with torch.no_grad():
        for first in range(0, last, BATCH):
            at = range(first, min(last, first + BATCH))
            lip.append(net.forward_lip(torch.cat([video[:, :, v : v + 5] for v in at])))
            audio.append(net.forward_audio(torch.cat([coefficients[:, :, :, 4 * v : 4 * v + 20] for v in at])))
        rows, sounds = torch.cat(lip), torch.cat(audio)
        padded = torch.nn.functional.pad(sounds, (0, 0, curve.VSHIFT, curve.VSHIFT))
        span = 2 * curve.VSHIFT + 1
        table = [
            torch.nn.functional.pairwise_distance(rows[[v]].repeat(span, 1), padded[v : v + span]) for v in range(last)
        ]
    return curve.read_curve(torch.stack(table).mean(0).numpy())


def our_w2l(net: SyncNet, runner: LipRunner, clip: Path, frames: int) -> curve.LipSyncScore:
    """The dialect w2l-lrs: the same numbers."""
    stream, seen = LipStream(runner), 0
    for chunk in JpegReader(clip):
        stream.feed(sync_crop.stretched(chunk[: frames - seen]))
        seen += len(chunk)
        if seen >= frames:
            break
    sound = heard(_context(clip), "direct")
    count = curve.windows(frames, len(sound))
    return curve.score(stream.rows()[:count], audio_rows(net, curve.mfcc(sound), count))


def our_clean(net: SyncNet, runner: LipRunner, clip: Path, frames: int) -> curve.LipSyncScore:
    """The dialect clean: MTCNN on every fifth frame, tracked crops, no hidden JPEG."""
    pictures = np.concatenate(list(VideoReader(clip)))[:frames]
    found = detector().detect(pictures[::5])
    track = build([(5 * i, np.asarray(faces.boxes, np.float64)) for i, faces in enumerate(found)])[0]
    track = extended(track, 0, frames - 1, 4)
    smooth = sync_crop.path(track, "edge")
    stream = LipStream(runner)
    crops = np.stack([crop for _, crop in sync_crop.crops(pictures, 0, track, smooth)])
    stream.feed(crops)
    sound = heard(_context(clip), "clean")
    count = min(len(stream.rows()) - 1, curve.windows(frames, len(sound)))
    return curve.score(stream.rows()[:count], audio_rows(net, curve.mfcc(sound), count), pad="valid")


def unavoidable(net: SyncNet, frames: int) -> None:
    """The convolutions alone, windows at once, in the published layout."""
    picture = torch.zeros(1, 3, min(frames, 20), 224, 224)
    with torch.inference_mode():
        for _ in range(max(1, round((frames - 5) / 16))):
            net.netcnnlip(picture)
        net.netcnnaud(torch.zeros(frames - 5, 1, 13, 20))


def _context(clip: Path) -> ClipContext:
    return ClipContext(None, clip, read_audio(clip).samples)  # type: ignore[arg-type]


def main() -> None:
    """Print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--seconds", type=float, default=5.0)
    given = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    frames = min(int(given.seconds * 25), VideoReader(given.clip).frames)
    net = SyncNet()
    fill(net)
    net.eval().requires_grad_(False)
    runner = LipRunner(net)
    scores: dict[str, curve.LipSyncScore] = {}
    ways: dict[str, Callable[[], object]] = {
        "reference way": lambda: scores.update(reference=reference_way(net, given.clip, frames)),
        "ours, w2l-lrs": lambda: scores.update(ours=our_w2l(net, runner, given.clip, frames)),
        "ours, clean": lambda: our_clean(net, runner, given.clip, frames),
        "convolutions": lambda: unavoidable(net, frames),
    }
    runner.rows(np.zeros((6, 224, 224, 3), np.uint8))
    seconds = {name: cpu_seconds(work) for name, work in ways.items()}
    for name, value in seconds.items():
        ratio = seconds["reference way"] / value
        print(f"{name:15s} {value:7.2f} CPU s, {value / frames * 25:5.2f} per second of video, {ratio:5.2f} x")
    difference = np.abs(scores["reference"].curve / scores["ours"].curve - 1).max()
    print(f"largest relative difference of the curve, reference way against w2l-lrs: {difference:.1e}")


if __name__ == "__main__":
    main()
