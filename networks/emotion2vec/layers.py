"""The layers of emotion2vec work on packed rows: utterances of any lengths lie one behind the other, never padded.

Whatever acts on single rows (matrix products, normalisation, GELU) then needs no mask and wastes nothing;
attention and the positional convolution look at `sizes`, the number of rows of each utterance. Facts: the
emotion2vec+ release and its data2vec 2.0 trunk; state-dict names are the official ones.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_EPS = 1e-5
BIAS_BYTES = 64 << 20  # attention of long sound is done in query blocks whose bias stays below this


class ConvLayer(nn.Module):
    """Applies a strided convolution over time without padding, LayerNorm over channels, GELU; rows (time, channels)."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.kernel, self.stride = kernel, stride
        self.add_module("0", nn.Conv1d(inputs, outputs, kernel, stride, bias=False))
        self.add_module("2", nn.ModuleDict({"1": nn.LayerNorm(outputs, eps=_EPS)}))

    def matrices(self) -> list[Tensor]:
        """Returns the kernel as matrices (taps * inputs, outputs), cut so that windows of one matrix never overlap."""
        weight: Tensor = self.get_submodule("0").get_parameter("weight")
        step = self.stride if weight.shape[1] > 1 else self.kernel
        return [piece.permute(2, 1, 0).reshape(-1, len(weight)) for piece in weight.split(step, dim=2)]

    def forward(self, x: Tensor, matrices: Sequence[Tensor]) -> Tensor:
        count = (len(x) - self.kernel) // self.stride + 1
        total, first = None, 0
        for matrix in matrices:
            taps = len(matrix) // x.shape[1]
            windows = x[first:].unfold(0, taps, self.stride)[:count].transpose(1, 2).reshape(count, -1)
            windows = windows.to(matrix.dtype)
            total = windows @ matrix if total is None else torch.addmm(total, windows, matrix)
            first += taps
        assert total is not None
        return F.gelu(self.get_submodule("2.1")(total.to(x.dtype)))


