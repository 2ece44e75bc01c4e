"""Draws with the demo generator in training: half-size decoding, the loss over pictures, and a look at the result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from networks.edtalk.decoder import Decoder
from networks.edtalk.generator import Encoding, Generator
from recipes.faces import pictures, random_states


def picture_loss(made: Tensor, true: Tensor, source: Tensor, by_change: bool = True) -> Tensor:
    """Returns L1 of pictures and of their gradients at three sizes, weighted by the change from source to ground truth.

    `by_change` measures a change against all changes of its own picture: a mouth that should have opened counts as much
    in its picture as a head that should have turned in another. That finishes faces, but faces must be there first:
    a fresh decoder learns far sooner from plain weights, where nothing counts less than once or more than four times.
    """
    total = made.new_zeros(())
    for _ in range(3):
        change = (true - source).abs().mean(1, keepdim=True)
        if by_change:
            weight = 0.3 + (change / (change.mean((1, 2, 3), keepdim=True) + 0.004)).clamp(max=40.0)
        else:
            weight = 1.0 + 5.0 * change.clamp(max=0.6)
        error = made - true
        total = total + (weight * error.abs()).mean()
        for axis in (2, 3):
            part = weight.narrow(axis, 1, weight.shape[axis] - 1)
            total = total + 0.5 * (part * error.diff(dim=axis).abs()).mean()
        made, true, source = (F.avg_pool2d(x, 2) for x in (made, true, source))
    return total


def half_size(generator: Generator, style: int, channels: Mapping[int, int]) -> Decoder:
    """Returns a decoder for half the picture size that shares the generator's layers, all but the finest level's."""
    whole = generator.dec
    half = Decoder(generator.size // 2, style, channels)
    half.input, half.conv1, half.convs = whole.input, whole.conv1, whole.convs[:-2]
    half.to_rgbs, half.to_flows = whole.to_rgbs[:-1], whole.to_flows[:-1]
    half.fineadainresblock = whole.fineadainresblock[:-1]
    return half


def decode(generator: Generator, half: Decoder | None, faces: Encoding) -> Tensor:
    """Returns the faces with the codes they hold; at half size when that decoder is given."""
    if half is None:
        return generator.render(faces, faces.lip, faces.pose, faces.exp)
    motion, expression = generator.motion(faces.lip, faces.pose, faces.exp)
    return half(faces.wa + motion, faces.features[:-1], expression)


@torch.no_grad()
def preview(generator: Generator, path: Path, device: str) -> None:
    """Writes a PNG of training puppets: source, pose and expression driver, made, true."""
    import cv2

    rng = np.random.default_rng(5)
    state = random_states(rng, 8)
    source = pictures(state, generator.size).to(device)
    order = np.roll(np.arange(8), 3)
    goal = replace(state, lip=state.lip[order], pose=state.pose[order], affect=state.affect[order])
    codes = generator.encode(source)
    made = generator.render(codes, codes.lip[order], codes.pose[order], codes.exp[order])
    rows = [source, source[order], made.clamp(-1, 1), pictures(goal, generator.size).to(device)]
    sheet = torch.cat([torch.cat(list(row), dim=2) for row in rows], dim=1).permute(1, 2, 0)
    cv2.imwrite(str(path), ((sheet.cpu().numpy() + 1) * 127.5).round().astype(np.uint8)[..., ::-1])
