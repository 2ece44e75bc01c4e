"""This program runs one edit, ours or the released one, and keeps the frames handed to its encoder for comparison.

    python recorded_edit.py ours FRAMES.npy edit …       (the words of bench.py)
    python recorded_edit.py released FRAMES.npy …        (the words of inference.py, in its folder)

bench_methods.py starts it. For the released program, calls that current libraries lack are put back, packages that it
imports and does not use are left out (it is spared their start-up), and BENCH_PICTURES pictures are encoded at a time.
"""

from __future__ import annotations

import os
import runpy
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch

UNUSED = ("moviepy", "moviepy.editor", "funasr", "pandas", "src.dataset_emo12")


def ours(frames: str, words: list[str]) -> int:
    """Run bench.py and keep what VideoWriter is given."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    import bench
    from harness.media.encode import VideoWriter

    write, kept = VideoWriter.write, []

    def recorded(self: VideoWriter, frame: Any) -> None:
        kept.append(frame.copy())
        write(self, frame)

    VideoWriter.write = recorded  # type: ignore[method-assign]
    code = bench.main(words)
    if code == 0:
        np.save(frames, np.stack(kept))
    return code


def released(frames: str, words: list[str]) -> int:
    """Run inference.py of the working directory and keep what it gives to torchvision."""
    import argparse

    import torchvision

    for name in UNUSED:
        sys.modules[name] = ModuleType(name)
        vars(sys.modules[name]).update(AutoModel=None, Dataset=None)
    torch.qr = lambda matrix: torch.linalg.qr(matrix, mode="reduced")
    torch.Tensor.cuda = torch.nn.Module.cuda = lambda self, *_, **__: self  # type: ignore[method-assign,assignment]
    torch.serialization.add_safe_globals([argparse.Namespace])
    listing = os.listdir
    os.listdir = lambda folder=".": sorted(listing(folder))  # type: ignore[assignment,arg-type]
    torchvision.io.read_video = _read_video
    torchvision.io.write_video = lambda path, video, fps: _write_video(frames, path, video, fps)
    sys.path[0] = os.getcwd()
    from src.EDTalk.networks.generator import Generator

    whole, size = Generator.compute_alpha_D, int(os.environ["BENCH_PICTURES"])
    Generator.compute_alpha_D = lambda self, pictures: tuple(
        torch.cat(codes) for codes in zip(*(whole(self, part) for part in pictures.split(size)), strict=True)
    )
    sys.argv = ["inference.py", *words]
    runpy.run_path("inference.py", run_name="__main__")
    return 0


def _read_video(path: str, pts_unit: str = "sec") -> tuple[torch.Tensor, None, dict[str, float]]:
    import av

    with av.open(path) as container:
        stream = container.streams.video[0]
        fps = float(stream.average_rate or 25)
        pictures = [frame.to_rgb().to_ndarray() for frame in container.decode(stream)]
    return torch.from_numpy(np.stack(pictures)), None, {"video_fps": fps}


def _write_video(frames: str, path: str, video: torch.Tensor, fps: float) -> None:
    import av

    np.save(frames, video.numpy())
    with av.open(path, "w") as container:
        stream: Any = container.add_stream("libx264", rate=round(fps))
        stream.height, stream.width, stream.pix_fmt = video.shape[1], video.shape[2], "yuv420p"
        for picture in video.numpy():
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


if __name__ == "__main__":
    torch.set_num_threads(1)
    sys.exit({"ours": ours, "released": released}[sys.argv[1]](sys.argv[2], sys.argv[3:]))
