"""Face judges against the reference way of doing the same, side by side in one run.

    python benchmarks/bench_faces.py CLIP [--frames 50]

Prints CPU seconds of one thread per frame and ratios: MTCNN one by one (facenet-pytorch 2.6.0) and here; FaceNet on
every frame one by one and here; the emotion network and its bare convolutions; differences of the results.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from facenet_pytorch import MTCNN, InceptionResnetV1
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from evaluators.emotion.emotion_fan import EmotionFAN
from evaluators.emotion.nets import FrameAttention
from evaluators.faces.crops import box_crop, mtcnn_chip
from evaluators.faces.mtcnn import Mtcnn
from evaluators.identity.nets import facenet_input, facenet_module
from harness.media import VideoReader
from harness.seeded import fill
from networks.folding import folded


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """(CPU seconds, result)."""
    start = time.process_time()
    result = work()
    return time.process_time() - start, result


def line(name: str, ours: float, reference: float, frames: int) -> None:
    """One line of the report."""
    print(f"{name:34} {1e3 * reference / frames:8.1f} ms {1e3 * ours / frames:8.1f} ms   {reference / ours:5.2f} x")


def detection(frames: np.ndarray) -> list[Any]:
    """Faces here, compared with facenet-pytorch picture by picture."""
    theirs, ours = MTCNN(), Mtcnn()
    ours.detect(frames[:2])
    reference_seconds, reference = timed(lambda: [theirs.detect(frame, landmarks=True) for frame in frames])
    seconds, found = timed(lambda: ours.detect(frames))
    line("MTCNN, one by one / here", seconds, reference_seconds, len(frames))
    pairs = [(faces, other) for faces, other in zip(found, reference, strict=True) if len(faces)]
    worst = max((float(np.abs(faces.boxes - other[0].astype(float)).max()) for faces, other in pairs), default=0.0)
    print(f"{'':34} largest difference of a box: {worst:.1e} px in {len(pairs)} of {len(frames)} frames")
    return found


def identity(frames: np.ndarray) -> None:
    """Detection, crop and embedding."""
    theirs, module = MTCNN(), InceptionResnetV1(pretrained=None).eval()
    fill(module)
    plain = facenet_module()
    fill(plain)
    ours = folded(plain)
    detector = Mtcnn()

    def one_by_one() -> np.ndarray:
        rows = [module(theirs(Image.fromarray(frame))[None])[0].numpy() for frame in frames]
        return np.stack(rows)

    def here() -> np.ndarray:
        faces = detector.detect(frames)
        crops = [box_crop(frame, found.boxes[0], 160) for frame, found in zip(frames, faces, strict=True)]
        parts = [ours(facenet_input(crops[k : k + 16])).numpy() for k in range(0, len(crops), 16)]
        return np.concatenate(parts)

    with torch.inference_mode():
        reference_seconds, reference = timed(one_by_one)
        seconds, found = timed(here)
    line("FaceNet, one by one / here", seconds, reference_seconds, len(frames))
    print(f"{'':34} smallest cosine of the two embeddings: {float((reference * found).sum(axis=1).min()):.9f}")


def emotion(frames: np.ndarray, faces: list[Any]) -> None:
    """The emotion network with its crops, against its bare convolutions."""
    module = EmotionFAN().eval()
    fill(module)
    net = FrameAttention(module, "eval", "cpu")
    pairs = list(zip(frames, faces, strict=True))
    crop_seconds, chips = timed(lambda: [mtcnn_chip(frame, found.landmarks[0]) for frame, found in pairs])
    with torch.inference_mode():
        bare_seconds, _ = timed(lambda: [module.features(torch.zeros(1, 3, 224, 224)) for _ in frames])
    seconds, _ = timed(lambda: net.logits(net.features(chips)))
    line("ResNet-18, one by one / here", seconds, bare_seconds, len(frames))
    print(f"{'':34} chips of 224 px: {1e3 * crop_seconds / len(frames):.1f} ms a frame")


def main() -> None:
    """Read the clip, run everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--frames", type=int, default=50)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    frames = next(iter(VideoReader(arguments.clip, chunk=arguments.frames)))
    print(f"{len(frames)} frames of {frames.shape[2]}x{frames.shape[1]}; CPU time of one thread per frame")
    print(f"{'':34} {'reference':>11} {'here':>11}")
    faces = detection(frames)
    if any(len(found) == 0 for found in faces):
        raise SystemExit("Some frames show no face: choose another clip for the other comparisons.")
    identity(frames)
    emotion(frames, faces)


if __name__ == "__main__":
    main()
