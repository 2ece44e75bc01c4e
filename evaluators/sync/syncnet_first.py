"""SyncNet's first lip layer, the costliest one, runs here on a CPU with a quarter of its multiplications.

It is a convolution over 5 frames and 7x7 pixels with stride 2, normalisation, ReLU, and a 3x3 maximum with stride 2.
Even and odd rows and columns of a picture are separated, which makes it a convolution of 4x4 pixels with stride 1 over
60 channels; that one is computed in tiles by Toom-Cook. A frame's tiles are transformed once for the five windows that
it belongs to. Pixels are whole numbers, so their transform is exact; the sums are shorter than those of the direct
convolution, and so the result is closer to the exact one (2e-7 against 5e-7 of its norm).

What it is worth: `score` of two clips (275 frames) by the judge `lse`, dialect `clean`, full-size network, one thread,
three alternated runs on a busy machine: 25.3 CPU seconds with it and 28.5 with PyTorch's convolution, 11 % of the job.
"""

from __future__ import annotations

import torch
import torch.nn.functional as functional

from evaluators.sync.toom_cook import transforms

_FRAMES, _COLOURS, _TAPS = 5, 3, 7
_PHASED_TAPS = 4  # of a kernel of 7, padded to 8, over every second pixel
_TILE = 4  # outputs in each direction; even, so that the pooling windows of a strip of tiles begin with it
_POINTS = _TILE + _PHASED_TAPS - 1
_PHASES = 4 * _COLOURS
_WINDOWS_AT_ONCE = 4  # keeps a strip of products (2 MB) in the processor's cache


class FirstLipLayer:
    """Holds the kernel (out, 15, 7, 7), colour before time, and bias (out,), normalisation folded in.

    `input_px`, the side of the pictures, must be even.
    """

    def __init__(self, kernel: torch.Tensor, bias: torch.Tensor, input_px: int) -> None:
        self._outputs = (input_px - _TAPS) // 2 + 1  # of the convolution, in each direction
        self._pooled = (self._outputs - 3) // 2 + 1
        self._tiles = -(-self._outputs // _TILE)
        made = transforms(_TILE, _PHASED_TAPS)
        taps, outputs = torch.from_numpy(made.taps), torch.from_numpy(made.outputs)
        phased = functional.pad(kernel.double().contiguous(), (0, 1, 0, 1))
        phased = phased.view(len(kernel), _COLOURS, _FRAMES, _PHASED_TAPS, 2, _PHASED_TAPS, 2)
        spread = torch.einsum("ka,octapbq,lb->kltpqco", taps, phased, taps)
        self._kernel = spread.reshape(_POINTS**2, _FRAMES * _PHASES, len(kernel)).float().contiguous()
        self._inputs = torch.from_numpy(made.inputs).float()
        read = torch.einsum("ik,jl->ijkl", outputs, outputs)
        self._read = read.reshape(_TILE**2, _POINTS**2).float().contiguous()
        self._bias = bias.float().view(1, -1, 1, 1)

    def __call__(self, pictures: torch.Tensor) -> torch.Tensor:
        """uint8 BGR pictures (t, side, side, 3) → maps (t - 4, out, s, s), channels last, after pooling and ReLU."""
        windows = len(pictures) - _FRAMES + 1
        parts = [
            self._some(pictures[first : min(first + _WINDOWS_AT_ONCE, windows) + _FRAMES - 1])
            for first in range(0, windows, _WINDOWS_AT_ONCE)
        ]
        return functional.relu_(torch.cat(parts).permute(0, 3, 1, 2).add_(self._bias))

    def _some(self, pictures: torch.Tensor) -> torch.Tensor:
        """Pooled maps (n, s, s, out) of a few windows, before bias and ReLU, which commute with the maximum."""
        windows, width = len(pictures) - _FRAMES + 1, self._kernel.shape[2]
        phases, side = self._phases(pictures), self._tiles * _TILE
        pooled = torch.empty(windows, self._pooled, self._pooled, width)
        # The strip's rows, and the last two of the strip before, over which a pooling window reaches.
        rows = torch.empty(windows, _TILE + 2, side, width)
        for strip in range(self._tiles):
            rows[:, :2] = rows[:, _TILE:]
            products = torch.bmm(self._transformed(phases, strip, windows), self._kernel)
            tiles = torch.mm(self._read, products.view(_POINTS**2, -1))
            tiles = tiles.view(_TILE, _TILE, self._tiles, windows, width).permute(3, 0, 2, 1, 4)
            rows[:, 2:].view(windows, _TILE, self._tiles, _TILE, width).copy_(tiles)
            self._pool(rows, strip, pooled)
        return pooled

    def _phases(self, pictures: torch.Tensor) -> torch.Tensor:
        """(rows, columns, t * 12): every second pixel, a frame's phases and colours together; zeros at the end."""
        count, half = len(pictures), pictures.shape[1] // 2
        separated = pictures.view(count, half, 2, half, 2, _COLOURS).permute(1, 3, 0, 2, 4, 5)
        end = self._tiles * _TILE + _PHASED_TAPS - 1 - half
        return functional.pad(separated.reshape(half, half, -1).float(), (0, 0, 0, end, 0, end))

    def _transformed(self, phases: torch.Tensor, strip: int, windows: int) -> torch.Tensor:
        """(points, tiles * windows, 60) of one strip of tiles."""
        channels = phases.shape[2]
        rows = phases[strip * _TILE : strip * _TILE + _POINTS].view(_POINTS, -1)
        down = torch.mm(self._inputs, rows).view(_POINTS, -1, channels)
        step, column, _ = down.stride()
        tiles = down.as_strided((_POINTS, self._tiles, _POINTS, channels), (step, _TILE * column, column, 1))
        both = torch.matmul(self._inputs, tiles)  # (point down, tile, point across, t * 12)
        a, b, c, _ = both.stride()
        shape = (_POINTS, _POINTS, self._tiles, windows, _FRAMES * _PHASES)
        return both.as_strided(shape, (a, c, b, _PHASES, 1)).reshape(_POINTS**2, -1, _FRAMES * _PHASES)

    def _pool(self, rows: torch.Tensor, strip: int, pooled: torch.Tensor) -> None:
        """3x3 maxima with stride 2 that are complete with this strip, two rows of them a strip."""
        first = 2 if strip == 0 else 0
        last = min(_TILE + 2, self._outputs - strip * _TILE + 2)
        if last - first < 3:
            return
        place = max(0, strip * _TILE - 2) // 2
        whole = rows[:, first:last, : self._outputs].permute(0, 3, 1, 2)
        maxima = functional.max_pool2d(whole, 3, 2).permute(0, 2, 3, 1)
        pooled[:, place : place + maxima.shape[1]] = maxima
