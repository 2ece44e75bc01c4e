"""What FLOAT computes, in the plain order of work: the other side of benchmarks/bench_float.py.

FLOAT's licence does not let its program be part of this project, so its order is re-enacted by formulas on our weights
(docs/reference/methods.md, 'FLOAT'): weights are scaled and modulated anew for every layer of every frame, blurs are
single-channel convolutions, the last level paints and warps whole maps, both wav2vec2 networks are transformers' own
with their attention in whole matrices, and three guided answers come in one batch.
"""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from baselines.float.autoencoder import MotionAutoencoder
from baselines.float.conditions import AudioEncoder, whole_frames
from baselines.float.transformer import Conditions, FlowTransformer
from baselines.float.wav2vec2 import Shape, Wav2Vec2
from networks.edtalk.decoder import base_grid
from networks.stylegan2.layers import Blur, EqualConv2d
from networks.stylegan2.modulation import ModulatedConv2d


def _blurred(x: Tensor, kernel: Tensor, pad: tuple[int, int]) -> Tensor:
    batch, channels, height, width = x.shape
    x = F.pad(x.reshape(batch * channels, 1, height, width), pad * 2)
    x = F.conv2d(x, kernel.flip(0, 1)[None, None])
    return x.reshape(batch, channels, *x.shape[-2:])


def _doubled(x: Tensor, kernel: Tensor) -> Tensor:
    batch, channels, height, width = x.shape
    x = F.pad(x.reshape(batch, channels, height, 1, width, 1), (0, 1, 0, 0, 0, 1))
    return _blurred(x.reshape(batch, channels, 2 * height, 2 * width), kernel, (2, 1))


def _activated(x: Tensor, bias: Tensor) -> Tensor:
    return F.leaky_relu(x + bias, 0.2) * math.sqrt(2)


def _layer(layers: nn.Sequential, x: Tensor) -> Tensor:
    stride = 1
    for layer in layers:
        if isinstance(layer, Blur):
            x, stride = _blurred(x, layer.kernel, (layer.pad, layer.pad)), 2
        elif isinstance(layer, EqualConv2d):
            padding = layer.weight.shape[-1] // 2 if stride == 1 else 0
            x = F.conv2d(x, layer.weight * layer.scale, stride=stride, padding=padding)
        else:
            x = _activated(x, layer.bias)  # type: ignore[arg-type]
    return x


def _modulated(conv: ModulatedConv2d, x: Tensor, latent: Tensor) -> Tensor:
    factors = F.linear(latent, conv.modulation.weight * conv.modulation.scale, conv.modulation.bias)
    weight = conv.scale * conv.weight * factors[:, None, :, None, None]
    if conv.demodulate:
        weight = weight * torch.rsqrt(weight.pow(2).sum((2, 3, 4)) + 1e-8)[:, :, None, None, None]
    if conv.upsample:
        y = F.conv_transpose2d(x, weight[0].transpose(0, 1), stride=2)
        return _blurred(y, conv.blur.kernel, (1, 1))
    return F.conv2d(x, weight[0], padding=weight.shape[-1] // 2)


def _styled(layer: Any, x: Tensor, latent: Tensor) -> Tensor:
    return _activated(_modulated(layer.conv, x, latent), layer.activate.bias)


def portrait(network: MotionAutoencoder, image: Tensor) -> tuple[Tensor, list[Tensor]]:
    """Appearance code and feature maps, coarse to fine."""
    convs: list[Any] = list(network.enc.net_app.convs)
    maps = [_layer(convs[0], image)]
    for block in convs[1:-1]:
        x = maps[-1]
        main = _layer(block.conv2, _layer(block.conv1, x))
        maps.append((main + _layer(block.skip, x)) / math.sqrt(2))
    vector = F.conv2d(maps[-1], convs[-1].weight * convs[-1].scale)
    return vector.flatten(1), maps[-2::-1]


def frame(network: MotionAutoencoder, latent: Tensor, features: list[Tensor]) -> Tensor:
    """The picture of one latent, every level in full."""
    dec: Any = network.dec
    hidden = _styled(dec.conv1, dec.input.input, latent)
    picture, raw = None, None
    for level, feature in enumerate(features):
        hidden = _styled(dec.convs[2 * level], hidden, latent)
        hidden = _styled(dec.convs[2 * level + 1], hidden, latent)
        flow, paint = dec.to_flows[level], dec.to_rgbs[level]
        upper = 0 if raw is None else _doubled(raw, flow.upsample.kernel)
        raw = _modulated(flow.conv, hidden, latent) + flow.bias + upper
        grid = base_grid(raw.shape[-1], raw.device) + torch.tanh(raw[:, :2]).permute(0, 2, 3, 1)
        mask = torch.sigmoid(raw[:, 2:])
        warp = F.grid_sample(feature, grid, align_corners=False) * mask
        hidden = warp + hidden * (1.0 - mask)
        below = 0 if picture is None else _doubled(picture, paint.upsample.kernel)
        picture = _layer(paint.conv, warp) + paint.bias + below
    assert picture is not None
    return picture


def transformers_model(ours: Wav2Vec2, shape: Shape) -> Any:
    """transformers' network with our weights, its attention in whole matrices."""
    from transformers import Wav2Vec2Config, Wav2Vec2Model

    config = Wav2Vec2Config(
        hidden_size=shape.width, num_hidden_layers=shape.layers, num_attention_heads=shape.heads,
        intermediate_size=shape.feed_forward, feat_extract_norm="layer" if shape.stable else "group",
        conv_bias=shape.stable, do_stable_layer_norm=shape.stable, apply_spec_augment=False,
        attn_implementation="eager",
    )  # fmt: skip
    model = Wav2Vec2Model(config)
    model.load_state_dict(ours.state_dict(), strict=False)  # all but the masked embedding of training
    return model.eval()


def audio_conditions(encoder: AudioEncoder, model: Any, wave: Tensor, frames: int) -> Tensor:
    """The audio conditions by transformers' parts."""
    layers: list[Tensor] = []
    hooks = [
        layer.register_forward_hook(lambda _, __, out: layers.append(out[0] if isinstance(out, tuple) else out))
        for layer in model.encoder.layers
    ]
    features = model.feature_extractor(whole_frames(wave, frames)[None])
    at_25_fps = F.interpolate(features, frames, mode="linear", align_corners=True).transpose(1, 2)
    model.encoder(model.feature_projection(at_25_fps)[0])
    for hook in hooks:
        hook.remove()
    projected: Tensor = encoder.audio_projection(torch.cat(layers, dim=-1))
    return projected


def emotion(head: Any, model: Any, wave: Tensor) -> Tensor:
    """Emotion probabilities by transformers' network."""
    mean = model(wave[None]).last_hidden_state.mean(1)
    probabilities: Tensor = head.out_proj(torch.tanh(head.dense(mean))).softmax(-1)
    return probabilities


def velocity(flow: FlowTransformer, time: Tensor, track: Tensor, before: Tensor, given: Conditions) -> Tensor:
    """The guided velocity at a = 2, e = 1: nothing, everything, sound alone, in one batch."""
    calm, mute = torch.zeros_like(given.emotion), torch.zeros_like(given.audio)
    batch = Conditions(
        torch.cat((mute, given.audio, given.audio)),
        given.audio_before.expand(3, -1, -1),
        given.portrait.expand(3, -1),
        torch.cat((calm, given.emotion, calm)),
    )
    silent, whole, sound = flow(time, track.expand(3, -1, -1), before.expand(3, -1, -1), batch).split(1)
    answer: Tensor = silent + 2 * (sound - silent) + 1 * (whole - sound)
    return answer
