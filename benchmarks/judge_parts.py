"""This module measures single judges and networks against the reference way of doing the same, in this process (see
bench_judges.py).
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from benchmarks.timing import FILE, cpu_seconds, versus
from evaluators.emotion.emotion_fan import EmotionFAN
from evaluators.faces.mtcnn import Mtcnn
from evaluators.fid.inception import Inception
from evaluators.identity.nets import facenet_input, facenet_module
from evaluators.sync import curve
from evaluators.sync.syncnet import SyncNet
from harness.media import VideoReader, read_audio, to_pcm16
from harness.seeded import fill, seeded_array

SYNC_BATCH, BATCH = 20, 16
Frames = npt.NDArray[np.uint8]


def filled(network: Any) -> Any:
    """Returns the network with stand-in weights, ready to judge."""
    fill(network)
    return network.eval().requires_grad_(False)


@click.command()
@click.argument("clip", type=FILE)
@click.option("--seconds", default=5.0, show_default=True)
def sync(clip: Path, seconds: float) -> None:
    """Time SyncNet over a clip (dialect w2l-lrs), against the order of work of Wav2Lip's script, same network class."""
    from evaluators.sync.syncnet_stream import LipRunner

    cv2.setNumThreads(1)
    frames = min(int(seconds * 25), VideoReader(clip).frames)
    sound, net = to_pcm16(read_audio(clip).samples), filled(SyncNet())
    runner = LipRunner(net)
    theirs, ours = versus(
        f"SyncNet over {frames} frames",
        lambda: _reference_sync(net, clip, sound, frames),
        lambda: _our_sync(net, runner, clip, sound, frames),
        1,
    )
    print(f"  largest relative difference of the curve {np.abs(theirs.curve / ours.curve - 1).max():.1e}")


def _reference_sync(net: SyncNet, clip: Path, sound: Any, frames: int) -> curve.LipSyncScore:
    """JPEG files on disk, all frames stacked as float windows, batches of twenty, distances one window at a time."""
    from av.video.reformatter import VideoReformatter

    from evaluators.sync.ffmpeg.mjpeg import JpegPass, jpeg_planes
    from harness.media.container import open_media

    with tempfile.TemporaryDirectory() as folder, open_media(clip) as container:
        stream = container.streams.video[0]
        jpeg = JpegPass(stream.width, stream.height)
        for index, frame in enumerate(container.decode(stream)):
            data = jpeg.encode(jpeg_planes(frame, VideoReformatter(), frame.width, frame.height))
            (Path(folder) / f"{index:06d}.jpg").write_bytes(data)
        pictures: list[Any] = [cv2.imread(str(path)) for path in sorted(Path(folder).glob("*.jpg"))[:frames]]
    stack = np.stack([cv2.resize(picture, (224, 224)) for picture in pictures], axis=3)
    video = torch.from_numpy(stack[None].transpose(0, 3, 4, 1, 2).astype(float)).float()  # (1, 3, t, 224, 224)
    coefficients = torch.from_numpy(curve.mfcc(sound).T[None, None].astype(float)).float()
    last = curve.windows(frames, len(sound))
    lip, audio = [], []
    with torch.no_grad():
        for first in range(0, last, SYNC_BATCH):
            at = range(first, min(last, first + SYNC_BATCH))
            lip.append(net.forward_lip(torch.cat([video[:, :, v : v + 5] for v in at])))
            audio.append(net.forward_audio(torch.cat([coefficients[:, :, :, 4 * v : 4 * v + 20] for v in at])))
        rows = torch.cat(lip)
        padded = nn.functional.pad(torch.cat(audio), (0, 0, curve.VSHIFT, curve.VSHIFT))
        span = 2 * curve.VSHIFT + 1
        table = [nn.functional.pairwise_distance(rows[[v]].repeat(span, 1), padded[v : v + span]) for v in range(last)]
    return curve.read_curve(torch.stack(table).mean(0).numpy())


def _our_sync(net: SyncNet, runner: Any, clip: Path, sound: Any, frames: int) -> curve.LipSyncScore:
    from evaluators.sync.crop import stretched
    from evaluators.sync.ffmpeg.mjpeg import JpegReader
    from evaluators.sync.syncnet_stream import LipStream, audio_rows

    stream, seen = LipStream(runner), 0
    for chunk in JpegReader(clip):
        stream.feed(stretched(chunk[: frames - seen]))
        seen += len(chunk)
        if seen >= frames:
            break
    count = curve.windows(frames, len(sound))
    return curve.score(stream.rows()[:count], audio_rows(net, curve.mfcc(sound), count))


def _detected(theirs: Any, ours: Mtcnn, frames: np.ndarray) -> list[Any]:
    """The faces that ours finds, timed and compared with facenet-pytorch's."""
    wanted, found = versus(
        f"MTCNN on {len(frames)} frames",
        lambda: [theirs.detect(frame, landmarks=True) for frame in frames],
        lambda: ours.detect(frames),
        1,
    )
    if not all(map(len, found)):
        raise SystemExit("Some frames show no face: choose another clip.")
    worst = max(float(np.abs(f.boxes - w[0].astype(float)).max()) for f, w in zip(found, wanted, strict=True))
    print(f"  largest difference of a box {worst:.1e} px")
    return list(found)