class PositionLayer(nn.Module):
    """Applies a grouped convolution over time, LayerNorm without weights, GELU; rows (time, width)."""

    def __init__(self, width: int, kernel: int, groups: int) -> None:
        super().__init__()
        self.add_module("0", nn.Conv1d(width, width, kernel, padding=kernel // 2, groups=groups))

    def forward(self, x: Tensor) -> Tensor:
        y = self.get_submodule("0")(x.T[None])[0].T
        return F.gelu(F.layer_norm(y, y.shape[1:], eps=_EPS))


class Positions(nn.ModuleDict):
    """Makes the positional signal by a stack of convolutions; utterances are kept apart by rows of zeros."""

    def __init__(self, width: int, depth: int, kernel: int, groups: int) -> None:
        super().__init__({str(index + 1): PositionLayer(width, kernel, groups) for index in range(depth)})
        self._gap = kernel // 2

    def forward(self, x: Tensor, sizes: Sequence[int]) -> Tensor:
        """Returns rows of the same shape as the rows (sum of sizes, width) it gets."""
        if len(sizes) == 1:
            for layer in self.values():
                x = layer(x)
            return x
        keep = torch.zeros(sum(sizes) + self._gap * len(sizes), 1, dtype=x.dtype, device=x.device)
        first = 0
        for size in sizes:
            keep[first : first + size] = 1
            first += size + self._gap
        valid = keep[:, 0].nonzero()[:, 0]
        spread = torch.zeros(len(keep), x.shape[1], dtype=x.dtype, device=x.device).index_copy(0, valid, x)
        for layer in self.values():
            spread = layer(spread) * keep  # the gap must be zero before every layer
        return spread[valid]


def slopes(heads: int) -> list[float]:
    """Returns ALiBi's slope of each head: geometric for a power of two, else the series of the power of two below and
    then every second slope of the next one (Press et al. 2022).
    """
    if heads & (heads - 1) == 0:
        return [2.0 ** (-8.0 * (head + 1) / heads) for head in range(heads)]
    below = 1 << (heads.bit_length() - 1)
    return slopes(below) + slopes(2 * below)[0::2][: heads - below]


class DistanceBias:
    """Implements ALiBi with a learned scale per head: -|i - j| * slope * max(scale, 0); zero for the extra tokens."""

    def __init__(self, scale: Tensor, extra: int) -> None:
        self._strength = torch.tensor(slopes(scale.numel()), device=scale.device) * scale.flatten().clamp_min(0)
        self._extra = extra
        self._whole: dict[int, Tensor] = {}

    def rows(self, first: int, last: int, size: int) -> Tensor:
        """Returns the bias (heads, last - first, size) of queries first..last of an utterance of `size` rows."""
        at = torch.arange(size, device=self._strength.device, dtype=torch.float32)
        distance = (at[first:last, None] - at[None]).abs()
        distance[:, : self._extra] = 0
        distance[: max(0, self._extra - first)] = 0
        return -distance * self._strength[:, None, None]

    def whole(self, size: int) -> Tensor:
        """Returns the bias (heads, size, size), made once for all blocks and all utterances of this size."""
        if size not in self._whole:
            self._whole[size] = self.rows(0, size, size)
        return self._whole[size]

    def block_rows(self, size: int) -> int:
        """Says how many queries at once keep the bias small; `size` if all of them do."""
        per_row = 4 * size * len(self._strength)
        return size if per_row * size <= BIAS_BYTES else max(1, BIAS_BYTES // per_row)


class Attention(nn.Module):
    """Applies multi-head self-attention within each utterance, with a distance bias."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor, sizes: Sequence[int], bias: DistanceBias) -> Tensor:
        qkv = self.qkv(x)
        if len(set(sizes)) == 1:
            return self.proj(self._attend(qkv.view(len(sizes), sizes[0], -1), bias).flatten(0, 1))
        parts = [self._attend(part[None], bias)[0] for part in qkv.split(list(sizes))]
        return self.proj(torch.cat(parts))

    def _attend(self, qkv: Tensor, bias: DistanceBias) -> Tensor:
        """(batch, rows, 3 * width) -> (batch, rows, width)."""
        batch, size, _ = qkv.shape
        query, key, value = qkv.view(batch, size, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        step = bias.block_rows(size)
        if step == size:
            mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=bias.whole(size)[None])
        else:
            blocks = [
                F.scaled_dot_product_attention(
                    query[:, :, first : first + step],
                    key,
                    value,
                    attn_mask=bias.rows(first, min(first + step, size), size)[None],
                )
                for first in range(0, size, step)
            ]
            mixed = torch.cat(blocks, dim=2)
        return mixed.transpose(1, 2).reshape(batch, size, -1)


class Block(nn.Module):
    """Applies a post-norm transformer block."""

    def __init__(self, width: int, heads: int, mlp_width: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=_EPS)
        self.attn = Attention(width, heads)
        self.norm2 = nn.LayerNorm(width, eps=_EPS)
        self.mlp = nn.ModuleDict({"fc1": nn.Linear(width, mlp_width), "fc2": nn.Linear(mlp_width, width)})

    def forward(self, x: Tensor, sizes: Sequence[int], bias: DistanceBias) -> Tensor:
        x = self.norm1(x + self.attn(x, sizes, bias))
        return self.norm2(x + self.mlp["fc2"](F.gelu(self.mlp["fc1"](x))))


class Waveforms(nn.Module):
    """Turns packed waveforms into rows by the convolutional front, in chunks, so that memory does not follow the
    length.
    """

    def __init__(self, channels: int, layers: Sequence[tuple[int, int]]) -> None:
        super().__init__()
        widths = [1] + [channels] * len(layers)
        self.conv_layers = nn.ModuleList(
            [ConvLayer(widths[i], widths[i + 1], kernel, stride) for i, (kernel, stride) in enumerate(layers)]
        )
        self.hop = math.prod(stride for _, stride in layers)
        self.receptive = 1 + sum((k - 1) * math.prod(s for _, s in layers[:i]) for i, (k, _) in enumerate(layers))

    def frames(self, samples: int) -> int:
        """Returns the number of frames of a waveform; 0 if it is too short for one."""
        return (samples - self.receptive) // self.hop + 1 if samples >= self.receptive else 0

    def forward(self, stream: Tensor, chunk_frames: int) -> list[Tensor]:
        """Returns all frames of a waveform (n,), as consecutive chunks (at most chunk_frames, channels)."""
        layers = [layer for layer in self.conv_layers if isinstance(layer, ConvLayer)]
        matrices = [layer.matrices() for layer in layers]
        chunks, count = [], self.frames(len(stream))
        for first in range(0, count, chunk_frames):
            last = min(first + chunk_frames, count)
            x = stream[first * self.hop : (last - 1) * self.hop + self.receptive, None]
            for layer, cut in zip(layers, matrices, strict=True):
                x = layer(x, cut)
            chunks.append(x)
        return chunks
