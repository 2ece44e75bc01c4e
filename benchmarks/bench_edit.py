"""An edit from files to a video, ours beside the released program: CPU seconds, peak memory, and equality of frames.

    python benchmarks/bench_edit.py --official FOLDER --source PNG --audio WAV --pose MP4 --neutral DIR --emotion DIR
        [--pose-frames 30] [--sound-frames 30] [--checkpoints DIR] [--official-python PYTHON] [--out FILE.json]

FOLDER: a checkout of the released C-MET code; its own inference.py runs, with the calls that current libraries lack
put back (`RELEASED` below) and without the packages that it imports and does not use, whose start-up it is spared.
PYTHON needs librosa and omegaconf beside torch. DIRs hold speech features (*.npy). Clip and sound are cut to the given
numbers of frames first; 175 and 174 are the example of the released README. The released program encodes all pose
frames as one batch, for which 175 want more than 32 GiB; here it encodes --released-batch of them at a time, which is
the same work. Without --checkpoints, stand-ins of full size (1 GB) are made. Each side is one process with one thread,
start-up and writing of the video included.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

RELEASED = """
import argparse, os, runpy, sys, types
frames = os.environ["BENCH_FRAMES"]
import av, numpy as np, torch, torchvision
torch.set_num_threads(1)
for name, content in {
    "moviepy": {}, "moviepy.editor": {}, "funasr": {"AutoModel": None}, "pandas": {},
    "src.dataset_emo12": {"Dataset": None},
}.items():
    sys.modules[name] = types.ModuleType(name)
    vars(sys.modules[name]).update(content)
torch.qr = lambda matrix: torch.linalg.qr(matrix, mode="reduced")
torch.Tensor.cuda = torch.nn.Module.cuda = lambda self, *_, **__: self
torch.serialization.add_safe_globals([argparse.Namespace])
listing = os.listdir
os.listdir = lambda folder=".": sorted(listing(folder))
def read_video(path, pts_unit="sec"):
    with av.open(path) as container:
        stream = container.streams.video[0]
        fps = float(stream.average_rate)
        pictures = [frame.to_rgb().to_ndarray() for frame in container.decode(stream)]
    return torch.from_numpy(np.stack(pictures)), None, {"video_fps": fps}
def write_video(path, video, fps):
    np.save(frames, video.numpy())
    with av.open(path, "w") as container:
        stream = container.add_stream("libx264", rate=round(fps))
        stream.height, stream.width, stream.pix_fmt = video.shape[1], video.shape[2], "yuv420p"
        for picture in video.numpy():
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
torchvision.io.read_video, torchvision.io.write_video = read_video, write_video
sys.path.insert(0, os.getcwd())
from src.EDTalk.networks.generator import Generator
whole, size = Generator.compute_alpha_D, int(os.environ["BENCH_PICTURES"])
def by_parts(self, pictures):
    return tuple(torch.cat(codes) for codes in zip(*(whole(self, part) for part in pictures.split(size))))
Generator.compute_alpha_D = by_parts
sys.argv[0] = "inference.py"
runpy.run_path("inference.py", run_name="__main__")
"""
OURS = """
import os, sys
import numpy as np, torch
torch.set_num_threads(1)
import bench
from harness.media.encode import VideoWriter
write, kept = VideoWriter.write, []
def recorded(self, frame):
    kept.append(frame.copy())
    write(self, frame)
