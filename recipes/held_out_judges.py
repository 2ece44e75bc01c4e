"""This program tests the demo's emotion and identity judges on held-out puppets and by the judges' own path:
`python -m recipes.held_out_judges [FOLDER]`. The figures are printed and written next to each file's recipe.

`rendered`: two clips of each test puppet as the renderer draws them. `h264`: clips that were written, read back,
searched by MTCNN and cropped as the judges do. `h264_soft`: the same, made worse first: half the size, as the demo
generator writes, and some of them blurred.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from datasets.puppets.affect import affect_point
from datasets.puppets.face import render
from datasets.puppets.identity import TEST_IDENTITIES
from datasets.puppets.motion import pose_track
from datasets.puppets.voice import speak
from evaluators.emotion import files as emotion
from evaluators.faces.crops import Picture, demo_crops
from evaluators.identity import files as identity
from harness.emotions import BASIC_EMOTIONS
from harness.media import VideoReader, VideoWriter
from networks.files import shipped
from recipes.augmentation import random_augmentation

FRAMES, EVERY, PEOPLE = 26, 5, 5


@dataclass(frozen=True)
class ClipCrops:
    """Holds one clip as the judges see it: the crops of every fifth frame that shows a face."""

    who: int
    emotion: str
    intensity: int
    crops: list[Picture]


def seen(rng: np.random.Generator, who: int, emotion: str, intensity: int, soft: bool, folder: Path) -> ClipCrops:
    """Returns one clip with the emotion on the face and neutral speech on the lips, as the test list's."""
    felt = affect_point(emotion, intensity)
    words, motion = (int(seed) for seed in rng.integers(1 << 30, size=2))
    said = speak(who, affect_point("neutral"), FRAMES, (53, words))
    augmentation = random_augmentation(rng)
    while soft and augmentation.side == 256:
        augmentation = random_augmentation(rng)
    path, size = folder / "held-out-face.mp4", augmentation.side if soft else 256
    with VideoWriter(path, size, size) as writer:
        for pose, mouth in zip(pose_track(FRAMES, (54, motion)), said.lips(), strict=True):
            frame = render(who, pose, mouth, felt)
            writer.write(augmentation(frame) if soft else frame)
    frames = np.concatenate(list(VideoReader(path)))
    path.unlink()
    face_crops = demo_crops(np.ascontiguousarray(frames[::EVERY]))
    return ClipCrops(who, emotion, intensity, [crop for crop in face_crops if crop is not None])


def rendered() -> list[ClipCrops]:
    """Returns two clips of each test puppet, straight from the renderer: each emotion sixteen times, levels in turn."""
    clips = []
    for number, who in enumerate(TEST_IDENTITIES):
        for half in range(2):
            emotion, level = BASIC_EMOTIONS[(2 * number + half + number // 4) % 8], (number + half) % 3 + 1
            felt, seed = affect_point(emotion, level), 2 * number + half
            lips, poses = speak(who, felt, FRAMES, (51, seed)).lips(), pose_track(FRAMES, (52, seed))
            frames = np.stack([render(who, poses[t], lips[t], felt) for t in range(0, FRAMES - 1, EVERY)])
            clips.append(ClipCrops(who, emotion, level, [crop for crop in demo_crops(frames) if crop is not None]))
    return clips


def clips(seed: int, folder: Path, people: int, soft: bool) -> list[ClipCrops]:
    """Returns crops of clips of `people` held-out puppets, each with all eight emotions at levels that alternate."""
    rng = np.random.default_rng([seed, 21, int(soft)])
    chosen = rng.choice(np.array(TEST_IDENTITIES), people, replace=False)
    return [
        seen(rng, int(who), emotion, (place + index) % 3 + 1, soft, folder)
        for place, who in enumerate(chosen)
        for index, emotion in enumerate(BASIC_EMOTIONS)
    ]


def emotion_figures(path: Path, sets: Mapping[str, Sequence[ClipCrops]]) -> dict[str, float]:
    """Returns the percent of clips whose emotion the stored judge names, by kind of clips."""
    from evaluators.emotion.nets import FrameAttention

    module = emotion.SHIPPED.load(path)
    net = FrameAttention(module, "eval", "cpu")
    figures: dict[str, float] = {}
    for kind, items in sets.items():
        named = [module.classes[int(np.argmax(net.logits(net.features(item.crops))))] for item in items]
        figures[f"clips_{kind}"] = len(items)
        figures[f"accuracy_{kind}"] = 100 * float(
            np.mean([name == item.emotion for name, item in zip(named, items, strict=True)])
        )
    return figures


def identity_figures(path: Path, sets: Mapping[str, Sequence[ClipCrops]]) -> dict[str, float]:
    """Returns AUC and mean cosines of pairs of frames of different clips: the same puppet, or two; by kind of clips."""
    import torch

    from evaluators.faces.crops import identity_input

    net = identity.SHIPPED.load(path)
    figures: dict[str, float] = {}
    for kind, items in sets.items():
        with torch.inference_mode():
            rows = net(identity_input([item.crops[len(item.crops) // 2] for item in items])).numpy()
        who = np.array([item.who for item in items])
        upper = np.triu(np.ones((len(who), len(who)), bool), 1)
        same = who[:, None] == who
        alike, unlike = (rows @ rows.T)[upper & same], (rows @ rows.T)[upper & ~same]
        figures[f"auc_{kind}"] = area_under_curve(alike, unlike)
        figures[f"cosine_same_{kind}"], figures[f"cosine_other_{kind}"] = float(alike.mean()), float(unlike.mean())
    return figures


def area_under_curve(above: npt.NDArray[np.floating], below: npt.NDArray[np.floating]) -> float:
    """Returns the chance that one of `above` is larger than one of `below`; ties count half."""
    order = np.sort(below)
    low, high = np.searchsorted(order, above, "left"), np.searchsorted(order, above, "right")
    return float((low + high).mean() / 2 / len(order))


def restore(path: Path, kind: str, figures: Mapping[str, float]) -> None:
    """Write the stored judge again, with its held-out figures next to its recipe; weights stay as they are."""
    from safetensors import safe_open

    with safe_open(str(path), framework="pt") as file:
        config, recipe = (json.loads(file.metadata()[name]) for name in ("config", "recipe"))
    stored = (emotion if kind == "emotion" else identity).SHIPPED
    rounded = {name: round(value, 4) for name, value in figures.items()}
    shipped.store(path, stored.load(path), config, {**recipe, "held_out": rounded})


def main(folder: Path) -> None:
    """Measure both judges of `folder`, print every figure, and keep it in the files."""
    with tempfile.TemporaryDirectory() as work:
        sets = {
            "rendered": rendered(),
            "h264": clips(1, Path(work), PEOPLE, soft=False),
            "h264_soft": clips(1, Path(work), PEOPLE, soft=True),
        }
    for kind, measure in (("emotion", emotion_figures), ("identity", identity_figures)):
        path = folder / f"{kind}.safetensors"
        figures = measure(path, sets)
        restore(path, kind, figures)
        for name, value in figures.items():
            print(f"{kind} judge: {name} {value:.4f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else shipped.FOLDER)
