"""EDTalk: our order of work against the released programs', and the memory of long sound.

    python benchmarks/bench_edtalk.py frame [--rounds 3]
    python benchmarks/bench_edtalk.py memory [--seconds 10 --seconds 120]

The first prints CPU seconds of one thread for a frame in each of the modes, at full size with stand-in weights, and how
far the pictures differ. The released programs encode the source picture, and every driving picture, for every frame and
factorise the directions each time; that order is re-enacted by plain_layers. What we do once a clip stands in a line
of its own. The second prints the peak memory of a process that makes a clip of that many seconds with small weights.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.timing import child, cpu_seconds, versus

#: Mode → which of lips, pose and expression a picture drives; the others' codes are given.
MODES = {
    "lips from sound, stored code": ("pose",),
    "lips from sound, expression from a clip": ("pose", "exp"),
    "lips and expression from clips": ("lip", "pose", "exp"),
    "lips from sound, head still": (),
}
LONG_CLIP = """
import sys
from pathlib import Path
import numpy
from baselines.edtalk.method import EDTalk
from harness.media import VideoWriter, write_wav
from harness.records import Clip, Emotion, Request
from harness.worker import ask
folder, frames = Path(sys.argv[1]), round(float(sys.argv[2]) * 25)
draw = numpy.random.default_rng(7)
write_wav(folder / "sound.wav", draw.normal(0, 0.1, frames * 640).astype(numpy.float32))
with VideoWriter(folder / "pose.mp4", 256, 256) as writer:
    for _ in range(frames):
        writer.write(draw.integers(0, 255, (256, 256, 3), dtype=numpy.uint8))
clip = folder / "pose.mp4"
request = Request("s", "i", Emotion("", clip=clip), Path(sys.argv[3]), folder / "sound.wav", frames, 25, 0, "reference",
                  clip, clip)
made = ask(EDTalk({"weights": "demo", "emotion": "clip"}, "cpu"), request, folder / "made.mp4")
assert isinstance(made, Clip), made
"""


@click.group(help=__doc__)
def main() -> None:
    """Choose a measurement."""


@main.command()
@click.option("--rounds", default=3, show_default=True)
def frame(rounds: int) -> None:
    """Time a frame in every mode."""
    import torch

    from cmet.seeded_checkpoints import seeded_network

    torch.set_num_threads(1)
    pool = torch.nn.functional.adaptive_avg_pool2d
    network: Any = seeded_network("edtalk")
    draw = torch.Generator().manual_seed(7)
    smooth = torch.rand(4, 3, 16, 16, generator=draw) * 2 - 1
    photo, *driving = torch.nn.functional.interpolate(smooth, (256, 256), mode="bilinear").split(1)
    pictures = dict(zip(("lip", "pose", "exp"), driving, strict=True))
    given = {name: torch.randn(1, width, generator=draw) for name, width in (("lip", 20), ("pose", 6), ("exp", 10))}
    with torch.no_grad():
        print(f"once a clip: {cpu_seconds(lambda: network.source(photo))[0]:.3f} CPU s")
        source = network.source(photo)
        for mode, names in MODES.items():
            driven = {name: pictures[name] for name in names}
            plain, ours = versus(
                mode, _released(network, photo, driven, given), _ours(network, source, driven, given), rounds
            )
            gaps = [float((plain - ours).abs().max()), float(pool(plain - ours, 64).abs().max())]
            print(f"  largest difference {gaps[0]:.1e} of 2, of 64 px pictures {gaps[1]:.1e}", flush=True)


def _released(network: Any, photo: Any, driven: dict[str, Any], given: dict[str, Any]) -> Callable[[], Any]:
    """One frame with everything worked out anew."""
    import torch

    from benchmarks import plain_layers as plain

    def work() -> Any:
        wa, features = plain.portrait(network.enc, photo)
        alpha = dict(given)
        for name, picture in driven.items():
            found = network.codes_of_appearance(plain.portrait(network.enc, picture)[0])
            alpha[name] = getattr(found, name)
        columns = torch.cat((network.direction_lipnonlip.weight, network.direction_exp.weight), 1) + 1e-8
        axes = torch.linalg.qr(columns, mode="reduced").Q.T
        moved = torch.diag_embed(torch.cat([alpha[name] for name in ("lip", "pose", "exp")], 1)) @ axes
        return plain.frame(network.dec, wa + moved.sum(1), features, moved[:, -10:].sum(1))

    return work


def _ours(network: Any, source: Any, driven: dict[str, Any], given: dict[str, Any]) -> Callable[[], Any]:
    """One frame of a clip whose source is encoded."""

    def work() -> Any:
        alpha = {**given, **{name: getattr(network.codes([picture]), name) for name, picture in driven.items()}}
        return network.render(source, alpha["lip"], alpha["pose"], alpha["exp"])

    return work


@main.command()
@click.option("--seconds", multiple=True, default=(10.0, 120.0), show_default=True)
def memory(seconds: tuple[float, ...]) -> None:
    """Print the peak memory by the length of the sound; pose and expression come from a clip of that length."""
    import numpy as np
    from PIL import Image

    for length in seconds:
        with tempfile.TemporaryDirectory() as folder:
            portrait = Path(folder) / "face.png"
            Image.fromarray(np.random.default_rng(7).integers(0, 255, (256, 256, 3), dtype=np.uint8)).save(portrait)
            spent = child([sys.executable, "-c", LONG_CLIP, folder, length, portrait])
        print(f"{length:g} s of sound: {spent.peak_mib:.0f} MiB, {spent.seconds:.1f} CPU s", flush=True)


if __name__ == "__main__":
    main()
