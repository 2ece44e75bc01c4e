"""S3FD (Zhang et al. 2017) is the face detector of syncnet_python, batched over frames here.

State-dict names and shapes are those of the published ``sfd_face.pth``. Pictures are RGB with the channel means
123, 117, 104 subtracted, shrunk to a quarter before the network sees them.
Facts: docs/reference/metrics.md, 'S3FD'.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as functional
from torch import nn

from harness.errors import UsageError
from networks.files.plausibility import ImplausibleError
from networks.files.torch_file import read_state

Float = npt.NDArray[np.float64]
_RGB_MEANS = (123.0, 117.0, 104.0)
_STRIDES_PX = (4, 8, 16, 32, 64, 128)
_SIZES_PX = (16, 32, 64, 128, 256, 512)
_MIN_SCORE = 0.05  # before the first suppression
_CANDIDATES, _KEPT = 5000, 750
_FIRST_IOU, _SECOND_IOU = 0.3, 0.1
_CENTRE_VARIANCE, _SIZE_VARIANCE = 0.1, 0.2
_PIXELS_PER_BATCH = 2**19


class _ChannelNorm(nn.Module):
    """Scales every position's channel vector to unit length, times a learned gain per channel."""

    def __init__(self, channels: int, gain: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((channels,), gain))

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        length = maps.pow(2).sum(1, keepdim=True).sqrt() + 1e-10
        return self.weight.view(1, -1, 1, 1) * (maps / length)


def _vgg() -> nn.ModuleList:
    layers: list[nn.Module] = []
    source = 3
    for stage, (width, depth) in enumerate(((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))):
        for _ in range(depth):
            layers += [nn.Conv2d(source, width, 3, padding=1), nn.ReLU(inplace=True)]
            source = width
        layers.append(nn.MaxPool2d(2, 2, ceil_mode=stage == 2))
    layers += [nn.Conv2d(512, 1024, 3, padding=6, dilation=6), nn.ReLU(inplace=True)]
    layers += [nn.Conv2d(1024, 1024, 1), nn.ReLU(inplace=True)]
    return nn.ModuleList(layers)


