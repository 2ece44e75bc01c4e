"""This script measures methods against the released C-MET program: one frame, a whole edit, and the memory of an edit.

    python benchmarks/bench_methods.py frame --official DIR
    python benchmarks/bench_methods.py edit --official DIR --source PNG --audio WAV --pose MP4 --neutral D --emotion D
    python benchmarks/bench_methods.py memory --weights official --checkpoints DIR --seconds 10 --seconds 600

The first two print CPU seconds of one thread of both sides, their ratio, and how far the pictures differ; the last one
peak memory by the length of the sound.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import click
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.timing import FILE, FOLDER, ROOT, checkout, child, versus

NAMES = ("edtalk", "audio2lip", "cmet-connector")
RECORDED = ROOT / "benchmarks" / "recorded_edit.py"
CONVERT = 'from cmet.weight_sets import load_networks; load_networks("official", ("backbone", "connector"))'
official_option = checkout("--official", "the released C-MET code", "src/EDTalk")


@click.group(help=__doc__)
def main() -> None:
    """Choose a measurement."""


@main.command()
@official_option
def frame(official: Path) -> None:
    """Time one audio-driven frame, and the encoding of a frame for its codes, at full size with stand-in weights."""
    import torch

    from cmet.seeded_checkpoints import seeded_network

    torch.set_num_threads(1)
    network: Any = seeded_network("edtalk")
    released = _released_generator(official, network)
    draw = torch.Generator().manual_seed(7)
    smooth = torch.rand(2, 3, 16, 16, generator=draw) * 2 - 1
    photo, pose_image = torch.nn.functional.interpolate(smooth, (256, 256), mode="bilinear").split(1)
    lip, exp = torch.randn(1, 20, generator=draw), torch.randn(1, 10, generator=draw)
    with torch.no_grad():
        source, pose = network.source(photo), network.encode(pose_image).pose
        theirs, ours = versus(
            "audio-driven frame",
            lambda: released.test_EDTalk_AV_use_exp_weight(photo, lip, pose_image, exp),
            lambda: network.render(source, lip, pose, exp),
            3,
        )
        print(f"  largest difference {float((theirs - ours).abs().max()):.1e} of 2")
        theirs, ours = versus(
            "codes of a frame",
            lambda: released.compute_alpha_D(pose_image),
            lambda: network.codes([pose_image]),
            3,
        )
    gaps = [(mine - code).abs().max() for mine, code in zip((ours.exp, ours.pose, ours.lip), theirs, strict=True)]
    print(f"  largest difference {float(max(gaps)):.1e}")


def _released_generator(official: Path, network: Any) -> Any:
    """The released generator with our weights; two calls that current PyTorch lacks are put back."""
    import torch

    torch.qr = lambda matrix: torch.linalg.qr(matrix, mode="reduced")
    torch.Tensor.cuda = lambda self, *_, **__: self  # type: ignore[method-assign,assignment]
    sys.path.insert(0, str(official))
    from src.EDTalk.networks.generator import Generator

    released = Generator(256, 512, 20, 6, 10, 1)
    released.load_state_dict(network.state_dict())
    return released.eval()


@main.command()
@official_option
@click.option("--source", type=FILE, required=True)
@click.option("--audio", type=FILE, required=True)
@click.option("--pose", type=FILE, required=True)
@click.option("--neutral", type=FOLDER, required=True, help="Speech features (*.npy).")
@click.option("--emotion", type=FOLDER, required=True, help="Speech features (*.npy).")
@click.option("--pose-frames", default=175, show_default=True, help="The clip is cut to these.")
@click.option("--sound-frames", default=174, show_default=True, help="The sound is cut to these.")
@click.option("--checkpoints", type=FOLDER, help="Official files. [default: stand-ins of full size, 1 GB]")
@click.option("--released-batch", default=25, show_default=True, help="Pose frames that it encodes at a time.")
@click.option("--official-python", default=sys.executable, help="With librosa and omegaconf beside torch.")
def edit(**given: Any) -> None:
    """Time an edit from files to a video, each side a process, start-up and writing included; compare the frames.

    The released program encodes all pose frames as one batch, for which 175 want more than 32 GiB; here it encodes
    --released-batch of them at a time, which is the same work. 175 and 174 frames are its README's example.
    """
    from cmet.seeded_checkpoints import write_seeded_checkpoints

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if given["checkpoints"] is None:
            given["checkpoints"] = folder / "checkpoints"
            write_seeded_checkpoints(given["checkpoints"], NAMES)
        sound, pose = _cut_inputs(given, folder)
        once = child([sys.executable, "-c", CONVERT], **_variables(given["checkpoints"], folder)).seconds
        default = _our_edit(given, sound, pose, folder, "ours")
        released = _released_edit(given, sound, pose, folder)
        same = _our_edit(given, sound, pose, folder, "compat", "--compat", "official")
        print(f"released {released:.1f} CPU s, ours {default:.1f}, ratio {released / default:.2f}")
        print(f"ours with --compat official {same:.1f}, ratio {released / same:.2f}; once a checkpoint {once:.1f} more")
        theirs, ours = (np.load(folder / f"{side}.npy").astype(np.int16) for side in ("released", "compat"))
    gap = np.abs(ours - theirs)
    print(f"{len(gap)} frames differ by at most {gap.max()} of 255, in {100 * (gap > 0).mean():.3f} % of values")


def _cut_inputs(given: dict[str, Any], folder: Path) -> tuple[Path, Path]:
    """The sound and the pose clip (bit for bit) cut to the wanted numbers of frames."""
    from harness.media import VideoReader, VideoWriter, read_audio, write_wav

    sound, pose = folder / "sound.wav", folder / "pose.mp4"
    write_wav(sound, read_audio(given["audio"]).samples[: given["sound_frames"] * 640])
    frames = next(iter(VideoReader(given["pose"], fps=None, chunk=given["pose_frames"])))
    with VideoWriter(pose, frames.shape[2], frames.shape[1], fps=25, lossless=True) as writer:
        for picture in frames:
            writer.write(picture)
    return sound, pose


def _variables(checkpoints: Path, folder: Path) -> dict[str, Path]:
    """The environment that points our side to the checkpoints and to a cache of its own."""
    from harness.weights import table, variable

    files = {variable(name): checkpoints / table()[name].file for name in NAMES}
    return {**files, "CMET_BENCH_CACHE": folder / "cache"}


def _our_edit(given: dict[str, Any], sound: Path, pose: Path, folder: Path, name: str, *more: str) -> float:
    """CPU seconds of `bench.py edit`; its frames are kept as folder/name.npy."""
    command: list[object] = [sys.executable, RECORDED, "ours", folder / f"{name}.npy", "edit", "--no-face-check"]
    command += ["--source", given["source"], "--audio", sound, "--pose", pose, *more, "-o", folder / f"{name}.mp4"]
    command += ["--emotion-speech", given["emotion"], "--neutral-speech", given["neutral"]]
    return child(command, **_variables(given["checkpoints"], folder)).seconds


def _released_edit(given: dict[str, Any], sound: Path, pose: Path, folder: Path) -> float:
    """CPU seconds of the released inference.py in a folder made for it; its frames are kept as folder/released.npy."""
    place = folder / "released"
    (place / "pretrained_weights").mkdir(parents=True)
    for name in ("src", "inference.py"):
        (place / name).symlink_to(given["official"] / name)
    for name in ("Audio2Lip.pt", "EDTalk.pt", "EDTalk-V.pt"):  # demanded by name before the config is read
        (place / "pretrained_weights" / name).touch()
    text = (given["official"] / "configs" / "inference.yaml").read_text(encoding="utf-8")
    for place_of_theirs in ("./pretrained_weights", "./checkpoints"):
        text = text.replace(place_of_theirs, str(given["checkpoints"]))
    (place / "config.yaml").write_text(text, encoding="utf-8")
    values = {
        "config": place / "config.yaml", "device": "cpu", "source_path": given["source"], "audio_driving_path": sound,
        "pose_driving_path": pose, "save_path": folder / "released.mp4",
        "neu_e2v_path": given["neutral"], "emo_e2v_path": given["emotion"],
    }  # fmt: skip
    command: list[object] = [given["official_python"], RECORDED, "released", folder / "released.npy"]
    command += [part for name, value in values.items() for part in (f"--{name}", value)]
    return child(command, place, BENCH_PICTURES=given["released_batch"], HF_HUB_OFFLINE=1).seconds


@main.command()
@click.option("--weights", type=click.Choice(["demo", "official"]), default="demo", show_default=True)
@click.option("--checkpoints", type=FOLDER, help="Stand-ins of full size (python -m cmet.seeded_checkpoints DIR).")
@click.option("--seconds", multiple=True, type=float, default=(10.0, 60.0, 600.0), show_default=True)
def memory(weights: str, checkpoints: Path | None, seconds: tuple[float, ...]) -> None:
    """Print the peak memory of `bench.py edit` by the length of its sound, and the cost of one more minute.

    Full-size networks take half a second a frame: ten minutes of sound are two CPU hours.
    """
    peaks = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _make_inputs(folder, seconds)
        variables = _variables(checkpoints, folder) if checkpoints else {}
        for length in seconds:
            command: list[object] = [sys.executable, "bench.py", "edit", "--source", folder / "face.png"]
            command += ["--audio", folder / f"{length:g}.wav", "--pose", folder / "pose.mp4", "--no-face-check"]
            command += ["--emotion-speech", "happy" if weights == "demo" else folder / "happy", "--weights", weights]
            peaks[length] = child([*command, "-o", folder / f"{length:g}.mp4"], **variables).peak_mib
            print(f"{length:8g} s of sound: {peaks[length]:6.0f} MiB", flush=True)
    short, long = min(seconds), max(seconds)
    if long > short:
        print(f"one more minute: {60 * (peaks[long] - peaks[short]) / (long - short):.1f} MiB")


def _make_inputs(folder: Path, seconds: tuple[float, ...]) -> None:
    """A picture, a clip of one second, features of two emotions, and one noisy sound a length."""
    from PIL import Image

    from harness.media import VideoWriter, write_wav

    rng = np.random.default_rng(7)
    coarse = rng.integers(0, 255, (8, 8, 3), dtype=np.uint8)
    picture = Image.fromarray(coarse).resize((256, 256), Image.Resampling.BICUBIC)
    picture.save(folder / "face.png")
    with VideoWriter(folder / "pose.mp4", 256, 256) as writer:
        for shift in range(25):
            writer.write(np.roll(np.asarray(picture), shift, axis=1))
    for length in seconds:
        write_wav(folder / f"{length:g}.wav", rng.normal(0, 0.05, round(length * 16_000)).astype(np.float32))
    for name in ("happy", "neutral"):
        (folder / name).mkdir()
        np.save(folder / name / "one.npy", rng.normal(0, 0.4, 1024).astype(np.float32))


if __name__ == "__main__":
    main()
