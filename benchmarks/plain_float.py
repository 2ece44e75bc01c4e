"""What FLOAT computes, in the plain order of work: the other side of benchmarks/bench_float.py.

FLOAT's licence does not let its program be part of this project, so its order is re-enacted by formulas on our weights
(docs/reference/methods.md, 'FLOAT'): the autoencoder's layers as in plain_layers, both wav2vec2 networks are
transformers' own with their attention in whole matrices, and three guided answers come in one batch.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from networks.float.conditions import AudioEncoder, whole_frames
from networks.float.transformer import Conditions, FlowTransformer
from networks.float.wav2vec2 import Shape, Wav2Vec2


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