class S3FD(nn.Module):
    """Maps pictures (n, 3, h, w) -> face probability (n, p) and box offsets (n, p, 4) of all p priors."""

    def __init__(self) -> None:
        super().__init__()
        self.vgg = _vgg()
        self.L2Norm3_3 = _ChannelNorm(256, 10.0)
        self.L2Norm4_3 = _ChannelNorm(512, 8.0)
        self.L2Norm5_3 = _ChannelNorm(512, 5.0)
        self.extras = nn.ModuleList(
            [
                nn.Conv2d(1024, 256, 1),
                nn.Conv2d(256, 512, 3, 2, 1),
                nn.Conv2d(512, 128, 1),
                nn.Conv2d(128, 256, 3, 2, 1),
            ]
        )
        widths = (256, 512, 512, 1024, 512, 256)
        self.loc = nn.ModuleList([nn.Conv2d(width, 4, 3, padding=1) for width in widths])
        self.conf = nn.ModuleList(
            [nn.Conv2d(width, 4 if i == 0 else 2, 3, padding=1) for i, width in enumerate(widths)]
        )

    def maps(self, pictures: torch.Tensor) -> list[torch.Tensor]:
        """Returns the six feature maps that the heads read."""
        taps = {15: self.L2Norm3_3, 22: self.L2Norm4_3, 29: self.L2Norm5_3}  # last ReLU of the stages 3, 4, 5
        maps, x = [], pictures
        for place, layer in enumerate(self.vgg):
            x = layer(x)
            if place in taps:
                maps.append(taps[place](x.clone()))  # the next ReLU works in place
        maps.append(x)
        for place, layer in enumerate(self.extras):
            x = functional.relu(layer(x))
            if place % 2:
                maps.append(x)
        return maps

    def forward(self, pictures: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Returns probabilities (n, p), offsets (n, p, 4) and priors (p, 4: centre and size as shares of the
        picture).
        """
        scores, offsets, sides = [], [], []
        for place, x in enumerate(self.maps(pictures)):
            classes = self.conf[place](x)
            if place == 0:  # three background classes compete, the strongest stands for all
                classes = torch.cat([classes[:, :3].amax(1, keepdim=True), classes[:, 3:]], 1)
            scores.append(classes.permute(0, 2, 3, 1).flatten(1, 2))
            offsets.append(self.loc[place](x).permute(0, 2, 3, 1).flatten(1, 2))
            sides.append((x.shape[2], x.shape[3]))
        probability = torch.softmax(torch.cat(scores, 1), -1)[..., 1]
        where = priors(sides, pictures.shape[2], pictures.shape[3])
        return probability, torch.cat(offsets, 1), torch.from_numpy(where).to(pictures.device)


def priors(sides: list[tuple[int, int]], height: int, width: int) -> npt.NDArray[np.float32]:
    """Returns prior boxes (p, 4): centre x, y and size x, y as shares of a picture of this height and width."""
    parts = []
    for (rows, columns), stride, size in zip(sides, _STRIDES_PX, _SIZES_PX, strict=True):
        y, x = np.meshgrid(
            (np.arange(rows) + 0.5) * stride / height, (np.arange(columns) + 0.5) * stride / width, indexing="ij"
        )
        extent = np.broadcast_to([size / width, size / height], (rows * columns, 2))
        parts.append(np.concatenate([np.stack([x.ravel(), y.ravel()], 1), extent], 1))
    return np.concatenate(parts).astype(np.float32)


def decoded(offsets: torch.Tensor, where: torch.Tensor) -> torch.Tensor:
    """Returns boxes (…, p, 4) x0, y0, x1, y1 as shares of the picture."""
    size = where[:, 2:] * torch.exp(offsets[..., 2:] * _SIZE_VARIANCE)
    low = where[:, :2] + offsets[..., :2] * _CENTRE_VARIANCE * where[:, 2:] - size / 2
    return torch.cat([low, size + low], -1)


def suppressed(boxes: Float, order: npt.NDArray[np.int64], iou: float) -> list[int]:
    """Returns the indexes of `order` (best first) that survive: none overlaps a better survivor by more than `iou`."""
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    kept = []
    while order.size:
        best, order = int(order[0]), order[1:]
        kept.append(best)
        low = np.maximum(boxes[best, :2], boxes[order, :2])
        high = np.minimum(boxes[best, 2:], boxes[order, 2:])
        common = np.prod(np.maximum(0.0, high - low), axis=1)
        order = order[common / (area[best] + area[order] - common) <= iou]
    return kept


def candidates(probability: npt.NDArray[np.float32], boxes: Float) -> Float:
    """Returns (k, 5) boxes and scores of one picture after the first suppression, best first, k <= 750."""
    above = np.nonzero(probability > _MIN_SCORE)[0]
    order = np.argsort(probability[above], kind="stable")[::-1][:_CANDIDATES]
    kept = above[suppressed(boxes[above], order, _FIRST_IOU)[:_KEPT]]
    return np.concatenate([boxes[kept], probability[kept, None]], 1)


def load(path: Path, device: str = "cpu") -> S3FD:
    """Returns the network with the weights of `path`, strict. Raises ImplausibleError when the file does not fit."""
    net = S3FD()
    try:
        net.load_state_dict(read_state(path))
    except (UsageError, RuntimeError) as error:
        cure = "Type: python bench.py weights fetch s3fd"
        raise ImplausibleError(f"'{path}' does not hold S3FD weights.", cure) from error
    return net.eval().requires_grad_(False).to(device)


@torch.inference_mode()
def detect(net: S3FD, frames: npt.NDArray[np.uint8], threshold: float = 0.9, scale: float = 0.25) -> list[Float]:
    """Returns the faces of uint8 RGB frames (n, h, w, 3): per frame (k, 5) x0, y0, x1, y1 in px and score, best
    first.
    """
    if not len(frames):
        return []
    step = max(1, int(_PIXELS_PER_BATCH / (frames.shape[1] * frames.shape[2] * scale**2)))
    parts = (
        _detect_batch(net, frames[first : first + step], threshold, scale) for first in range(0, len(frames), step)
    )
    return [faces for part in parts for faces in part]


def pictures(frames: npt.NDArray[np.uint8], scale: float) -> torch.Tensor:
    """Returns the network's input (n, 3, h * scale, w * scale) for uint8 RGB frames."""
    small = [cv2.resize(frame, (0, 0), fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR) for frame in frames]
    return torch.from_numpy(np.stack(small).astype(np.float32) - np.array(_RGB_MEANS, np.float32)).permute(0, 3, 1, 2)


def _detect_batch(net: S3FD, frames: npt.NDArray[np.uint8], threshold: float, scale: float) -> list[Float]:
    probability, offsets, where = net(pictures(frames, scale).to(next(net.parameters()).device))
    boxes = decoded(offsets, where).cpu().numpy().astype(np.float64)
    _, height, width, _ = frames.shape
    probabilities = probability.cpu().numpy()
    return [_faces(probabilities[k], boxes[k], threshold, height, width) for k in range(len(boxes))]


def _faces(probability: npt.NDArray[np.float32], boxes: Float, threshold: float, height: int, width: int) -> Float:
    faces = candidates(probability, boxes)
    faces = faces[faces[:, 4] > threshold]
    faces[:, :4] *= (width, height, width, height)
    return faces[suppressed(faces[:, :4], np.argsort(faces[:, 4], kind="stable")[::-1], _SECOND_IOU)]
