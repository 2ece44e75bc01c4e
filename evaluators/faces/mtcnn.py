"""MTCNN (Zhang et al. 2016) finds faces here with the trained networks of facenet-pytorch 2.6.0, batched over frames.

The weights are those in facenet-pytorch's wheel; the cascade is ours: area pooling by integral images (all
candidate windows of a batch at once), suppression per frame, and an empty answer instead of an exception for a
frame without a face. Constants: docs/reference/metrics.md, 'MTCNN'.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from evaluators.faces import mtcnn_boxes as stage
from evaluators.faces.area_pool import IntegralImages, crops, integral_images, resized
from evaluators.faces.mtcnn_boxes import Candidates, Float, Int
from evaluators.weights.wheel_files import wheel_file
from harness.evaluator import Chunk

if TYPE_CHECKING:
    import torch

NAME = "mtcnn-fn2.6.0"  # as signatures name it
MIN_FACE_PX = 20
FACTOR = 0.709
P_THRESHOLD, R_THRESHOLD, O_THRESHOLD = 0.6, 0.7, 0.7
_WINDOW_PX = 12  # the side of P-Net's input
_PIXELS_PER_BATCH = 2**19  # bounds the memory of the pyramid: 8 frames of 256 px, 2 of 512 px


@dataclass(frozen=True)
class Faces:
    """Holds the faces of one frame, largest area first; k may be 0. Coordinates in px of the frame, x before y."""

    boxes: Float  # (k, 4) x0, y0, x1, y1
    probs: Float  # (k,)
    landmarks: Float  # (k, 5, 2): eye at smaller x, eye at larger x, nose, mouth corner at smaller x, at larger x

    def __len__(self) -> int:
        return len(self.probs)


class Mtcnn:
    """Finds faces in frames; its networks (2 MB, in the installed wheel) load on construction."""

    def __init__(self, device: str = "cpu") -> None:
        from evaluators.faces.mtcnn_nets import ONet, PNet, RNet

        self._device = device
        self._pnet = self._network(PNet, "pnet.pt")
        self._rnet = self._network(RNet, "rnet.pt")
        self._onet = self._network(ONet, "onet.pt")

    def _network(self, kind: type[torch.nn.Module], name: str) -> torch.nn.Module:
        from networks.files.torch_file import read_state

        network = kind()
        network.load_state_dict(read_state(_file(name)))
        return network.eval().requires_grad_(False).to(self._device)

    def detect(self, frames: npt.NDArray[np.uint8]) -> list[Faces]:
        """Returns the faces of uint8 RGB frames (n, height, width, 3): one `Faces` per frame, empty where there is
        none.
        """
        import torch

        if len(frames) == 0:
            return []
        step = max(1, _PIXELS_PER_BATCH // (frames.shape[1] * frames.shape[2]))
        batches = [frames[first : first + step] for first in range(0, len(frames), step)]
        with torch.inference_mode():
            return [faces for batch in batches for faces in self._detect_batch(batch)]

    def _detect_batch(self, frames: npt.NDArray[np.uint8]) -> list[Faces]:
        integral = integral_images(frames)
        candidates = stage.squared(stage.moved(self._propose(integral), 0))
        candidates, windows = stage.windows(candidates, frames.shape[1], frames.shape[2])
        if len(windows):
            candidates = self._refine(integral, candidates, windows)
            candidates, windows = stage.windows(candidates, frames.shape[1], frames.shape[2])
        if len(windows) == 0:
            return [_faces_of(candidates, np.zeros((0, 5, 2), np.float32), frame) for frame in range(len(frames))]
        moves, points, scores = self._forward(self._onet, crops(integral, candidates.frame, windows, 48))
        final, index = stage.passed(candidates, scores[:, 1], moves, O_THRESHOLD)
        landmarks = stage.landmarks(final.boxes, points[index])
        final = stage.moved(final, 1)
        return [_faces_of(final, landmarks, frame) for frame in range(len(frames))]

    def _refine(self, integral: IntegralImages, candidates: Candidates, windows: Int) -> Candidates:
        """Windows that R-Net confirms, corrected and squared."""
        moves, scores = self._forward(self._rnet, crops(integral, candidates.frame, windows, 24))
        refined = stage.passed(candidates, scores[:, 1], moves, R_THRESHOLD)[0]
        return stage.squared(stage.moved(refined.take(stage.keep(refined, 0.7)), 1))

    def _propose(self, integral: IntegralImages) -> Candidates:
        """Windows that P-Net finds on every level of the pyramid, suppressed within levels, then over them."""
        height, width = integral.shape[1] - 1, integral.shape[2] - 1
        levels = []
        for scale in pyramid(height, width):
            moves, scores = self._forward(
                self._pnet, resized(integral, int(height * scale + 1), int(width * scale + 1))
            )
            level = stage.cells(scores[:, 1], moves, scale, P_THRESHOLD)
            levels.append(level.take(stage.keep(level, 0.5)))
        merged = Candidates.concatenated(levels)
        return merged.take(stage.keep(merged, 0.7))

    def _forward(self, network: torch.nn.Module, pictures: Float, batch: int = 64) -> list[Float]:
        """Outputs of a network on n >= 1 pictures (n, h, w, 3) with values 0..255."""
        import torch

        outputs = []
        for first in range(0, len(pictures), batch):
            x = torch.from_numpy(pictures[first : first + batch]).to(self._device).permute(0, 3, 1, 2)
            outputs.append([y.cpu() for y in network((x - 127.5) * 0.0078125)])
        return [torch.cat(parts).numpy() for parts in zip(*outputs, strict=True)]


def pyramid(height: int, width: int) -> list[float]:
    """Returns the scales of the pyramid for pictures of this size; none when the picture is smaller than a face."""
    scales, scale = [], _WINDOW_PX / MIN_FACE_PX
    side = min(height, width) * scale
    while side >= _WINDOW_PX:
        scales.append(scale)
        scale, side = scale * FACTOR, side * FACTOR
    return scales


def _faces_of(final: Candidates, landmarks: Float, frame: int) -> Faces:
    index = np.nonzero(final.frame == frame)[0]
    index = index[stage.keep_min(final.boxes[index], final.score[index], 0.7)]
    boxes = final.boxes[index]
    order = np.argsort((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]))[::-1]
    return Faces(boxes[order], final.score[index][order], landmarks[index][order])


def _file(name: str) -> Path:
    return wheel_file("facenet_pytorch", f"data/{name}")


@lru_cache(maxsize=2)
def detector(device: str = "cpu") -> Mtcnn:
    """Returns the process's one detector on `device`."""
    return Mtcnn(device)


def chunk_faces(chunk: Chunk, device: str = "cpu", every: int = 1) -> dict[int, Faces]:
    """Returns the faces of the chunk's frames whose index in the clip is a multiple of `every`: index in the clip ->
    faces.
    """
    return faces_at(chunk, sampled(chunk, every), device)


def faces_at(chunk: Chunk, wanted: Iterable[int], device: str = "cpu") -> dict[int, Faces]:
    """Returns the faces of the frames with these indexes in the clip (all in the chunk): index -> faces.

    The faces that any judge asked for are kept on the chunk (key "mtcnn"), so a frame is searched once.
    """
    known: dict[int, Faces] = chunk.once("mtcnn", dict)
    indexes = list(wanted)
    unknown = [index for index in indexes if index not in known]
    if unknown:
        frames = chunk.frames[np.array(unknown) - chunk.first]
        known.update(zip(unknown, detector(device).detect(frames), strict=True))
    return {index: known[index] for index in indexes}


def sampled(chunk: Chunk, every: int) -> range:
    """Returns the indexes in the clip of the chunk's frames that are multiples of `every`."""
    return range(-(-chunk.first // every) * every, chunk.first + len(chunk.frames), every)
