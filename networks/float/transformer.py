"""FLOAT's flow-matching transformer: the velocity of a stretch of motion, given sound, emotion, portrait and time.

Eight blocks in the manner of DiT (Peebles and Xie 2023): each frame's condition shifts, scales and gates what the block
does with that frame. A frame attends to itself and two neighbours on either side only. The ten frames before the
stretch stand in front of it. State-dict names are those of `fmt.` in the released `float.pth`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_TIME_WIDTH, _LONGEST_PERIOD = 256, 10_000.0
_EPS = 1e-6


@dataclass(frozen=True)
class Conditions:
    """What a stretch of frames is to show, for a batch of B: each part is zeros where it is to say nothing.

    `audio` (B, frames, width) of the frames, `audio_before` (B, previous, width) of those before; `portrait` (B, width)
    the picture's own motion; `emotion` (B, 7) probabilities.
    """

    audio: Tensor
    audio_before: Tensor
    portrait: Tensor
    emotion: Tensor


class _TimeEmbedder(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(_TIME_WIDTH, width), nn.SiLU(), nn.Linear(width, width))

    def forward(self, time: Tensor) -> Tensor:
        half = _TIME_WIDTH // 2
        exponents = torch.arange(half, dtype=torch.float32, device=time.device) / half
        angles = time[:, None].float() * torch.exp(-math.log(_LONGEST_PERIOD) * exponents)
        embedded: Tensor = self.mlp(torch.cat((torch.cos(angles), torch.sin(angles)), dim=-1))
        return embedded


class _FrameEmbedder(nn.Module):
    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.proj = nn.Linear(inputs, width)


class _Attention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self._heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor, near: Tensor) -> Tensor:
        query, key, value = self.qkv(x).unflatten(-1, (3, self._heads, -1)).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=near)
        joined: Tensor = self.proj(mixed.transpose(1, 2).flatten(2))
        return joined


class _FeedForward(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.fc2(F.gelu(self.fc1(x), approximate="tanh"))
        return y


def _modulation(width: int, count: int) -> nn.Sequential:
    return nn.Sequential(nn.SiLU(), nn.Linear(width, count * width))


def _modulated(x: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    return F.layer_norm(x, x.shape[-1:], eps=_EPS) * (1 + scale) + shift


class _Block(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attn = _Attention(width, heads)
        self.mlp = _FeedForward(width)
        self.adaLN_modulation = _modulation(width, 6)

    def forward(self, x: Tensor, condition: Tensor, near: Tensor) -> Tensor:
        shift, scale, gate, mlp_shift, mlp_scale, mlp_gate = self.adaLN_modulation(condition).chunk(6, dim=-1)
        x = x + gate * self.attn(_modulated(x, shift, scale), near)
        return x + mlp_gate * self.mlp(_modulated(x, mlp_shift, mlp_scale))


class _Last(nn.Module):
    def __init__(self, width: int, outputs: int) -> None:
        super().__init__()
        self.adaLN_modulation = _modulation(width, 2)
        self.linear = nn.Linear(width, outputs)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        shift, scale = self.adaLN_modulation(condition).chunk(2, dim=-1)
        y: Tensor = self.linear(_modulated(x, shift, scale))
        return y


class FlowTransformer(nn.Module):
    """The network; without arguments the official full-size one.

    motion: width of a motion vector, and of the portrait's and the audio's conditions; emotions: number of classes;
    frames, previous: length of a stretch, and of what is known before it; reach: neighbours seen on either side.
    """

    pos_embed: Tensor
    alignment_mask: Tensor

    def __init__(
        self,
        motion: int = 512,
        emotions: int = 7,
        width: int = 1024,
        blocks: int = 8,
        heads: int = 8,
        frames: int = 50,
        previous: int = 10,
        reach: int = 2,
    ) -> None:
        super().__init__()
        self.motion, self.frames, self.previous = motion, frames, previous
        span = frames + previous
        self.pos_embed = nn.Parameter(torch.zeros(1, span, width))
        place = torch.arange(span)
        self.register_buffer("alignment_mask", (place[:, None] - place[None]).abs() <= reach)
        self.x_embedder = _FrameEmbedder(motion, width)
        self.t_embedder = _TimeEmbedder(width)
        self.c_embedder = nn.Linear(2 * motion + emotions, width)
        self.blocks = nn.ModuleList(_Block(width, heads) for _ in range(blocks))
        self.decoder = _Last(width, motion)

    def forward(self, time: Tensor, track: Tensor, before: Tensor, given: Conditions) -> Tensor:
        """Returns (B, previous + frames, motion) velocities at `time` (1,) of a track (B, frames, motion) that follows
        `before` (B, previous, motion)."""
        x = self.x_embedder.proj(torch.cat((before, track), dim=1)) + self.pos_embed
        condition = self.t_embedder(time)[:, None] + self.c_embedder(self._joined(given))
        for block in self.blocks:
            x = block(x, condition, self.alignment_mask)
        velocities: Tensor = self.decoder(x, condition)
        return velocities

    def _joined(self, given: Conditions) -> Tensor:
        audio = torch.cat((given.audio_before, given.audio), dim=1)
        constant = [part[:, None].expand(-1, audio.shape[1], -1) for part in (given.portrait, given.emotion)]
        return torch.cat((constant[0], audio, constant[1]), dim=-1)
