"""EAT's generator: our order of work against the plain one.

    python benchmarks/bench_eat.py generator [--frames 4] [--batch 2] [--rounds 1]
    python benchmarks/bench_eat.py shallow [--rounds 3]

`generator` prints CPU seconds of one thread for that many frames at full size with stand-in weights. Plain: frames one
by one, each encoding the portrait again, the decoder's guide enlarged before it is convolved. Ours: the portrait once,
frames in batches, the guide convolved at its own size. A last line shows what batches alone are worth. `shallow` times
a training step of the largest convolution of the small EAT that ships, over volumes three voxels deep, as one over
volumes and as one over pictures.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.timing import cpu_seconds, in_turn


@click.group(help=__doc__)
def main() -> None:
    """Choose a measurement."""


@main.command()
@click.option("--frames", default=4, show_default=True)
@click.option("--batch", default=2, show_default=True, help="Frames that are painted together.")
@click.option("--rounds", default=1, show_default=True)
def generator(frames: int, batch: int, rounds: int) -> None:
    """Time a clip of a few frames."""
    import torch

    torch.set_num_threads(1)
    seconds: dict[str, list[float]] = {}
    results = {}
    with torch.no_grad():
        sides = _sides(frames, batch)
        for _ in range(rounds):
            for name, work in sides.items():
                spent, results[name] = cpu_seconds(work)
                seconds.setdefault(name, []).append(spent)
    plain, batches, single = (min(found) for found in seconds.values())
    for name in ("batches", "one by one"):
        print(f"largest difference of {name} from plain: {float((results[name] - results['plain']).abs().max()):.1e}")
    print(
        f"{frames} frames, batches of {batch}: plain {plain:.1f} CPU s, ours {batches:.1f}, "
        f"ratio {plain / batches:.2f}; {batches / frames:.1f} CPU s a frame"
    )
    print(f"the same without batches: {single:.1f} CPU s, ratio of batches {single / batches:.2f}")


@main.command()
@click.option("--rounds", default=3, show_default=True)
def shallow(rounds: int) -> None:
    """Time four volumes of 36 channels and 3 x 32 x 32 voxels through 16 kernels of 7 x 7 x 7, there and back."""
    import torch
    from torch.nn import functional

    from networks.eat.volume_convolution import VolumeConvolution

    torch.set_num_threads(1)
    convolution = VolumeConvolution(36, 16, 7)
    volume = torch.rand(4, 36, 3, 32, 32, generator=torch.Generator().manual_seed(7), requires_grad=True)

    def plain() -> Any:
        return functional.conv3d(volume, convolution.weight, convolution.bias, padding=3)

    def step(way: Callable[[], Any]) -> float:
        return cpu_seconds(lambda: way().square().mean().backward())[0]

    sides: dict[str, Callable[[], Any]] = {"volumes": plain, "pictures": lambda: convolution(volume)}
    found = in_turn({name: lambda way=way: step(way) for name, way in sides.items()}, rounds)  # type: ignore[misc]
    print(f"largest difference: {float((plain() - convolution(volume)).detach().abs().max()):.1e}")
    volumes, pictures = (min(seconds) for seconds in found.values())
    print(f"volumes {volumes:.3f} CPU s, pictures {pictures:.3f}, ratio {volumes / pictures:.2f}")


def _sides(frames: int, batch: int) -> dict[str, Callable[[], Any]]:
    """The plain order of work; ours; ours frame by frame. Each returns all frames."""
    import torch

    from networks.eat.generator import Generator
    from networks.eat.seeded_weights import filled

    network = filled(Generator(), "generator.")
    draw = torch.Generator().manual_seed(7)
    picture, prompt = torch.rand(1, 3, 256, 256, generator=draw), torch.randn(1, 128, generator=draw)
    source = 0.3 * torch.randn(1, 15, 3, generator=draw)
    driving = source + 0.05 * torch.randn(frames, 15, 3, generator=draw)

    def ours(size: int) -> Any:
        portrait = network.portrait(picture, source, prompt)
        return torch.cat([network.frames(portrait, part) for part in driving.split(size)])

    def plain() -> Any:
        made = []
        for keypoints in driving.split(1):
            portrait = network.portrait(picture, source, prompt)
            made.append(_plain_decoded(network.decoder, network.guide(portrait, keypoints)))
        return torch.cat(made)

    return {"plain": plain, "batches": lambda: ours(batch), "one by one": lambda: ours(1)}


def _plain_decoded(decoder: Any, guide: Any) -> Any:
    """A decoder's picture, each layer as SPADE's paper writes it."""
    import torch
    from torch.nn import functional

    def spade(norm: Any, x: Any) -> Any:
        seen = norm.mlp_shared(functional.interpolate(guide, x.shape[-2:]))
        return functional.instance_norm(x) * (1 + norm.mlp_gamma(seen)) + norm.mlp_beta(seen)

    def block(layers: Any, x: Any) -> Any:
        y = layers.conv_0(functional.leaky_relu(spade(layers.norm_0, x), 0.2))
        y = layers.conv_1(functional.leaky_relu(spade(layers.norm_1, y), 0.2))
        return y + (layers.conv_s(spade(layers.norm_s, x)) if hasattr(layers, "conv_s") else x)

    x = decoder.fc(guide)
    for number in range(6):
        x = block(decoder.get_submodule(f"G_middle_{number}"), x)
    for layers in (decoder.up_0, decoder.up_1):
        x = block(layers, functional.interpolate(x, scale_factor=2.0))
    return torch.sigmoid(decoder.conv_img(functional.leaky_relu(x, 0.2)))


if __name__ == "__main__":
    main()
