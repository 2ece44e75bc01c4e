"""SyncNet runs over whole clips here: every frame enters the lip branch once, in bounded memory.

The published code stacks five frames per window and so decodes, copies and pads everything five times. Here batch
norms are folded into the convolutions, the five frames become channels of one 2-D convolution, and max pooling
comes before ReLU (they commute): equal to the windowed network within 1e-5 of a row's norm. On a CPU the first layer,
half of all the work, goes the shorter way of evaluators.sync.syncnet_first.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as functional
from torch import nn

from evaluators.sync.syncnet import MFCC_COEFFICIENTS, WINDOW_FRAMES, WINDOW_MFCC, SyncNet
from evaluators.sync.syncnet_first import FirstLipLayer

Rows = npt.NDArray[np.float32]
Frames = npt.NDArray[np.uint8]
_WINDOWS_PER_BATCH = 16  # first layer's output: 4.6 MB a window at official size
_AUDIO_PER_BATCH = 64
_MFCC_PER_FRAME = 4
_POOLS = {0: (3, 2, 0), 1: (3, 2, 1), 4: (3, 2, 0)}  # after these convolutions: kernel, stride, padding
_STRIDES_PADDINGS = ((2, 0), (2, 1), (1, 1), (1, 1), (1, 1), (1, 0))
_CONVOLUTIONS = (0, 4, 8, 11, 14, 18)  # their places in the published layer numbers


def _folded(trunk: nn.Sequential, index: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Kernel (out, in * time, h, w) and bias of a convolution with the batch norm behind it."""
    convolution, norm = trunk[index], trunk[index + 1]
    assert isinstance(convolution, nn.Conv3d)
    assert isinstance(norm, nn.BatchNorm3d)
    assert convolution.bias is not None
    assert norm.running_var is not None
    assert norm.running_mean is not None
    gain = norm.weight.double() / torch.sqrt(norm.running_var.double() + norm.eps)
    kernel = convolution.weight.double() * gain.view(-1, 1, 1, 1, 1)
    bias = (convolution.bias.double() - norm.running_mean.double()) * gain + norm.bias.double()
    return kernel.flatten(1, 2).float().contiguous(memory_format=torch.channels_last), bias.float()


class LipRunner:
    """Runs the lip branch of a network in eval mode over many frames."""

    def __init__(self, net: SyncNet, device: str = "cpu") -> None:
        self.input_px = net.input_px
        self._device = torch.device(device)
        with torch.no_grad():
            pairs = [_folded(net.netcnnlip, index) for index in _CONVOLUTIONS]
            self._layers = [(kernel.to(self._device), bias.to(self._device)) for kernel, bias in pairs]
            even = self.input_px % 2 == 0 and self._device.type == "cpu"
            self._first = FirstLipLayer(*self._layers[0], self.input_px) if even else None
        self._head = net.netfclip.eval().to(self._device)

    @torch.inference_mode()
    def rows(self, frames: Frames) -> Rows:
        """Returns the embeddings (t - 4, d) of RGB frames (t, s, s, 3), t >= 5 and s the network's input."""
        if frames.shape[1:] != (self.input_px, self.input_px, 3):
            raise ValueError(f"frames must be (t, {self.input_px}, {self.input_px}, 3), not {frames.shape}")
        count = len(frames) - WINDOW_FRAMES + 1
        parts = [
            self._batch(frames[first : min(first + _WINDOWS_PER_BATCH, count) + WINDOW_FRAMES - 1])
            for first in range(0, count, _WINDOWS_PER_BATCH)
        ]
        return np.concatenate(parts)

    def _batch(self, frames: Frames) -> Rows:
        bgr = torch.from_numpy(np.ascontiguousarray(frames[..., ::-1])).to(self._device)
        if self._first is not None:
            maps, begin = self._first(bgr), 1
        else:
            stacked = bgr.float().unfold(0, WINDOW_FRAMES, 1).flatten(3)  # (n, s, s, 3 colours * 5 frames)
            maps, begin = stacked.permute(0, 3, 1, 2), 0
        for place in range(begin, len(self._layers)):
            (kernel, bias), (stride, padding) = self._layers[place], _STRIDES_PADDINGS[place]
            maps = functional.conv2d(maps, kernel, bias, stride, padding)
            if place in _POOLS:
                maps = functional.max_pool2d(maps, *_POOLS[place])
            maps = functional.relu_(maps)
        return np.asarray(self._head(maps.flatten(1)).cpu().numpy())


class LipStream:
    """Collects rows of a clip that arrives in pieces; keeps four frames and the rows, nothing else."""

    def __init__(self, runner: LipRunner) -> None:
        self._runner = runner
        self._tail: Frames | None = None
        self._rows: list[Rows] = []

    def feed(self, frames: Frames) -> None:
        """Take the next frames (n, s, s, 3) RGB, any n >= 1."""
        joined = frames if self._tail is None else np.concatenate([self._tail, frames])
        if len(joined) >= WINDOW_FRAMES:
            self._rows.append(self._runner.rows(joined))
        self._tail = joined[max(0, len(joined) - WINDOW_FRAMES + 1) :].copy()

    def rows(self) -> Rows:
        """Returns embeddings (frames - 4, d) so far; (0, 0) for fewer than five frames."""
        return np.concatenate(self._rows) if self._rows else np.empty((0, 0), np.float32)


def _audio_batches(coefficients: npt.NDArray[np.float64], count: int) -> Iterator[torch.Tensor]:
    view = np.lib.stride_tricks.sliding_window_view(coefficients.astype(np.float32), WINDOW_MFCC, axis=0)
    windows = view[::_MFCC_PER_FRAME][:count]  # (count, 13, 20)
    for first in range(0, count, _AUDIO_PER_BATCH):
        yield torch.from_numpy(np.ascontiguousarray(windows[first : first + _AUDIO_PER_BATCH]))[:, None]


@torch.inference_mode()
def audio_rows(net: SyncNet, coefficients: npt.NDArray[np.float64], count: int, device: str = "cpu") -> Rows:
    """Returns the embeddings (count, d) of the windows of MFCC (t, 13) that start at its frames 0, 4, 8, ….

    Raises ValueError when there are too few coefficients for `count` windows.
    """
    needed = _MFCC_PER_FRAME * (count - 1) + WINDOW_MFCC
    if count < 1 or coefficients.ndim != 2 or coefficients.shape[1] != MFCC_COEFFICIENTS or len(coefficients) < needed:
        raise ValueError(f"{count} windows need MFCC of shape ({needed}, 13), not {coefficients.shape}")
    found: Rows | None = None
    first = 0
    for batch in _audio_batches(coefficients, count):
        rows = net.forward_audio(batch.to(device)).cpu().numpy()
        found = np.empty((count, rows.shape[1]), np.float32) if found is None else found  # no second copy of them all
        found[first : first + len(rows)] = rows
        first += len(rows)
    assert found is not None
    return found
