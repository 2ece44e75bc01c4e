"""This module makes the material of both sides of a judges' comparison: real clips cut to one length, stand-in weights,
a protocol file.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from evaluators.emotion.emotion_fan import EmotionFAN
from evaluators.faces.s3fd import S3FD
from evaluators.fid.inception import Inception
from evaluators.identity.nets import facenet_module
from evaluators.sync.syncnet import SyncNet
from harness.errors import MissingError
from harness.media import VideoReader, VideoWriter, read_audio
from harness.records import SAMPLES_PER_FRAME
from harness.seeded import fill

SIDE_PX = 256
BLUR_PX = 1.5  # makes a "result" of a ground-truth clip
FILES = {
    "syncnet": "syncnet_v2.model",
    "s3fd": "sfd_face.pth",
    "inception": "pt_inception-2015-12-05-6726825d.pth",
    "facenet": "20180402-114759-vggface2.pt",
    "emotion": "emotion_fan.pth",
}
_LEAST_FRAMES = 75
_PIECE_STEP_FRAMES = 12

#: Our judges of the four card metrics: settings, and the stand-in weights that each takes.
CARD: dict[str, tuple[dict[str, str], str]] = {
    "lse": ({"dialect": "clean"}, "syncnet"),
    "fid": ({"samp": "5"}, "inception"),
    "identity": ({"samp": "every5"}, "facenet"),
    "emotion": ({"net": "efan8-eat", "samp": "every5"}, "emotion"),
}

Frames = npt.NDArray[np.uint8]


def protocol(path: Path, files: Mapping[str, Path], judges: Iterable[str] = CARD, every_frame: bool = False) -> Path:
    """Write a protocol with these judges on the stand-in weights; `every_frame`: full sampling."""
    lines = []
    for judge in judges:
        settings, name = CARD[judge]
        chosen = {**settings, "samp": "all"} if every_frame and "samp" in settings else settings
        given = {"evaluator": judge, **chosen, "weights": str(files[name]), "hash": "any", "gate": "off"}
        lines += ["[[metric]]", *(f'{key} = "{value}"' for key, value in given.items()), ""]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def clips(folder: Path, target: Path, frames: int, number: int) -> None:
    """Write target/truth/NN.mp4, target/made/NN.mp4 (the same, blurred), made/NN.png (identity), made/labels.csv."""
    truth, made = target / "truth", target / "made"
    rows = []
    for index, (pictures, sound) in enumerate(_pieces(folder, frames, number)):
        _write(truth / f"{index:02d}.mp4", pictures, sound)
        blurred = [np.asarray(cv2.GaussianBlur(picture, (0, 0), BLUR_PX), np.uint8) for picture in pictures]
        _write(made / f"{index:02d}.mp4", np.stack(blurred), sound)
        Image.fromarray(pictures[0]).save(made / f"{index:02d}.png")
        rows.append({"clip": f"{index:02d}.mp4", "emotion": "happy", "image": f"{index:02d}.png"})
    with (made / "labels.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, ["clip", "emotion", "image"])
        writer.writeheader()
        writer.writerows(rows)


def _pieces(folder: Path, frames: int, number: int) -> Iterable[tuple[Frames, npt.NDArray[np.float32]]]:
    """`number` pieces of `frames` frames at SIDE_PX, round the clips of `folder`, each later than the one before.

    Clips that are short, silent or named hard_* are left out; a clip that ends begins again.
    """
    sources = [found for path in sorted(folder.glob("*.mp4")) if (found := _source(path)) is not None]
    if not sources:
        raise MissingError(f"'{folder}' has no clip of three seconds with sound.", "Give --clips another folder.")
    for index in range(number):
        pictures, sound = sources[index % len(sources)]
        first = _PIECE_STEP_FRAMES * (index // len(sources))
        chosen = np.arange(first, first + frames) % len(pictures)
        samples = np.arange(first * SAMPLES_PER_FRAME, (first + frames) * SAMPLES_PER_FRAME) % len(sound)
        yield pictures[chosen], sound[samples]


def _source(path: Path) -> tuple[Frames, npt.NDArray[np.float32]] | None:
    reader = VideoReader(path)
    if path.name.startswith("hard_") or reader.frames < _LEAST_FRAMES or not reader.info.has_audio:
        return None
    pictures = np.concatenate(list(reader))
    if pictures.shape[1:3] != (SIDE_PX, SIDE_PX):
        pictures = np.stack([cv2.resize(p, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA) for p in pictures])
    sound = read_audio(path).samples
    wanted = len(pictures) * SAMPLES_PER_FRAME
    return pictures, np.pad(sound[:wanted], (0, max(0, wanted - len(sound))))


def repeated(clip: Path, target: Path, seconds: float) -> None:
    """Write the clip over and over until `seconds` are full."""
    pictures, track = np.concatenate(list(VideoReader(clip))), read_audio(clip).samples
    sound = np.resize(track, len(pictures) * SAMPLES_PER_FRAME)
    frames = np.arange(round(25 * seconds)) % len(pictures)
    with VideoWriter(target, pictures.shape[2], pictures.shape[1], audio=np.resize(sound, 640 * len(frames))) as writer:
        for frame in frames:
            writer.write(pictures[frame])


def _write(path: Path, pictures: Frames, sound: npt.NDArray[np.float32]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with VideoWriter(path, SIDE_PX, SIDE_PX, audio=sound) as writer:
        for picture in pictures:
            writer.write(picture)


def weights(folder: Path) -> dict[str, Path]:
    """Write full-size stand-in weights under the published file names, for both sides."""
    folder.mkdir(parents=True, exist_ok=True)
    classifier = {"logits.weight": torch.zeros(8631, 512), "logits.bias": torch.zeros(8631)}  # unused, but in the file
    states = {
        "syncnet": _syncnet(),
        "s3fd": _s3fd(),
        "inception": _filled(Inception()),
        "facenet": {**_filled(facenet_module()), **classifier},
        "emotion": _filled(EmotionFAN()),
    }
    for name, state in states.items():
        torch.save(state, folder / FILES[name])
    return {name: folder / file for name, file in FILES.items()}


def _filled(module: torch.nn.Module) -> dict[str, Any]:
    fill(module)
    return dict(module.state_dict())


def _syncnet() -> dict[str, Any]:
    state = _filled(SyncNet())
    state["netcnnlip.0.weight"] /= 128  # pictures come as 0..255, MFCC up to 20: distances of a natural size
    state["netcnnaud.0.weight"] /= 16
    return state


def _s3fd() -> dict[str, Any]:
    """A detector that computes everything and finds one face in the middle of a picture of SIDE_PX.

    Seeded heads find no face, and a pipeline without faces would have nothing to do. So the class heads say
    background everywhere except at the coarsest scale, whose one prior box is moved to the middle by its biases.
    """
    state = _filled(S3FD())
    for scale in range(6):
        state[f"conf.{scale}.weight"].zero_()
        background = [9.0, 0.0, 0.0, 0.0] if scale == 0 else [9.0, 0.0]
        state[f"conf.{scale}.bias"].copy_(torch.tensor(background if scale < 5 else [0.0, 9.0]))
    side = SIDE_PX * 0.25
    centre, size = 0.5 * 128 / side, 512 / side  # of the prior, as shares of the picture
    state["loc.5.weight"].zero_()
    move = (0.5 - centre) / (0.1 * size)
    grow = float(np.log(0.6 / size) / 0.2)
    state["loc.5.bias"].copy_(torch.tensor([move, move, grow, grow]))
    return state
