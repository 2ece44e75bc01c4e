"""FLOAT, our order of work against the released one: CPU seconds in one run, one thread, same stand-in weights.

    python benchmarks/bench_float.py [--seconds 2] [--repeats 3] [--out FILE.json]

The released order is re-enacted by formulas on our weights: FLOAT's licence does not let its program be part of this
project, so this is the plain way to compute what the port computes. Weights are scaled and modulated anew for every
layer of every frame, blurs are single-channel convolutions, the last level paints and warps whole maps, both wav2vec2
networks are transformers' own with attention matrices in memory, and three guided answers come in one batch. Prints
the seconds of each stage, their sum for a clip of --seconds, ratios (released / ours), and the largest difference.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from bench_edtalk import Reenactment, compare, single_channel_blur, zero_inserted
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from baselines.float.autoencoder import MotionAutoencoder
from baselines.float.conditions import AudioEncoder, frames_of, whole_frames
from baselines.float.networks import FloatNetworks
from baselines.float.sampler import Guidance, velocity
from baselines.float.seeded_checkpoint import stand_in
from baselines.float.transformer import Conditions, FlowTransformer
from baselines.float.wav2vec2 import BASE, LARGE, Shape, Wav2Vec2
from networks.edtalk.decoder import base_grid

STRETCH_FRAMES, STEPS = 50, 9


class PlainAutoencoder(Reenactment):
    """The motion autoencoder layer by layer; nothing is kept between frames."""

    def __init__(self, network: MotionAutoencoder) -> None:
        self.network = network  # type: ignore[assignment]

    def portrait(self, image: Tensor) -> tuple[Tensor, list[Tensor]]:
        convs = list(self.network.enc.net_app.convs)
        maps = [self._layer(convs[0], image)]
        for block in convs[1:-1]:
            x = maps[-1]
            main = self._layer(block.conv2, self._layer(block.conv1, x))
            maps.append((main + self._layer(block.skip, x)) / math.sqrt(2))
        vector = F.conv2d(maps[-1], convs[-1].weight * convs[-1].scale)
        return vector.flatten(1), maps[-2::-1]

    def frame(self, latent: Tensor, features: list[Tensor]) -> Tensor:
        dec = self.network.dec
        hidden = self._styled(dec.conv1, dec.input.input, latent)
        picture, raw = None, None
        for level, feature in enumerate(features):
            hidden = self._styled(dec.convs[2 * level], hidden, latent)
            hidden = self._styled(dec.convs[2 * level + 1], hidden, latent)
            flow, paint = dec.to_flows[level], dec.to_rgbs[level]
            upper = 0 if raw is None else single_channel_blur(zero_inserted(raw), flow.upsample, (2, 1))
            raw = self._modulated(flow.conv, hidden, latent) + flow.bias + upper
            grid = base_grid(raw.shape[-1], raw.device) + torch.tanh(raw[:, :2]).permute(0, 2, 3, 1)
            mask = torch.sigmoid(raw[:, 2:])
            warp = F.grid_sample(feature, grid, align_corners=False) * mask
            hidden = warp + hidden * (1.0 - mask)
            below = 0 if picture is None else single_channel_blur(zero_inserted(picture), paint.upsample, (2, 1))
            picture = self._layer(paint.conv, warp) + paint.bias + below
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


def plain_audio(encoder: AudioEncoder, model: Any, wave: Tensor, frames: int) -> Tensor:
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


def plain_emotion(head: nn.Module, model: Any, wave: Tensor) -> Tensor:
    """Emotion probabilities by transformers' network."""
    mean = model(wave[None]).last_hidden_state.mean(1)
    probabilities: Tensor = head.out_proj(torch.tanh(head.dense(mean))).softmax(-1)
    return probabilities


def plain_velocity(flow: FlowTransformer, time: Tensor, track: Tensor, before: Tensor, given: Conditions) -> Tensor:
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


def stages(networks: FloatNetworks, seconds: float) -> dict[str, tuple[int, Callable[[], Any], Callable[[], Any]]]:
    """Stage -> how often a clip of that length needs it, the released order, ours."""
    draw = torch.Generator().manual_seed(7)
    autoencoder, flow, audio = networks.motion_autoencoder, networks.fmt, networks.audio_encoder
    recogniser = networks.emotion_encoder.wav2vec2_for_emotion
    wave = torch.randn(int(seconds * 16_000), generator=draw)
    frames = frames_of(len(wave))
    image = F.interpolate(torch.rand(1, 3, 16, 16, generator=draw) * 2 - 1, (512, 512), mode="bilinear")
    motion = torch.randn(1, 512, generator=draw) * 0.1
    plain = PlainAutoencoder(autoencoder)
    portrait, (s_r, features) = autoencoder.portrait(image), plain.portrait(image)
    track, sound = torch.randn(2, 1, STRETCH_FRAMES, 512, generator=draw)
    before = torch.zeros(1, flow.previous, 512)
    given = Conditions(sound, before, portrait.r_s, torch.full((1, 7), 1 / 7))
    time = torch.tensor([0.5])
    base, large = transformers_model(audio.wav2vec2, BASE), transformers_model(recogniser.wav2vec2, LARGE)
    return {
        "portrait": (1, lambda: plain.portrait(image)[0], lambda: autoencoder.portrait(image).s_r),
        "audio": (1, lambda: plain_audio(audio, base, wave, frames), lambda: audio(wave, frames)),
        "emotion": (
            1, lambda: plain_emotion(recogniser.classifier, large, wave), lambda: networks.emotion_encoder(wave),
        ),
        "guided velocity": (
            STEPS * -(-frames // STRETCH_FRAMES),
            lambda: plain_velocity(flow, time, track, before, given),
            lambda: velocity(flow, time, track, before, given, Guidance()),
        ),
        "frame": (frames, lambda: plain.frame(s_r + motion, features), lambda: autoencoder.decode(portrait, motion)),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=2.0, help="length of the clip that the sum is for")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, help="also write the numbers as JSON")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    table: dict[str, dict[str, float]] = {}
    with torch.no_grad():
        for name, (times, released, ours) in stages(stand_in(), asked.seconds).items():
            table[name] = {"times": times, **compare(released, ours, asked.repeats)}
    total = {side: sum(row["times"] * row[side] for row in table.values()) for side in ("official_s", "ours_s")}
    table["clip"] = {"times": 1, **total, "ratio": total["official_s"] / total["ours_s"]}
    print(f"re-enacted order of work, clip of {asked.seconds:g} s, one thread, torch {torch.__version__}")
    for name, row in table.items():
        gap = f"  largest difference {row['max_difference']:.1e}" if "max_difference" in row else ""
        print(
            f"{name:16s} x {row['times']:4.0f}  released {row['official_s']:8.3f} s  ours {row['ours_s']:8.3f} s  "
            f"ratio {row['ratio']:.2f}{gap}"
        )
    if asked.out:
        asked.out.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
