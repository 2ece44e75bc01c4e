"""Held-out figures of the demo's emotion and identity judges: `python -m cmet.recipes.figures [FOLDER]`.

Only test identities (64-127) are shown, as the renderer draws them; every figure is taken from the stored file.
"""

from __future__ import annotations

import sys
from itertools import combinations
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from datasets.puppet_affect import affect_point
from datasets.puppet_face import render
from datasets.puppet_identity import TEST_IDENTITIES
from datasets.puppet_motion import pose_track
from datasets.puppet_voice import speak
from evaluators import demo_weights
from evaluators.labels import EAT_FAN
from harness.records import BASIC_EMOTIONS

Picture = npt.NDArray[np.uint8]

CLIP_FRAMES, EVERY = 25, 5


def clip_crops(who: int, emotion: str, level: int, seed: int) -> list[Picture]:
    """Judge crops of every fifth frame of a one-second clip."""
    from evaluators.crops import demo_crops

    affect = affect_point(emotion, level)
    lips = speak(who, affect, CLIP_FRAMES, (51, seed)).lips()
    poses = pose_track(CLIP_FRAMES, (52, seed))
    frames = [render(who, poses[t], lips[t], affect) for t in range(0, CLIP_FRAMES, EVERY)]
    return [crop for crop in demo_crops(np.stack(frames)) if crop is not None]


def all_crops() -> list[tuple[int, str, list[Picture]]]:
    """Two clips of each test puppet: each emotion sixteen times, levels in turn."""
    clips = []
    for number, who in enumerate(TEST_IDENTITIES):
        for half in range(2):
            emotion = BASIC_EMOTIONS[(2 * number + half + number // 4) % 8]
            clips.append((who, emotion, clip_crops(who, emotion, (number + half) % 3 + 1, 2 * number + half)))
    return clips


def emotion_accuracy(clips: list[tuple[int, str, list[Picture]]], path: Path) -> float:
    """Share of clips whose emotion the judge names."""
    from evaluators.emotion_nets import FrameAttention

    judge = FrameAttention(demo_weights.load_emotion(path), "eval", "cpu")
    right = [EAT_FAN[int(judge.logits(judge.features(crops)).argmax())] == name for _, name, crops in clips]
    return float(np.mean(right))


def identity_auc(clips: list[tuple[int, str, list[Picture]]], path: Path) -> float:
    """Chance that two pictures of one puppet, in different clips, are more alike than two of different puppets."""
    network = demo_weights.load_identity(path)
    pictures = np.stack([crop for _, _, crops in clips for crop in crops[::2]])
    people = np.array([who for who, _, crops in clips for _ in crops[::2]])
    clip = np.array([index for index, (_, _, crops) in enumerate(clips) for _ in crops[::2]])
    with torch.inference_mode():
        parts = torch.from_numpy(pictures).permute(0, 3, 1, 2).float().div(127.5).sub(1).split(64)
        embedded = torch.cat([network(part) for part in parts]).numpy()
    alike = embedded @ embedded.T
    same = (people[:, None] == people) & (clip[:, None] != clip)
    other = people[:, None] != people
    positive, negative = np.sort(alike[same]), np.sort(alike[other])
    below = np.searchsorted(negative, positive, "left") + np.searchsorted(negative, positive, "right")
    return float(below.mean() / 2 / len(negative))


def main(folder: Path) -> None:
    """Print every figure."""
    clips = all_crops()
    people = {who for who, _, _ in clips}
    print(f"emotion judge: {emotion_accuracy(clips, folder / 'emotion.safetensors'):.3f} of {len(clips)} clips right")
    pairs = len(list(combinations(people, 2)))
    auc = identity_auc(clips, folder / "identity.safetensors")
    print(f"identity judge: AUC {auc:.4f} over {len(people)} puppets ({pairs} pairs of puppets)")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else demo_weights.FOLDER)
