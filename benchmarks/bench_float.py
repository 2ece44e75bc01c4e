"""FLOAT: our order of work against the plain one, and the memory of long sound.

    python benchmarks/bench_float.py clip [--seconds 2] [--rounds 3]
    python benchmarks/bench_float.py memory --checkpoint FILE [--minutes 4]

The first prints CPU seconds of one thread of both sides for each stage and, summed, for a clip, at full size with
stand-in weights. The second prints the peak memory of a process that loads a checkpoint and begins a clip of that many
minutes (`python -m baselines.float.seeded_checkpoint DIR` writes a stand-in).
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.timing import FILE, child, cpu_seconds, in_turn

STRETCH_FRAMES, STEPS = 50, 9
LONG_SOUND = """
import sys, numpy, torch
from pathlib import Path
from baselines.float import checkpoint
from networks.float.sampler import Guidance
from networks.float.speaker import Speaker
speaker = Speaker(checkpoint.load(Path(sys.argv[1])))
wave = numpy.random.default_rng(7).normal(0, 0.1, round(float(sys.argv[2]) * 960_000)).astype(numpy.float32)
with torch.no_grad():
    heard = speaker.emotion(wave)
    noise, picture = speaker.noise(len(wave), 1), numpy.zeros((speaker.size, speaker.size, 3), numpy.uint8)
    frames = speaker.frames(picture, wave, heard, noise, Guidance(time_points=2))
    for _ in range(60):
        next(frames)
"""


@dataclass(frozen=True)
class Stage:
    """One piece of work, both ways, and how often a clip needs it."""

    name: str
    times: int
    plain: Callable[[], Any]
    ours: Callable[[], Any]


@click.group(help=__doc__)
def main() -> None:
    """Choose a measurement."""


@main.command()
@click.option("--seconds", default=2.0, show_default=True, help="Length of the clip that the sum is for.")
@click.option("--rounds", default=3, show_default=True)
def clip(seconds: float, rounds: int) -> None:
    """Time every stage of a clip."""
    import torch

    from baselines.float.seeded_checkpoint import stand_in

    torch.set_num_threads(1)
    total = [0.0, 0.0]
    with torch.no_grad():
        for stage in _stages(stand_in(), seconds):
            gap = float((stage.plain() - stage.ours()).abs().max())
            sides = {side: getattr(stage, side) for side in ("plain", "ours")}
            found = in_turn({side: lambda work=work: cpu_seconds(work)[0] for side, work in sides.items()}, rounds)
            plain, ours = (min(values) for values in found.values())
            total = [total[0] + stage.times * plain, total[1] + stage.times * ours]
            print(
                f"{stage.name:16s} x{stage.times:4d}: plain {plain:7.3f} CPU s, ours {ours:7.3f}, "
                f"ratio {plain / ours:.2f}, largest difference {gap:.1e}",
                flush=True,
            )
    print(f"clip of {seconds:g} s: plain {total[0]:.1f} CPU s, ours {total[1]:.1f}, ratio {total[0] / total[1]:.2f}")


def _stages(networks: Any, seconds: float) -> list[Stage]:
    import torch

    from networks.float.conditions import frames_of

    draw = torch.Generator().manual_seed(7)
    wave = torch.randn(round(seconds * 16_000), generator=draw)
    frames = frames_of(len(wave))
    return [*_listening(networks, wave, frames), *_drawing(networks, frames, draw)]


def _listening(networks: Any, wave: Any, frames: int) -> list[Stage]:
    """What is done once with the sound: its features, and the emotion in it."""
    from benchmarks import plain_float as plain
    from networks.float.wav2vec2 import BASE, LARGE

    audio, recogniser = networks.audio_encoder, networks.emotion_encoder.wav2vec2_for_emotion
    base = plain.transformers_model(audio.wav2vec2, BASE)
    large = plain.transformers_model(recogniser.wav2vec2, LARGE)
    return [
        Stage("audio", 1, lambda: plain.audio_conditions(audio, base, wave, frames), lambda: audio(wave, frames)),
        Stage(
            "emotion", 1, lambda: plain.emotion(recogniser.classifier, large, wave),
            lambda: networks.emotion_encoder(wave),
        ),
    ]  # fmt: skip


def _drawing(networks: Any, frames: int, draw: Any) -> list[Stage]:
    """What is done with the portrait, in every stretch of the track, and in every frame."""
    import torch

    from benchmarks import plain_float as plain
    from benchmarks import plain_layers as layers
    from networks.float.sampler import Guidance, velocity
    from networks.float.transformer import Conditions

    autoencoder, flow = networks.motion_autoencoder, networks.fmt
    coarse = torch.rand(1, 3, 16, 16, generator=draw) * 2 - 1
    image = torch.nn.functional.interpolate(coarse, (512, 512), mode="bilinear")
    motion = torch.randn(1, 512, generator=draw) * 0.1
    held, (s_r, features) = autoencoder.portrait(image), layers.portrait(autoencoder.enc, image)
    track, sound = torch.randn(2, 1, STRETCH_FRAMES, 512, generator=draw)
    before, time = torch.zeros(1, flow.previous, 512), torch.tensor([0.5])
    given = Conditions(sound, before, held.r_s, torch.full((1, 7), 1 / 7))
    return [
        Stage(
            "portrait", 1, lambda: layers.portrait(autoencoder.enc, image)[0],
            lambda: autoencoder.portrait(image).s_r,
        ),
        Stage(
            "guided velocity", STEPS * -(-frames // STRETCH_FRAMES),
            lambda: plain.velocity(flow, time, track, before, given),
            lambda: velocity(flow, time, track, before, given, Guidance()),
        ),
        Stage(
            "frame", frames, lambda: layers.frame(autoencoder.dec, s_r + motion, features),
            lambda: autoencoder.decode(held, motion),
        ),
    ]  # fmt: skip


@main.command()
@click.option("--checkpoint", type=FILE, required=True)
@click.option("--minutes", default=4.0, show_default=True)
def memory(checkpoint: Path, minutes: float) -> None:
    """Print the peak memory of the first 60 frames of a long clip: what follows is as large as they were."""
    peak = child([sys.executable, "-c", LONG_SOUND, checkpoint, minutes]).peak_mib
    print(f"{minutes:g} min of sound: {peak:.0f} MiB")


if __name__ == "__main__":
    main()