@click.command()
@click.argument("clip", type=FILE)
@click.option("--frames", "count", default=20, show_default=True)
def faces(clip: Path, count: int) -> None:
    """Time MTCNN, FaceNet and ResNet-18 on frames of a clip, against facenet-pytorch one picture at a time."""
    from facenet_pytorch import MTCNN, InceptionResnetV1
    from PIL import Image

    from evaluators.emotion.nets import FrameAttention
    from evaluators.faces.crops import box_crop, mtcnn_chip
    from networks.folding import folded

    frames = next(iter(VideoReader(clip, chunk=count)))
    theirs, ours, embedder = MTCNN(), Mtcnn(), filled(InceptionResnetV1(pretrained=None))
    plain, emotion = folded(filled(facenet_module())), filled(EmotionFAN())
    found = _detected(theirs, ours, frames)

    def here() -> np.ndarray:
        crops = [box_crop(frame, f.boxes[0], 160) for frame, f in zip(frames, ours.detect(frames), strict=True)]
        return np.concatenate([plain(facenet_input(crops[k : k + BATCH])) for k in range(0, len(crops), BATCH)])

    chips = [mtcnn_chip(frame, f.landmarks[0]) for frame, f in zip(frames, found, strict=True)]
    attention = FrameAttention(emotion, "eval", "cpu")
    with torch.inference_mode():
        first, second = versus(
            "FaceNet",
            lambda: np.stack([embedder(theirs(Image.fromarray(frame))[None])[0].numpy() for frame in frames]),
            here,
            1,
        )
        versus(
            "ResNet-18",
            lambda: [emotion.features(torch.zeros(1, 3, 224, 224)) for _ in frames],
            lambda: attention.logits(attention.features(chips)),
            1,
        )
    print(f"  smallest cosine of two embeddings {float((first * second).sum(axis=1).min()):.9f}")


@click.command()
@click.option("--samples", default=200, show_default=True)
def frechet(samples: int) -> None:
    """Time the Fréchet distance of 2048 features, against the formula with scipy's matrix square root (run once).

    Features are stand-ins with a falling spectrum, as real ones have.
    """
    from scipy import linalg

    from evaluators.fid.distance import frechet as distance

    def features(which: str) -> np.ndarray:
        noise = seeded_array(f"bench/{which}.weight", (samples, 2048)).astype(np.float64) * np.sqrt(2048)
        return noise * np.arange(1, 2049) ** -0.5 + (0.01 if which == "b" else 0.0)

    def reference() -> float:
        (mean1, s1), (mean2, s2) = ((x.mean(axis=0), np.cov(x, rowvar=False)) for x in (first, second))
        root = np.real(linalg.sqrtm(s1 @ s2))
        return float(np.square(mean1 - mean2).sum() + np.trace(s1 + s2 - 2 * root))

    first, second, repeat = features("a"), features("b"), 10
    ours, value = cpu_seconds(lambda: max(distance(first, second) for _ in range(repeat)))
    theirs, wanted = cpu_seconds(reference)
    print(f"Fréchet, n {samples}, d 2048: reference {theirs:.1f} CPU s, ours {ours / repeat:.4f}, ", end="")
    print(f"ratio {theirs * repeat / ours:.0f}; relative difference {abs(value / wanted - 1):.1e}")


class _Clock:
    """Sums CPU time between the beginning and the end of a network's convolutions and linear layers."""

    def __init__(self, network: nn.Module) -> None:
        self.seconds, self._began = 0.0, 0.0
        for layer in network.modules():
            if isinstance(layer, (nn.Conv2d, nn.Conv3d, nn.Linear)):
                layer.register_forward_pre_hook(self._begin)
                layer.register_forward_hook(self._end)

    def _begin(self, *_: Any) -> None:
        self._began = time.process_time()

    def _end(self, *_: Any) -> None:
        self.seconds += time.process_time() - self._began


@torch.inference_mode()
def convolutions(pictures: Frames) -> dict[str, float]:
    """Returns CPU seconds a frame inside the layers of the published modules (float32, batches of 16, nothing folded).

    pictures: real frames (n, h, w, 3) for the face cascade.
    """

    def spent(network: nn.Module, work: Callable[[], Any], frames: int = BATCH) -> float:
        clock, best = _Clock(network), float("inf")
        for _ in range(3):  # the first one warms up
            clock.seconds = 0.0
            work()
            best = min(best, clock.seconds / frames)
        return best

    lip, inception, face, emotion = SyncNet().eval(), Inception().eval(), facenet_module(), EmotionFAN().eval()
    windows, big = torch.rand(1, 3, BATCH + 4, 224, 224), torch.rand(BATCH, 3, 299, 299)
    chips, crops, sounds = torch.rand(BATCH, 3, 224, 224), torch.rand(BATCH, 3, 160, 160), torch.rand(BATCH, 1, 13, 20)
    cascade = Mtcnn()
    nets = nn.ModuleList([net for net in vars(cascade).values() if isinstance(net, nn.Module)])
    return {
        "lip": spent(lip.netcnnlip, lambda: lip.netcnnlip(windows)),
        "sound": spent(lip.netcnnaud, lambda: lip.netcnnaud(sounds)),
        "inception": spent(inception, lambda: inception(big)),
        "facenet": spent(face, lambda: face(crops)),
        "resnet18": spent(emotion, lambda: emotion.features(chips)),
        "faces": spent(nets, lambda: cascade.detect(pictures), len(pictures)),
    }