VideoWriter.write = recorded
code = bench.main(sys.argv[1:])
np.save(os.environ["BENCH_FRAMES"], np.stack(kept))
sys.exit(code)
"""

CONVERT = """
import os
import numpy as np
from cmet.weight_sets import load_networks
load_networks("official", ("backbone", "connector"))
np.save(os.environ["BENCH_FRAMES"], np.zeros((1, 1, 1, 3), np.uint8))
"""


def measure(
    python: str, code: str, arguments: list[str], folder: Path, extra: Mapping[str, str]
) -> tuple[float, np.ndarray]:
    """CPU seconds (user + system) of one child from start to end, and the frames that it handed to its encoder."""
    saved = Path(extra["BENCH_FRAMES"])
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", **extra}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [python, "-c", code, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode or not saved.is_file():
        sys.exit(done.stderr[-3000:])
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime, np.load(saved)


def cut_inputs(options: argparse.Namespace, folder: Path) -> tuple[Path, Path]:
    """The sound and the pose clip (bit for bit) cut to the wanted numbers of frames."""
    from harness.media import VideoReader, VideoWriter, read_audio, write_wav

    sound, pose = folder / "sound.wav", folder / "pose.mp4"
    write_wav(sound, read_audio(options.audio).samples[: options.sound_frames * 640])
    frames = next(iter(VideoReader(options.pose, fps=None, chunk=options.pose_frames)))
    with VideoWriter(pose, frames.shape[2], frames.shape[1], fps=25, lossless=True) as writer:
        for frame in frames:
            writer.write(frame)
    return sound, pose


def released_side(options: argparse.Namespace, sound: Path, pose: Path, folder: Path) -> tuple[float, np.ndarray]:
    """The released program on the cut inputs."""
    place = folder / "released"
    (place / "pretrained_weights").mkdir(parents=True)
    for name in ("src", "inference.py"):
        (place / name).symlink_to(options.official / name)
    for name in ("Audio2Lip.pt", "EDTalk.pt", "EDTalk-V.pt"):  # demanded by name before the config is read
        (place / "pretrained_weights" / name).touch()
    text = (options.official / "configs" / "inference.yaml").read_text(encoding="utf-8")
    for place_of_theirs in ("./pretrained_weights", "./checkpoints"):
        text = text.replace(place_of_theirs, str(options.checkpoints))
    config = place / "config.yaml"
    config.write_text(text, encoding="utf-8")
    values = {
        "config": config, "device": "cpu", "source_path": options.source, "audio_driving_path": sound,
        "pose_driving_path": pose, "save_path": folder / "released.mp4",
        "neu_e2v_path": options.neutral, "emo_e2v_path": options.emotion,
    }  # fmt: skip
    arguments = [part for name, value in values.items() for part in (f"--{name}", str(value))]
    saved = {"BENCH_FRAMES": str(folder / "released.npy"), "BENCH_PICTURES": str(options.released_batch)}
    return measure(options.official_python, RELEASED, arguments, place, saved)


def our_variables(options: argparse.Namespace, folder: Path) -> dict[str, str]:
    """The environment that points our side to the checkpoints and to a cache of its own."""
    from harness.weights import table, variable

    names = ("edtalk", "audio2lip", "cmet-connector")
    files = {variable(name): str(options.checkpoints / table()[name].file) for name in names}
    return {**files, "PYTHONPATH": str(ROOT), "CMET_BENCH_CACHE": str(folder / "cache")}


def conversion(options: argparse.Namespace, folder: Path) -> float:
    """CPU seconds of the first loading, which verifies the checkpoints and keeps safetensors copies."""
    saved = {**our_variables(options, folder), "BENCH_FRAMES": str(folder / "none.npy")}
    return measure(sys.executable, CONVERT, [], ROOT, saved)[0]


def our_side(
    options: argparse.Namespace, sound: Path, pose: Path, folder: Path, compat: bool
) -> tuple[float, np.ndarray]:
    """`bench.py edit` on the same files."""
    extra = our_variables(options, folder)
    extra["BENCH_FRAMES"] = str(folder / f"ours-{compat}.npy")
    arguments = [
        "edit", "--source", str(options.source), "--audio", str(sound), "--pose", str(pose),
        "--emotion-speech", str(options.emotion), "--neutral-speech", str(options.neutral), "--no-face-check",
        "-o", str(folder / f"ours-{compat}.mp4"), *(["--compat", "official"] if compat else []),
    ]  # fmt: skip
    return measure(sys.executable, OURS, arguments, ROOT, extra)


def compared(found: np.ndarray, expected: np.ndarray) -> dict[str, float]:
    """How far two clips of uint8 frames are apart."""
    if found.shape != expected.shape:
        sys.exit(f"The outputs have different shapes: {found.shape} and {expected.shape}.")
    gap = np.abs(found.astype(np.int16) - expected)
    return {
        "frames": len(found),
        "largest_difference": int(gap.max()),
        "share_of_values_that_differ": float((gap > 0).mean()),
    }


def run(options: argparse.Namespace, folder: Path) -> dict[str, object]:
    """Both sides, ours twice: as the released program, and with our defaults."""
    from cmet.seeded_checkpoints import write_seeded_checkpoints

    if options.checkpoints is None:
        options.checkpoints = folder / "checkpoints"
        write_seeded_checkpoints(options.checkpoints, ("edtalk", "audio2lip", "cmet-connector"))
    sound, pose = cut_inputs(options, folder)
    once = conversion(options, folder)
    default, _ = our_side(options, sound, pose, folder, compat=False)
    released, theirs = released_side(options, sound, pose, folder)
    same, ours = our_side(options, sound, pose, folder, compat=True)
    return {
        "pose_frames": options.pose_frames,
        "released_s": released,
        "ours_compat_s": same,
        "ours_s": default,
        "ours_once_per_checkpoint_s": once,
        "ratio_compat": released / same,
        "ratio": released / default,
        **compared(ours, theirs),
    }


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("official", "source", "audio", "pose", "neutral", "emotion"):
        parser.add_argument(f"--{name}", type=lambda text: Path(text).resolve(), required=True)
    parser.add_argument("--pose-frames", type=int, default=175)
    parser.add_argument("--sound-frames", type=int, default=174)
    parser.add_argument("--checkpoints", type=lambda text: Path(text).resolve())
    parser.add_argument("--released-batch", type=int, default=25)
    parser.add_argument("--official-python", default=sys.executable)
    parser.add_argument("--out", type=Path, help="also write the numbers as JSON")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        table = run(options, Path(name))
    for key, value in table.items():
        print(f"{key:30s} {value:.6g}" if isinstance(value, float) else f"{key:30s} {value}")
    if options.out:
        options.out.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
